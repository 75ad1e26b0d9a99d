-- Encrypted Client Hello (RFC 9849): where the hello has the extension, or a GREASE of it, the server name that is seen may be that of the outer hello.
-- Null without TLS, where no hello was seen, and in older recordings.
ALTER TABLE connection ADD COLUMN ech INTEGER; -- 1: the ClientHello has encrypted_client_hello
ALTER TABLE exchange ADD COLUMN ech INTEGER;   -- the same of its connection

DROP VIEW v_exchanges;
CREATE VIEW v_exchanges AS
    -- The fields of `sniff list --format json`, flat: request_*, response_*, tcp_*; times and spans without prefix. Flags are 0 or 1.
    SELECT e.id, e.session, e.stream, e.h2_stream, e.tls, e.sni, e.alpn, e.client_ip, e.client_port, e.server_ip, e.server_port, e.http_version, e.ech,
        e.request_method, e.request_scheme, e.request_authority, e.request_path, e.request_content_type, e.request_user_agent,
        e.request_body_bytes, e.request_body_sha256, e.request_model, e.request_stream,
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
        e.t_request_start_ns, e.t_request_end_ns, e.t_response_start_ns, e.t_first_body_byte_ns, e.t_first_record_ns, e.t_first_delta_ns,
        e.t_last_delta_ns, e.t_response_end_ns,
        e.ttfb_ns / 1e6 AS ttfb_ms, e.ttft_ns / 1e6 AS ttft_ms, e.ttft_content_ns / 1e6 AS ttft_content_ms, e.itl_p50_ns / 1e6 AS itl_p50_ms,
        e.itl_p99_ns / 1e6 AS itl_p99_ms, e.itl_max_ns / 1e6 AS itl_max_ms, e.tpot_ns / 1e6 AS tpot_ms, e.duration_ns / 1e6 AS duration_ms,
        e.t_first_reasoning_sign_ns, e.ttfr_ns / 1e6 AS ttfr_ms, e.load_ns / 1e6 AS load_ms, e.prefill_ns / 1e6 AS prefill_ms,
        e.first_token_ns / 1e6 AS first_token_ms,
        e.verdict, e.verdict_why, e.delivery,
        (SELECT json_group_array(json_object('rule', f.rule, 'level', f.level, 'record', f.record, 'offset', f.offset, 'message', f.message))
            FROM (SELECT * FROM finding WHERE finding.exchange_id = e.id ORDER BY n) f) AS findings
    FROM exchange e LEFT JOIN connection c ON c.session_id = e.session AND c.stream = e.stream
    WHERE e.done;

