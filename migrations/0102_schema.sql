-- The schema. A recording is one session; its exchanges own heads, bodies, records and findings. Times are nanoseconds since 1970 UTC.

CREATE TABLE session (
    -- One recording run.
    id             INTEGER PRIMARY KEY AUTOINCREMENT, -- counts over the life of the database, never reused
    source         TEXT NOT NULL,                     -- what was read: devices or a file, as named on the command line
    started_ns     INTEGER NOT NULL,                  -- clock of the recording machine when it began
    ended_ns       INTEGER,                           -- the same when it ended; null while it runs, or if it was killed
    packets        INTEGER,                           -- packets read
    bytes          INTEGER,                           -- packet bytes read
    dropped_kernel INTEGER,                           -- packets dropped for lack of buffer space; null where nobody counts
    dropped_device INTEGER,                           -- packets dropped by the device or its driver; null where nobody counts
    version        TEXT NOT NULL,                     -- version of the program that recorded
    options        TEXT NOT NULL,                     -- JSON object: the options that shaped the recording
    pid            INTEGER,                           -- number of the process
    pid_start      INTEGER,                           -- when it started, in clock ticks after the boot: numbers of processes are used again
    boot_id        TEXT,                              -- the boot that both belong to (/proc/sys/kernel/random/boot_id)
    pid_space      TEXT,                              -- the namespace that the number belongs to (/proc/self/ns/pid): containers have their own
    stopped        TEXT,                              -- why nothing more was stored before the end: a limit, or an error of the disk; null: nothing stopped it
    name           TEXT,                              -- a word for it, which options take in place of its number; null: none
    note           TEXT                               -- text of the user; null: none
) STRICT;
CREATE UNIQUE INDEX session_name ON session (name) WHERE name IS NOT NULL;

