-- What users call a session, and what they note about it.
ALTER TABLE session ADD COLUMN name /* a word for it, which options take in place of its number; null: none */ TEXT;
ALTER TABLE session ADD COLUMN note /* text of the user; null: none */ TEXT;
CREATE UNIQUE INDEX session_name ON session (name) WHERE name IS NOT NULL;
