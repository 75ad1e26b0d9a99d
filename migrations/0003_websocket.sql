-- WebSockets (RFC 6455): the exchange whose response head opened one. Its response_* columns, pieces, records and times hold what the server sent
-- behind the head, its request's pieces what the client sent; response_framing is 'websocket'. HTTP itself had ended with the head.
ALTER TABLE exchange ADD COLUMN websocket TEXT; -- JSON: {t_open_ns, client_messages, client_close, server_close}; null: no WebSocket
