-- What is known of a TLS connection from outside, and why its content could not be read.

ALTER TABLE connection ADD COLUMN tls_version  TEXT;    -- version agreed on, as 1.3
ALTER TABLE connection ADD COLUMN tls_suite    INTEGER; -- cipher suite agreed on, by its number
ALTER TABLE connection ADD COLUMN alpn_offered TEXT;    -- protocols that the client offered, a JSON array
ALTER TABLE connection ADD COLUMN unread       TEXT;    -- why the content could not be read, and what helps; null where it could
