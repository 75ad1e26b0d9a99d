-- Pieces and records of one exchange in runs: a row for each piece and each record costs more time than all reading of the packets.
-- A run is a JSON array, so any SQLite shell still sees every piece and record by itself, through the views `piece` and `record`.
-- Inside a run times, packets and offsets are relative to the run's own columns: short numbers.

CREATE TABLE piece_run (
    -- Up to 256 deliveries of body bytes, see the view piece.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL, -- 0 request, 1 response
    seq         INTEGER NOT NULL, -- of the first piece
    t_ns        INTEGER NOT NULL, -- base of the times
    frame       INTEGER NOT NULL, -- base of the packet numbers
    off         INTEGER NOT NULL, -- base of the offsets
    data        TEXT NOT NULL     -- [[unit, time - t_ns, packet - frame, offset - off, length, gap], …]
) STRICT;
INSERT INTO piece_run (exchange_id, side, seq, t_ns, frame, off, data)
    SELECT exchange_id, side, min(seq), 0, 0, 0, json_group_array(json_array(unit, t_ns, frame, off, len, gap))
    FROM (SELECT * FROM piece ORDER BY exchange_id, side, seq) GROUP BY exchange_id, side, seq / 256;
CREATE INDEX piece_run_exchange ON piece_run (exchange_id, side, seq);
DROP TABLE piece;

CREATE TABLE record_run (
    -- Up to 256 records, see the view record.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    n           INTEGER NOT NULL, -- of the first record
    t_ns        INTEGER NOT NULL, -- base of the times
    frame       INTEGER NOT NULL, -- base of the packet numbers
    start       INTEGER NOT NULL, -- base of the offsets
    data        TEXT NOT NULL     -- [[time - t_ns, time - first time, packet - frame, start - start, length, carries, event type], …]
                                  -- carries: 1 visible text, 2 reasoning, 4 tool call, 8 terminator, 16 error; added up
) STRICT;
INSERT INTO record_run (exchange_id, n, t_ns, frame, start, data)
    SELECT exchange_id, min(n), 0, 0, 0, json_group_array(json_array(t_ns, t_ns - t_first_ns, frame, start, stop - start,
        content + 2 * reasoning + 4 * tool + 8 * terminator + 16 * error, event))
    FROM (SELECT * FROM record ORDER BY exchange_id, n) GROUP BY exchange_id, n / 256;
CREATE INDEX record_run_exchange ON record_run (exchange_id, n);
DROP TABLE record;

CREATE VIEW piece AS
    -- One delivery of body bytes: with segment all that is needed to send the body again, byte for byte, boundary for boundary, at its times.
    SELECT r.exchange_id,
        r.side,                          -- 0 request, 1 response
        r.seq + j.key AS seq,            -- from 0
        j.value ->> 0 AS unit,           -- transfer unit that it belongs to: chunk, DATA frame; without such units each delivery counts as one
        r.t_ns + (j.value ->> 1) AS t_ns, -- when the bytes became deliverable in order
        r.frame + (j.value ->> 2) AS frame, -- packet number in the capture, from 1; 0 without packets
        r.off + (j.value ->> 3) AS off,  -- offset in the wire body, missing bytes counted
        j.value ->> 4 AS len,            -- bytes
        j.value ->> 5 AS gap             -- 1: these bytes were not captured (len 0: nobody knows how many)
    FROM piece_run r, json_each(r.data) j;

CREATE VIEW record AS
    -- One unit of the response's framing: SSE event, line, array element, message.
    SELECT r.exchange_id,
        r.n + j.key AS n,                -- from 0
        r.t_ns + (j.value ->> 0) AS t_ns, -- time of its last byte
        r.t_ns + (j.value ->> 0) - (j.value ->> 1) AS t_first_ns, -- time of its first byte
        r.frame + (j.value ->> 2) AS frame, -- packet of its last byte
        r.start + (j.value ->> 3) AS start, -- offset of its first byte in the decoded body
        r.start + (j.value ->> 3) + (j.value ->> 4) AS stop, -- offset behind its last byte
        j.value ->> 6 AS event,          -- SSE event type and the like
        (j.value ->> 5) & 1 AS content,  -- 1: visible text
        (j.value ->> 5) >> 1 & 1 AS reasoning, -- 1: reasoning
        (j.value ->> 5) >> 2 & 1 AS tool, -- 1: part of a tool call
        (j.value ->> 5) >> 3 & 1 AS terminator, -- 1: a terminator
        (j.value ->> 5) >> 4 & 1 AS error -- 1: an error object
    FROM record_run r, json_each(r.data) j;