CREATE TABLE connection (
    -- One TCP connection, written when it is over.
    session_id             INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    stream                 INTEGER NOT NULL, -- number within the session, from 0
    client_ip              TEXT NOT NULL,    -- the end that asks
    client_port            INTEGER NOT NULL,
    server_ip              TEXT NOT NULL,    -- the end that answers
    server_port            INTEGER NOT NULL,
    opened_ns              INTEGER NOT NULL, -- first packet seen
    closed_ns              INTEGER NOT NULL, -- last packet seen
    speaks                 TEXT NOT NULL,    -- http/1, http/2, tls, other, unknown
    tls                    INTEGER NOT NULL, -- 1: it was TLS and could be read
    sni                    TEXT,             -- server name asked for in TLS
    alpn                   TEXT,             -- protocol agreed on in TLS
    exchanges              INTEGER NOT NULL, -- exchanges read from it
    packets                INTEGER NOT NULL, -- packets of it
    client_bytes           INTEGER NOT NULL, -- payload bytes client to server, each counted once
    server_bytes           INTEGER NOT NULL, -- payload bytes server to client
    handshake_seen         INTEGER NOT NULL, -- 1: SYN and SYN-ACK were captured
    retransmitted_segments INTEGER NOT NULL, -- segments of which every byte had been seen before
    out_of_order_segments  INTEGER NOT NULL, -- segments that came behind a later one and brought new bytes
    hole                   INTEGER NOT NULL, -- 1: bytes that both ends know of are missing from the capture
    client_fin             INTEGER NOT NULL, -- 1: the client closed
    server_fin             INTEGER NOT NULL, -- 1: the server closed
    client_rst             INTEGER NOT NULL, -- 1: the client reset
    server_rst             INTEGER NOT NULL, -- 1: the server reset
    client_fin_ns          INTEGER,          -- when the client closed; null: it did not, or nobody saw it
    server_fin_ns          INTEGER,          -- the same of the server
    client_rst_ns          INTEGER,          -- when the client reset
    server_rst_ns          INTEGER,          -- when the server reset
    rtt_client_ns          INTEGER,          -- least round-trip time between the capture point and the client; null: unknown
    rtt_server_ns          INTEGER,          -- the same of the server
    tls_version            TEXT,             -- version agreed on, as 1.3
    tls_suite              INTEGER,          -- cipher suite agreed on, by its number
    alpn_offered           TEXT,             -- protocols that the client offered, a JSON array
    unread                 TEXT,             -- why the content could not be read, and what helps; null where it could
    ech                    INTEGER,          -- 1: the ClientHello has encrypted_client_hello
    PRIMARY KEY (session_id, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE exchange (
    -- One request and its response. The row is there from the first byte (done = 0) so that parts can refer to it; all else is filled in at its end.
    -- Long texts stand last: SQLite reads a row up to the last column that is asked for.
    id                                 INTEGER PRIMARY KEY AUTOINCREMENT, -- over all sessions, in order of begin, never reused
    session                            INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    done                               INTEGER NOT NULL DEFAULT 0, -- 1: finished and whole; 0: still running, or the recording was killed
    stream                             INTEGER, -- connection.stream
    h2_stream                          INTEGER, -- HTTP/2 stream identifier
    tls                                INTEGER, -- 1: inside TLS
    sni                                TEXT,    -- server name asked for
    alpn                               TEXT,    -- protocol agreed on
    client_ip                          TEXT,
    client_port                        INTEGER,
    server_ip                          TEXT,
    server_port                        INTEGER,
    http_version                       TEXT,    -- 1.0, 1.1, 2
    request_method                     TEXT,    -- null: the request was not captured
    request_scheme                     TEXT,    -- http, https
    request_authority                  TEXT,    -- Host field or :authority
    request_path                       TEXT,    -- request target as sent
    request_content_type               TEXT,    -- as sent
    request_body_bytes                 INTEGER, -- after transfer decoding
    request_body_sha256                TEXT,    -- null: empty body, or bytes are missing
    request_model                      TEXT,    -- "model" of a JSON body
    request_stream                     INTEGER, -- "stream" of a JSON body
    response_status                    INTEGER, -- null: the head was not captured
    response_content_type              TEXT,    -- as sent
    response_transfer                  TEXT,    -- chunked, length, close, h2, none
    response_content_encoding          TEXT,    -- as sent
    response_wire_body_bytes           INTEGER, -- after transfer decoding, before content decoding
    response_wire_body_sha256          TEXT,    -- null: bytes are missing
    response_decoded_bytes             INTEGER, -- after content decoding too
    response_decoded_sha256            TEXT,    -- null: bytes are missing
    response_chunks                    INTEGER, -- HTTP/1.1 chunks without the last, or DATA frames; null for bodies without such units
    response_framing                   TEXT,    -- what the bytes are: sse, ndjson, json-array, …; null: nothing of the response was captured
    response_dialect                   TEXT,    -- openai.chat, anthropic.messages, …; none: records that no dialect claims; null: no records
    response_variant                   TEXT,    -- provider variant of the dialect
    response_records                   INTEGER, -- records of the framing
    response_content_deltas            INTEGER, -- records with visible text
    response_reasoning_deltas          INTEGER, -- records with reasoning
    response_tool_deltas               INTEGER, -- records with tool calls
    response_finish_reason             TEXT,    -- of the lowest choice
    response_terminator_expected       TEXT,    -- what the dialect promises at the end
    response_terminator_seen           INTEGER, -- 1: any terminator came
    response_terminator_own            INTEGER, -- 1: the dialect's own came
    response_terminator_is_last_record INTEGER, -- 1: nothing came behind it; null without records
    response_complete                  INTEGER, -- 1: the transfer framing ended properly
    response_cut_by                    TEXT,    -- client, server, capture
    t_request_start_ns                 INTEGER, -- first byte of the request
    t_request_end_ns                   INTEGER, -- last byte of the request
    t_response_start_ns                INTEGER, -- first byte of the final status line
    t_first_body_byte_ns               INTEGER, -- first byte of the response body
    t_first_record_ns                  INTEGER, -- first record complete
    t_first_delta_ns                   INTEGER, -- first record with output
    t_last_delta_ns                    INTEGER, -- last record with output
    t_response_end_ns                  INTEGER, -- last byte of the response
    ttfb_ns                            INTEGER, -- response start - request end
    ttft_ns                            INTEGER, -- first delta - request end
    ttft_content_ns                    INTEGER, -- first delta with visible text - request end
    itl_p50_ns                         INTEGER, -- between successive deltas: median
    itl_p99_ns                         INTEGER, -- 99th percentile
    itl_max_ns                         INTEGER, -- longest
    tpot_ns                            INTEGER, -- (last delta - first delta) / (output tokens - 1)
    duration_ns                        INTEGER, -- response end - request end
    gap                                INTEGER, -- 1: bytes of it are missing from the capture
    comments                           INTEGER, -- SSE comments in the response
    output_tokens                      INTEGER, -- by the stream's own figure
    request_transfer                   TEXT,    -- how the request's body was delimited
    request_complete                   INTEGER, -- 1: the request ended properly
    request_units                      INTEGER, -- request chunks without the last, or DATA frames; null for bodies without such units
    request_cut_by                     TEXT,    -- client, server, capture; null: complete
    tls_version                        TEXT,    -- as 1.3
    tls_suite                          INTEGER, -- cipher suite number
    verdict                            TEXT,    -- how the answer ended and whose doing it was
    t_first_reasoning_sign_ns          INTEGER, -- first sign of reasoning, with text or without
    ttfr_ns                            INTEGER, -- from the request's last byte to it
    load_ns                            INTEGER, -- how long the model was loaded, where the stream shows it (LM Studio)
    prefill_ns                         INTEGER, -- how long the prompt was read, likewise
    first_token_ns                     INTEGER, -- from there to the first delta
    ech                                INTEGER, -- the same of its connection
    request_rpc_method                 TEXT,    -- method of a JSON-RPC request or notification
    request_rpc_name                   TEXT,    -- what it is called on: the tool, the prompt, the resource's address
    rpc_answer_ns                      INTEGER, -- from the request's last byte to its response, where that came in this exchange
    rpc_first_delta_ns                 INTEGER, -- always null: the first delta of such a request comes in another exchange
    rpc_key                            INTEGER, -- hash of the connection's id (Acp-Connection-Id, Mcp-Session-Id) and the request's id
    request_user_agent                 TEXT,    -- as sent
    response_informational             TEXT,    -- JSON array: status codes of interim heads
    response_trailers                  TEXT,    -- JSON object
    response_models                    TEXT,    -- JSON array: models that the answer names, in the order in which they answered
    dialect_why                        TEXT,    -- how the dialect was recognised
    verdict_why                        TEXT,    -- JSON array: the facts on which the verdict rests
    websocket                          TEXT,    -- JSON: {t_open_ns, client_messages, client_close, server_close}; null: no WebSocket
    response_finish_reasons            TEXT,    -- JSON object: by choice, where there are several
    response_terminator_which          TEXT,    -- the last one that came
    response_usage                     TEXT,    -- JSON as sent
    response_error_in_stream           TEXT,    -- error object or text inside the stream
    rpc_answers                        TEXT,    -- JSON: [rpc_key, time of the response, time of the first delta] of requests of other exchanges
    delivery                           TEXT,    -- JSON array: how the answer was delivered, in sentences
    response_tool_arguments            TEXT,    -- JSON object: arguments by call
    response_texts                     TEXT,    -- JSON object: texts by choice, where there are several
    response_text                      TEXT,    -- text of the lowest choice
    response_reasoning_text            TEXT     -- reasoning of the lowest choice
) STRICT;
CREATE INDEX exchange_session ON exchange (session, stream);
-- Few exchanges have answers to requests of others.
CREATE INDEX exchange_rpc_answers ON exchange (session) WHERE rpc_answers IS NOT NULL;
-- In the order in which exchanges began, as `list` shows them.
CREATE INDEX exchange_begun ON exchange (coalesce(t_request_start_ns, t_response_start_ns, t_first_body_byte_ns));

CREATE TABLE head (
    -- Heads and trailer sections, byte for byte.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL,    -- 0 request, 1 response
    kind        TEXT NOT NULL CHECK (kind IN ('head', 'trailer', 'interim')), -- interim: a 1xx before the response
    raw         BLOB NOT NULL,       -- start line, fields, empty line as sent (HTTP/2: name: value lines made from the block)
    t_first_ns  INTEGER,             -- time of its first byte; null for trailer sections
    h2_stream   INTEGER,             -- HTTP/2 stream that carried it; null: HTTP/1
    t_last_ns   INTEGER              -- time of its last byte
) STRICT;
CREATE INDEX head_exchange ON head (exchange_id, side);

CREATE TABLE field (
    -- The fields of these heads, one by one, in order and case as sent.
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL,             -- 0 request, 1 response
    kind        TEXT NOT NULL,                -- head, trailer, interim
    n           INTEGER NOT NULL,             -- position, from 0
    name        TEXT NOT NULL COLLATE NOCASE, -- compare without case: name = 'content-type'
    value       TEXT NOT NULL,                -- without the whitespace around it; bytes outside UTF-8 replaced (head.raw has them)
    PRIMARY KEY (exchange_id, side, kind, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE piece_run (
    -- Rows of `piece_row` that belong together.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL,    -- 0 request, 1 response
    seq         INTEGER NOT NULL,    -- of the first piece
    first_row   INTEGER NOT NULL,    -- piece_row.id of the first piece
    rows        INTEGER NOT NULL,    -- how many
    unit        INTEGER NOT NULL,    -- base of the transfer units
    t_ns        INTEGER NOT NULL,    -- base of the times
    frame       INTEGER NOT NULL,    -- base of the packet numbers
    off         INTEGER NOT NULL     -- base of the offsets
) STRICT;
CREATE INDEX piece_run_exchange ON piece_run (exchange_id, side, seq);
CREATE TRIGGER piece_run_gone AFTER DELETE ON piece_run BEGIN
    DELETE FROM piece_row WHERE id >= old.first_row AND id < old.first_row + old.rows;
END;

CREATE TABLE piece_row (
    -- One delivery of body bytes, in numbers relative to its run; see the view piece.
    id    INTEGER PRIMARY KEY, -- the rows of a run follow each other
    unit  INTEGER NOT NULL,    -- - piece_run.unit
    t_ns  INTEGER NOT NULL,    -- - piece_run.t_ns
    frame INTEGER NOT NULL,    -- - piece_run.frame
    off   INTEGER NOT NULL,    -- - piece_run.off
    len   INTEGER NOT NULL,    -- not relative
    gap   INTEGER NOT NULL     -- not relative
) STRICT;

CREATE TABLE segment (
    -- Body bytes after transfer decoding, before content decoding, many pieces in one row.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL,    -- 0 request, 1 response
    off         INTEGER NOT NULL,    -- offset of the first byte in the wire body, as piece.off
    data        BLOB NOT NULL,       -- the bytes, coded as `coding` says
    coding      TEXT                 -- zstd: data is one frame of it (RFC 8878); null: data is as it was sent
) STRICT;
CREATE INDEX segment_exchange ON segment (exchange_id, side, off);

CREATE TABLE unit_line (
    -- Chunk size lines that are not plain lower-case hex: extensions, leading zeros, capitals.
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    side        INTEGER NOT NULL, -- 0 request, 1 response
    unit        INTEGER NOT NULL, -- piece.unit
    line        BLOB NOT NULL,    -- as sent, without CRLF
    PRIMARY KEY (exchange_id, side, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE record_run (
    -- Rows of `record_row` that belong together.
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    n           INTEGER NOT NULL,    -- of the first record
    first_row   INTEGER NOT NULL,    -- record_row.id of the first record
    rows        INTEGER NOT NULL,    -- how many
    t_ns        INTEGER NOT NULL,    -- base of the times
    frame       INTEGER NOT NULL,    -- base of the packet numbers
    start       INTEGER NOT NULL     -- base of the offsets
) STRICT;
CREATE INDEX record_run_exchange ON record_run (exchange_id, n);
CREATE TRIGGER record_run_gone AFTER DELETE ON record_run BEGIN
    DELETE FROM record_row WHERE id >= old.first_row AND id < old.first_row + old.rows;
END;

CREATE TABLE record_row (
    -- One record, in numbers relative to its run; see the view record.
    id       INTEGER PRIMARY KEY, -- the rows of a run follow each other
    t_ns     INTEGER NOT NULL,    -- - record_run.t_ns
    first_ns INTEGER NOT NULL,    -- time of its last byte - time of its first byte
    frame    INTEGER NOT NULL,    -- - record_run.frame
    start    INTEGER NOT NULL,    -- - record_run.start
    len      INTEGER NOT NULL,    -- not relative
    carries  INTEGER NOT NULL,    -- 1 visible text, 2 reasoning, 4 tool call, 8 terminator, 16 error; added up
    event    TEXT                 -- event type
) STRICT;

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
    server_rst_ns          INTEGER,          -- when the server reset
    server_close_notify_ns INTEGER,          -- when the server sent close_notify
    seen_until_ns          INTEGER NOT NULL  -- newest packet of any connection then: how long silence is known to have lasted
) STRICT;

CREATE TABLE hop (
    -- When a delivery crossed the client's side of the proxy. Its own time (piece.t_ns, record.t_ns) is that of the upstream side.
    session_id  INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
    frame       INTEGER NOT NULL, -- number of the delivery: piece.frame, record.frame
    t_client_ns INTEGER NOT NULL, -- response: handed to the client; request: come in from it
    PRIMARY KEY (session_id, frame)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
    -- One violation of one rule by one exchange; equal ones are folded into the first.
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    n           INTEGER NOT NULL, -- worst first, from 0
    rule        TEXT NOT NULL,    -- code, see: sniff explain CODE
    level       TEXT NOT NULL CHECK (level IN ('error', 'warning', 'info')), -- how bad
    record      INTEGER,          -- record.n
    offset      INTEGER,          -- in the decoded body
    t_ns        INTEGER,          -- when it showed
    count       INTEGER NOT NULL, -- how often
    message     TEXT NOT NULL,    -- what is wrong, one sentence
    packet      INTEGER,          -- packet that the finding is about; null: none
    chunk       INTEGER,          -- transfer unit that the finding is about; null: none
    excerpt     TEXT,             -- JSON: the bytes around the place; null: none
    fix         TEXT,             -- what to do in this case; null: what the rule advises
    PRIMARY KEY (exchange_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE oddity (
    -- What the layers noticed; findings are judged from these.
    exchange_id INTEGER NOT NULL REFERENCES exchange(id) ON DELETE CASCADE,
    n           INTEGER NOT NULL, -- in order of first sight, from 0
    kind        TEXT NOT NULL,    -- layer.what
    t_ns        INTEGER NOT NULL, -- time of the first
    offset      INTEGER,          -- of the first, in the terms of its layer
    record      INTEGER,          -- of the first
    count       INTEGER NOT NULL, -- how many of this kind
    found       TEXT NOT NULL,    -- what was found, for people
    span_ns     INTEGER,          -- for how long it lasted, until t_ns; null: a moment
    frame       INTEGER,          -- packet of the delivery in which it was noticed
    unit        INTEGER,          -- transfer unit of that delivery
    PRIMARY KEY (exchange_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_verdict (
    -- What the models of clients make of an exchange, as `sniff report clients` has computed it.
    exchange_id INTEGER PRIMARY KEY REFERENCES exchange(id) ON DELETE CASCADE,
    models      TEXT NOT NULL, -- version of the models; verdicts of another version are computed again
    verdicts    TEXT           -- JSON: outcomes, reasons, clients by number, or why no model can judge; null: no stream
) STRICT;

CREATE TABLE salt (
    -- Stand-ins for secrets, [redacted, LENGTH bytes, HASH], hash under it: equal secrets have equal hashes within this database.
    value BLOB NOT NULL -- random bytes
) STRICT;
INSERT INTO salt VALUES (randomblob(16));

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

CREATE VIEW v_exchanges AS
    -- The fields of `sniff list --format json`, flat: request_*, response_*, tcp_*; times and spans without prefix. Flags are 0 or 1.
    SELECT e.id, e.session, e.stream, e.h2_stream, e.tls, e.sni, e.alpn, e.client_ip, e.client_port, e.server_ip, e.server_port, e.http_version, e.ech,
        e.request_method, e.request_scheme, e.request_authority, e.request_path, e.request_content_type, e.request_user_agent,
        e.request_body_bytes, e.request_body_sha256, e.request_model, e.request_stream, e.request_rpc_method, e.request_rpc_name,
        e.response_status, e.response_content_type, e.response_transfer, e.response_content_encoding, e.response_informational,
        e.response_wire_body_bytes, e.response_wire_body_sha256, e.response_decoded_bytes, e.response_decoded_sha256, e.response_chunks,
        e.response_trailers, e.response_framing, e.response_dialect, e.response_variant, e.response_records, e.response_content_deltas,
        e.response_reasoning_deltas, e.response_tool_deltas, e.response_text, e.response_texts, e.response_reasoning_text,
        e.response_tool_arguments, e.response_finish_reason, e.response_finish_reasons, e.response_usage,
        e.response_terminator_expected, e.response_terminator_seen, e.response_terminator_which, e.response_terminator_own,
        e.response_terminator_is_last_record, e.response_error_in_stream, e.response_complete, e.response_cut_by, e.response_models,
        c.handshake_seen AS tcp_handshake_seen, c.retransmitted_segments AS tcp_retransmitted_segments,
        c.out_of_order_segments AS tcp_out_of_order_segments, c.hole AS tcp_hole, c.client_fin AS tcp_client_fin,
        c.server_fin AS tcp_server_fin, c.client_rst AS tcp_client_rst, c.server_rst AS tcp_server_rst,
        c.rtt_client_ns / 1e6 AS tcp_rtt_client_ms, c.rtt_server_ns / 1e6 AS tcp_rtt_server_ms,
        e.t_request_start_ns, e.t_request_end_ns, e.t_response_start_ns, e.t_first_body_byte_ns, e.t_first_record_ns, e.t_first_delta_ns,
        e.t_last_delta_ns, e.t_response_end_ns,
        e.ttfb_ns / 1e6 AS ttfb_ms, e.ttft_ns / 1e6 AS ttft_ms, e.ttft_content_ns / 1e6 AS ttft_content_ms, e.itl_p50_ns / 1e6 AS itl_p50_ms,
        e.itl_p99_ns / 1e6 AS itl_p99_ms, e.itl_max_ns / 1e6 AS itl_max_ms, e.tpot_ns / 1e6 AS tpot_ms, e.duration_ns / 1e6 AS duration_ms,
        e.t_first_reasoning_sign_ns, e.ttfr_ns / 1e6 AS ttfr_ms, e.load_ns / 1e6 AS load_ms, e.prefill_ns / 1e6 AS prefill_ms,
        e.first_token_ns / 1e6 AS first_token_ms,
        e.rpc_answer_ns / 1e6 AS rpc_answer_ms, e.rpc_first_delta_ns / 1e6 AS rpc_first_delta_ms,
        e.verdict, e.verdict_why, e.delivery,
        (SELECT json_group_array(json_object('rule', f.rule, 'level', f.level, 'record', f.record, 'offset', f.offset, 'message', f.message))
            FROM (SELECT * FROM finding WHERE finding.exchange_id = e.id ORDER BY n) f) AS findings
    FROM exchange e LEFT JOIN connection c ON c.session_id = e.session AND c.stream = e.stream
    WHERE e.done;

CREATE VIEW v_chunks AS
    -- Response chunks: HTTP/1.1 chunks, DATA frames, or deliveries where the body has no such units. t_ns is the time of the last byte,
    -- t_client_ns the time at which a proxy had handed it to the client (null where packets were recorded).
    SELECT p.exchange_id, p.unit AS n, max(p.t_ns) AS t_ns, min(p.t_ns) AS t_first_ns, min(p.off) AS offset, sum(p.len) AS len, max(p.gap) AS gap,
        max(h.t_client_ns) AS t_client_ns
    FROM piece p JOIN exchange e ON e.id = p.exchange_id LEFT JOIN hop h ON h.session_id = e.session AND h.frame = p.frame
    WHERE p.side = 1 GROUP BY p.exchange_id, p.unit;

CREATE VIEW v_records AS
    -- Records with what they carry; "end" is the offset behind the last byte.
    SELECT r.exchange_id, r.n, r.t_ns, r.t_first_ns, r.frame, r.start, r.stop AS "end",
        CASE WHEN r.error THEN 'error' WHEN r.terminator THEN 'terminator' WHEN r.content OR r.reasoning OR r.tool THEN 'delta' ELSE 'other' END AS kind,
        r.event,
        CASE WHEN r.content THEN 'content' WHEN r.reasoning THEN 'reasoning' WHEN r.tool THEN 'tool' END AS delta
    FROM record r;

CREATE VIEW v_findings AS
    -- Findings with the exchange that they are about.
    SELECT f.exchange_id, e.session, f.n, f.rule, f.level, f.record, f.offset, f.t_ns, f.packet, f.chunk, f.count, f.message, f.excerpt,
        e.request_authority, e.request_path, e.request_model, e.response_dialect, e.response_status
    FROM finding f JOIN exchange e ON e.id = f.exchange_id;
