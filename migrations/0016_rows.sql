-- Pieces and records as rows again, and bodies compressed. A run says what the numbers of its rows are relative to, so that they are short, and
-- where its rows are: rows that are only ever appended cost little, and SQL over the views reads several times as many in a second as it
-- found in JSON arrays. Rows of a deleted run go with it.

CREATE TABLE piece_row (
    -- One delivery of body bytes, in numbers relative to its run; see the view piece.
    id    INTEGER PRIMARY KEY, -- the rows of a run follow each other
    unit  INTEGER NOT NULL,
    t_ns  INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    off   INTEGER NOT NULL,
    len   INTEGER NOT NULL,    -- not relative
    gap   INTEGER NOT NULL     -- not relative
) STRICT;
INSERT INTO piece_row (unit, t_ns, frame, off, len, gap)
    SELECT unit, t_ns, frame, off, len, gap FROM piece ORDER BY exchange_id, side, seq;

CREATE TABLE new_piece_run AS
    SELECT exchange_id, side, min(seq) AS seq, min(row) AS first_row, count(*) AS rows
    FROM (SELECT exchange_id, side, seq, row_number() OVER (ORDER BY exchange_id, side, seq) AS row FROM piece)
    GROUP BY exchange_id, side;

CREATE TABLE record_row (
    -- One record, in numbers relative to its run; see the view record.
    id       INTEGER PRIMARY KEY, -- the rows of a run follow each other
    t_ns     INTEGER NOT NULL,
    first_ns INTEGER NOT NULL,    -- time of its last byte - time of its first byte
    frame    INTEGER NOT NULL,
    start    INTEGER NOT NULL,
    len      INTEGER NOT NULL,    -- not relative
    carries  INTEGER NOT NULL,    -- 1 visible text, 2 reasoning, 4 tool call, 8 terminator, 16 error; added up
    event    TEXT                 -- event type
) STRICT;
INSERT INTO record_row (t_ns, first_ns, frame, start, len, carries, event)
    SELECT t_ns, t_ns - t_first_ns, frame, start, stop - start,
        content + 2 * reasoning + 4 * tool + 8 * terminator + 16 * error, event
    FROM record ORDER BY exchange_id, n;

CREATE TABLE new_record_run AS
    SELECT exchange_id, min(n) AS n, min(row) AS first_row, count(*) AS rows
    FROM (SELECT exchange_id, n, row_number() OVER (ORDER BY exchange_id, n) AS row FROM record)
    GROUP BY exchange_id;

DROP VIEW piece;
DROP VIEW record;
DROP TABLE piece_run;
DROP TABLE record_run;

CREATE TABLE piece_run (
    -- Rows of `piece_row` that belong together.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL, -- 0 request, 1 response
    seq         INTEGER NOT NULL, -- of the first piece
    first_row   INTEGER NOT NULL, -- piece_row.id of the first piece
    rows        INTEGER NOT NULL, -- how many
    unit        INTEGER NOT NULL, -- base of the transfer units
    t_ns        INTEGER NOT NULL, -- base of the times
    frame       INTEGER NOT NULL, -- base of the packet numbers
    off         INTEGER NOT NULL  -- base of the offsets
) STRICT;
INSERT INTO piece_run (exchange_id, side, seq, first_row, rows, unit, t_ns, frame, off)
    SELECT exchange_id, side, seq, first_row, rows, 0, 0, 0, 0 FROM new_piece_run;
DROP TABLE new_piece_run;

CREATE TABLE record_run (
    -- Rows of `record_row` that belong together.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    n           INTEGER NOT NULL, -- of the first record
    first_row   INTEGER NOT NULL, -- record_row.id of the first record
    rows        INTEGER NOT NULL, -- how many
    t_ns        INTEGER NOT NULL, -- base of the times
    frame       INTEGER NOT NULL, -- base of the packet numbers
    start       INTEGER NOT NULL  -- base of the offsets
) STRICT;
INSERT INTO record_run (exchange_id, n, first_row, rows, t_ns, frame, start)
    SELECT exchange_id, n, first_row, rows, 0, 0, 0 FROM new_record_run;
DROP TABLE new_record_run;
CREATE INDEX piece_run_exchange ON piece_run (exchange_id, side, seq);
CREATE INDEX record_run_exchange ON record_run (exchange_id, n);

CREATE TRIGGER piece_run_gone AFTER DELETE ON piece_run BEGIN
    DELETE FROM piece_row WHERE id >= old.first_row AND id < old.first_row + old.rows;
END;
CREATE TRIGGER record_run_gone AFTER DELETE ON record_run BEGIN
    DELETE FROM record_row WHERE id >= old.first_row AND id < old.first_row + old.rows;
END;

CREATE VIEW piece AS
    -- One delivery of body bytes: with segment all that is needed to send the body again, byte for byte, boundary for boundary, at its times.
    SELECT r.exchange_id,
        r.side,                          -- 0 request, 1 response
        r.seq + p.id - r.first_row AS seq, -- from 0
        r.unit + p.unit AS unit,         -- transfer unit that it belongs to: chunk, DATA frame; without such units each delivery counts as one
        r.t_ns + p.t_ns AS t_ns,         -- when the bytes became deliverable in order
        r.frame + p.frame AS frame,      -- packet number in the capture, from 1; 0 without packets
        r.off + p.off AS off,            -- offset in the wire body, missing bytes counted
        p.len,                           -- bytes
        p.gap                            -- 1: these bytes were not captured (len 0: nobody knows how many)
    FROM piece_run r CROSS JOIN piece_row p ON p.id >= r.first_row AND p.id < r.first_row + r.rows;

CREATE VIEW record AS
    -- One unit of the response's framing: SSE event, line, array element, message.
    SELECT r.exchange_id,
        r.n + p.id - r.first_row AS n,   -- from 0
        r.t_ns + p.t_ns AS t_ns,         -- time of its last byte
        r.t_ns + p.t_ns - p.first_ns AS t_first_ns, -- time of its first byte
        r.frame + p.frame AS frame,      -- packet of its last byte
        r.start + p.start AS start,      -- offset of its first byte in the decoded body
        r.start + p.start + p.len AS stop, -- offset behind its last byte
        p.event,                         -- SSE event type and the like
        p.carries & 1 AS content,        -- 1: visible text
        p.carries >> 1 & 1 AS reasoning, -- 1: reasoning
        p.carries >> 2 & 1 AS tool,      -- 1: part of a tool call
        p.carries >> 3 & 1 AS terminator, -- 1: a terminator
        p.carries >> 4 & 1 AS error      -- 1: an error object
    FROM record_run r CROSS JOIN record_row p ON p.id >= r.first_row AND p.id < r.first_row + r.rows;

ALTER TABLE segment ADD COLUMN coding TEXT; -- zstd: data is one frame of it (RFC 8878); null: data is as it was sent
