-- What was missing to give back a whole exchange as it was read: interim heads with their fields, times and streams of heads, how a request ended.
-- Rows from before have nulls here: their exchanges come back with what is known.

ALTER TABLE head ADD COLUMN t_first_ns /* time of its first byte; null for trailer sections */ INTEGER;
ALTER TABLE head ADD COLUMN h2_stream /* HTTP/2 stream that carried it; null: HTTP/1 */ INTEGER;
ALTER TABLE exchange ADD COLUMN request_units /* request chunks without the last, or DATA frames; null for bodies without such units */ INTEGER;
ALTER TABLE exchange ADD COLUMN request_cut_by /* client, server, capture; null: complete */ TEXT;
ALTER TABLE exchange ADD COLUMN tls_version /* as 1.3 */ TEXT;
ALTER TABLE exchange ADD COLUMN tls_suite /* cipher suite number */ INTEGER;
