-- A finding may have advice of its own.
ALTER TABLE finding ADD COLUMN fix TEXT; -- what to do in this case; null: what the rule advises
