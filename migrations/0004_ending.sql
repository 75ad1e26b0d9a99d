-- How exchanges and their connections ended: what told so, whose doing it was, and when each end let go.

CREATE TABLE ending (
    -- The end of an exchange's answer, as far as it was seen when the exchange was over; of its request, where no answer began.
    exchange_id            INTEGER PRIMARY KEY REFERENCES exchange(id) ON DELETE CASCADE,
    kind                   TEXT NOT NULL,    -- whole: no-body, zero-chunk, length, end-stream, close; cut: fin, reset, close-notify, rst-stream, goaway, idle, capture-end, not-captured, switched
    by                     TEXT NOT NULL,    -- whose doing: client, server, capture
    t_ns                   INTEGER NOT NULL, -- when: its last byte, or the FIN or frame that cut it, or the last packet before the silence
    frame                  INTEGER NOT NULL, -- packet of that; 0 without packets
    code                   INTEGER,          -- error code of RST_STREAM or GOAWAY
    last_stream            INTEGER,          -- last stream that GOAWAY names
    last_byte_ns           INTEGER,          -- last byte of the answer's body
    terminator_ns          INTEGER,          -- first terminator of the records, as [DONE]
    finish_ns              INTEGER,          -- first finish reason
    client_fin_ns          INTEGER,          -- FIN of the client before the exchange was over
    client_rst_ns          INTEGER,          -- RST of the client before that
    client_close_notify_ns INTEGER,          -- TLS close_notify of the client
    server_fin_ns          INTEGER,          -- the same of the server
    server_rst_ns          INTEGER,
    server_close_notify_ns INTEGER,
    seen_until_ns          INTEGER NOT NULL  -- newest packet of any connection then: how long silence is known to have lasted
) STRICT;

-- First FIN and RST of each end over the whole life of the connection; null where there was none.
ALTER TABLE connection ADD COLUMN client_fin_ns INTEGER;
ALTER TABLE connection ADD COLUMN server_fin_ns INTEGER;
ALTER TABLE connection ADD COLUMN client_rst_ns INTEGER;
ALTER TABLE connection ADD COLUMN server_rst_ns INTEGER;
