-- What only a proxy knows: both hops of a delivery. And secrets, of which a salted hash is stored instead.

CREATE TABLE salt (
    -- Stand-ins for secrets, [redacted, LENGTH bytes, HASH], hash under it: equal secrets have equal hashes within this database.
    value BLOB NOT NULL
) STRICT;
INSERT INTO salt VALUES (randomblob(16));

CREATE TABLE hop (
    -- When a delivery crossed the client's side of the proxy. Its own time (piece.t_ns, record.t_ns) is that of the upstream side.
    session_id  INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    frame       INTEGER NOT NULL, -- number of the delivery: piece.frame, record.frame
    t_client_ns INTEGER NOT NULL, -- response: handed to the client; request: come in from it
    PRIMARY KEY (session_id, frame)
) STRICT, WITHOUT ROWID;

DROP VIEW v_chunks;
CREATE VIEW v_chunks AS
    -- Response chunks: HTTP/1.1 chunks, DATA frames, or deliveries where the body has no such units. t_ns is the time of the last byte,
    -- t_client_ns the time at which a proxy had handed it to the client (null where packets were recorded).
    SELECT p.exchange_id, p.unit AS n, max(p.t_ns) AS t_ns, min(p.t_ns) AS t_first_ns, min(p.off) AS offset, sum(p.len) AS len, max(p.gap) AS gap,
        max(h.t_client_ns) AS t_client_ns
    FROM piece p JOIN exchange e ON e.id = p.exchange_id LEFT JOIN hop h ON h.session_id = e.session AND h.frame = p.frame
    WHERE p.side = 1 GROUP BY p.exchange_id, p.unit;
