-- WebSockets (RFC 6455): the exchange whose response head opened one. Its response_* columns, pieces, records and times hold what the server sent
-- behind the head, its request's pieces what the client sent; response_framing is 'websocket'. HTTP itself had ended with the head.
ALTER TABLE exchange ADD COLUMN websocket /* JSON: {t_open_ns, client_messages, client_close, server_close}; null: no WebSocket */ TEXT;

-- What a layer noticed may have lasted: a shut window, a retransmission that was waited for.
ALTER TABLE oddity ADD COLUMN span_ns /* for how long it lasted, until t_ns; null: a moment */ INTEGER;
