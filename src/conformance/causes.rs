//! How servers come to break rules, and what to write instead: texts shared by rules that have one cause. A rule
//! belongs to the first cause that names it.
//!
//! Judging does not need these texts; `sniff explain` prints them. A rule that no cause names has only its own `fix`.

/// One way in which streams go wrong.
#[derive(Debug)]
pub struct Cause {
    /// Its name, a short phrase.
    pub title: &'static str,
    /// How servers usually come to it, a paragraph.
    pub how: &'static str,
    /// Codes of the rules that it explains.
    pub rules: &'static [&'static str],
    /// What to write, by stack: (stack, line of code or setting).
    pub fixes: &'static [(&'static str, &'static str)],
}

/// The cause that names this rule.
pub fn of(code: &str) -> Option<&'static Cause> {
    CAUSES.iter().find(|c| c.rules.contains(&code))
}

/// All causes, the more specific ones first.
pub static CAUSES: &[Cause] = &[
    Cause {
        title: "the content type is not set, or set by the wrong layer",
        how: "A handler returns a generator, and the framework gives it the default type: none, text/plain, \
            application/json. Or a middleware sets a second one.",
        rules: &["HTTP-001", "HTTP-002", "HTTP-003", "HTTP-004", "HTTP-005"],
        fixes: &[
            ("FastAPI, Starlette", "StreamingResponse(events(), media_type=\"text/event-stream\")"),
            ("Express, Node", "res.setHeader('Content-Type', 'text/event-stream; charset=utf-8')"),
            ("Go net/http", "w.Header().Set(\"Content-Type\", \"text/event-stream\")  // before the first Write"),
            ("Spring", "@PostMapping(produces = MediaType.TEXT_EVENT_STREAM_VALUE)"),
            ("axum", "Sse::new(stream)  // sets it; for lines of JSON: [(CONTENT_TYPE, \"application/x-ndjson\")]"),
        ],
    },
    Cause {
        title: "a hop is not asked to pass the answer on, or does not do what it is asked",
        how: "A hop decides by its configuration what it collects, and most know the field Incremental only as one \
            that they pass on. The answer then says that it is not held back, and is. Set the field, and set the \
            switch of each hop besides. HTTP libraries collect too: in the server until a flush, in the client until \
            the body is whole, unless they are asked for a stream.",
        rules: &["HTTP-029", "HTTP-030", "DLV-017"],
        fixes: &[
            ("any server", "Incremental: ?1  # not true, not 1; in the response, whatever the request said"),
            ("nginx", "proxy_buffering off; proxy_http_version 1.1;  # or X-Accel-Buffering: no in the response"),
            ("Caddy", "reverse_proxy app:8000 { flush_interval -1 }"),
            (
                "Envoy",
                "no buffer filter on the route; per route: typed_per_filter_config envoy.filters.http.buffer disabled",
            ),
            ("Go", "&httputil.ReverseProxy{FlushInterval: -1}; in a handler w.(http.Flusher).Flush() after each event"),
            (
                "Node",
                "res.flushHeaders(); res.write(event)  // no compression middleware, or its flush() after each event",
            ),
            (
                "Python servers",
                "StreamingResponse, which sends each yield; no middleware that reads the body (BaseHTTPMiddleware)",
            ),
            ("Python clients", "client.stream(\"POST\", …) and iter_lines() of httpx; stream=True of requests"),
            ("a hop that cannot", "501 with Proxy-Status: NAME; error=incremental_refused"),
        ],
    },
    Cause {
        title: "something on the way collects the answer",
        how: "The server streams, and a proxy, a compressor or a middleware that needs the whole body (ETag, \
            logging, Content-Length) holds it back. The sign is that the first token comes together with the last \
            one. Each hop has its own switch.",
        rules: &[
            "HTTP-010",
            "HTTP-011",
            "HTTP-012",
            "HTTP-013",
            "HTTP-014",
            "DLV-001",
            "DLV-002",
            "DLV-008",
            "DLV-011",
            "OLLAMA-002",
        ],
        fixes: &[
            ("nginx", "proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection \"\"; gzip off;"),
            ("any server", "Cache-Control: no-cache, no-transform  and  X-Accel-Buffering: no"),
            ("Express", "compression({ filter: (req, res) => !/event-stream/.test(res.getHeader('Content-Type')) })"),
            (
                "Starlette",
                "Starlette's GZipMiddleware leaves event streams alone in newer versions: upgrade, or exclude the \
                    route",
            ),
            ("Go net/http", "w.(http.Flusher).Flush()  // after each event; wrappers of w must keep Flusher"),
            ("Spring", "server.compression.mime-types without text/event-stream"),
            ("Envoy", "no buffer filter on the route; compressor content_type without text/event-stream"),
        ],
    },
    Cause {
        title: "the connection ends before the answer does",
        how: "A worker dies or is killed by a timeout (gunicorn's 30 s), an exception leaves the generator after the \
            head, or an idle limit on the way ends the connection while nothing is generated: nginx and AWS ALB at \
            60 s, HAProxy 50 s, Cloudflare 100 to 125 s, Envoy 300 s, NLB 350 s.",
        rules: &["HTTP-006", "HTTP-007", "HTTP-015", "DLV-006", "DLV-010", "DLV-007"],
        fixes: &[
            ("gunicorn", "--timeout 0, or a uvicorn worker, which has no such limit"),
            ("FastAPI, Starlette", "try: … except Exception as e: yield error_event(e)  # inside the generator"),
            ("nginx", "proxy_read_timeout 600s;"),
            ("Envoy", "route timeout: 0s, stream_idle_timeout: 600s"),
            ("any server", "write `: keep-alive` and an empty line every 15 s while nothing is generated"),
        ],
    },
    Cause {
        title: "HTTP is written by hand",
        how: "The handler sets fields that belong to the HTTP library, or writes chunks itself. It works on one \
            server and breaks with another.",
        rules: &["HTTP-008", "HTTP-009", "HTTP-016"],
        fixes: &[
            ("any server", "set neither Transfer-Encoding, Connection nor Content-Length on a stream"),
            ("Node", "res.write(text)  // res chunks by itself"),
            ("Go net/http", "w.Write(b); flusher.Flush()  // no Hijack"),
        ],
    },
    Cause {
        title: "something fails after the head was sent",
        how: "Status and head are already sent, so the framework's error handler can't change them. It writes its \
            JSON or its page into the body, under status 200. To a client that is not an event, or it is an answer \
            without text.",
        rules: &[
            "HTTP-017",
            "HTTP-018",
            "HTTP-019",
            "HTTP-020",
            "SSE-007",
            "SSE-008",
            "SSE-009",
            "OAI-CHAT-026",
            "OAI-CHAT-027",
            "ANT-007",
            "OLLAMA-003",
            "AWS-002",
        ],
        fixes: &[
            (
                "FastAPI, Starlette",
                "except Exception as e: yield f'data: {json.dumps({\"error\": {\"message\": str(e), \"type\": \
                    \"server_error\"}})}\\n\\n'",
            ),
            (
                "Express, Node",
                "catch (e) { res.write(`data: ${JSON.stringify({ error: { message: e.message } })}\\n\\n`); res.end() }",
            ),
            ("Go net/http", "fmt.Fprintf(w, \"data: {\\\"error\\\":{\\\"message\\\":%q}}\\n\\n\", err); return"),
            (
                "before the first byte",
                "get the first token, then send the head: until then a status of 4xx or 5xx can be sent",
            ),
            ("nginx", "proxy_intercept_errors off;"),
        ],
    },
    Cause {
        title: "events are put together as strings",
        how: "Event streams look like text, so they are written with a format string: it is easy to write one space, \
            line end or empty line too many or too few. A reader that goes line by line forgives most of that; the \
            standard's algorithm does not.",
        rules: &[
            "SSE-001", "SSE-002", "SSE-003", "SSE-004", "SSE-005", "SSE-006", "SSE-012", "SSE-013", "SSE-014",
            "SSE-017", "SSE-019", "SSE-020", "SSE-021", "SSE-022", "SSE-025", "GEM-002",
        ],
        fixes: &[
            ("FastAPI, Starlette", "yield f\"data: {json.dumps(chunk)}\\n\\n\""),
            ("sse-starlette", "yield {\"data\": json.dumps(chunk)}  # EventSourceResponse(…, sep=\"\\n\", ping=15)"),
            ("Express, Node", "res.write(`data: ${JSON.stringify(chunk)}\\n\\n`)"),
            ("Go net/http", "fmt.Fprintf(w, \"data: %s\\n\\n\", b)  // b, _ := json.Marshal(chunk)"),
            ("Spring", "SseEmitter.event().data(\" \" + json)  // it writes no space itself"),
            ("axum", "Event::default().data(json)  // from 0.7 on with the space"),
        ],
    },
    Cause {
        title: "the event's name is left out, or made up",
        how: "Two families of streams look alike: OpenAI's chat has no event names, Anthropic's and the Responses \
            API have one for each event. A gateway that writes both with one function gets one of them wrong.",
        rules: &["SSE-010", "SSE-011"],
        fixes: &[
            ("chat completions", "data: {…}"),
            (
                "Anthropic, Responses",
                "event: content_block_delta, and on the next line data: {\"type\":\"content_block_delta\",…}",
            ),
            ("sse-starlette", "leave `event` out of the dictionary for chat"),
        ],
    },
    Cause {
        title: "characters are cut, or not written as the standard demands",
        how: "Tokens are bytes, and a token may end inside a character. A server that decodes each token by itself, \
            or escapes it by itself, sends halves. Others write what their JSON library allows and the standard does \
            not.",
        rules: &["SSE-015", "SSE-016", "SSE-018", "SSE-023", "SSE-024", "SSE-026"],
        fixes: &[
            ("Python", "codecs.getincrementaldecoder(\"utf-8\")(); json.dumps(x, allow_nan=False)"),
            (
                "Hugging Face",
                "TextIteratorStreamer, which holds incomplete characters back; not tokenizer.decode(token)",
            ),
            ("Node", "new TextDecoder('utf-8').decode(bytes, { stream: true })"),
            ("Go", "utf8.DecodeRune on what has gathered; json.Marshal escapes U+2028 and U+2029 by itself"),
        ],
    },
    Cause {
        title: "no part of the server is responsible for the end",
        how: "The loop over the tokens ends, and so does the handler: no terminator. Or server and gateway both \
            write one. Or the handler continues to count, log or clean up while the client waits for the end of the \
            body.",
        rules: &["OAI-CHAT-001", "OAI-CHAT-002", "OAI-CHAT-003", "OAI-CHAT-004", "HTTP-021", "OAI-CMPL-001", "DLV-009"],
        fixes: &[
            (
                "FastAPI, Starlette",
                "yield \"data: [DONE]\\n\\n\"  # last line of the generator; the rest in BackgroundTask",
            ),
            ("Express, Node", "res.write('data: [DONE]\\n\\n'); res.end()"),
            ("Go net/http", "io.WriteString(w, \"data: [DONE]\\n\\n\"); return"),
            ("Spring", "flux.concatWith(Flux.just(\" [DONE]\")); with SseEmitter then complete()"),
        ],
    },
    Cause {
        title: "the finish reason is made in the wrong place",
        how: "The model server knows why it stopped only when it stops. The code that makes chunks writes the reason \
            into each chunk, into none, or uses its own word. A parser finds tool calls afterwards, when `stop` is \
            already set.",
        rules: &[
            "OAI-CHAT-005",
            "OAI-CHAT-008",
            "OAI-CHAT-009",
            "OAI-CHAT-010",
            "OAI-CHAT-037",
            "OAI-CHAT-040",
            "OAI-CHAT-041",
            "GEM-001",
            "GEM-004",
            "OLLAMA-001",
        ],
        fixes: &[
            ("the last chunk", "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}  then usage, then [DONE]"),
            ("reasons", "eos → stop, max_tokens → length, any tool call → tool_calls, filtered → content_filter"),
        ],
    },
    Cause {
        title: "the serialiser decides which keys are there",
        how: "Chunks are objects of a class, and one option drops or writes all nulls. The published schema demands \
            some keys as null (finish_reason), some absent (error, role of later deltas) and some always (index, \
            delta, choices).",
        rules: &[
            "OAI-CHAT-006",
            "OAI-CHAT-007",
            "OAI-CHAT-011",
            "OAI-CHAT-012",
            "OAI-CHAT-013",
            "OAI-CHAT-014",
            "OAI-CHAT-015",
            "OAI-CHAT-016",
            "OAI-CHAT-017",
            "OAI-CHAT-018",
            "OAI-CHAT-022",
            "OAI-CHAT-023",
            "OAI-CHAT-024",
            "OAI-CHAT-025",
            "OAI-CHAT-035",
        ],
        fixes: &[
            ("pydantic", "model_dump_json(exclude_unset=True)  # not exclude_none: set finish_reason=None by hand"),
            (
                "Go",
                "FinishReason *string `json:\"finish_reason\"`  // no omitempty; Error *Error \
                    `json:\"error,omitempty\"`",
            ),
            ("Jackson", "@JsonInclude(ALWAYS) on finishReason, @JsonInclude(NON_NULL) on error"),
            ("serde", "#[serde(skip_serializing_if = \"Option::is_none\")] on error, not on finish_reason"),
        ],
    },
    Cause {
        title: "a value of the response is made for each chunk",
        how: "The class of the chunk has a default factory for id and time, so each chunk gets its own. Or the id is \
            a constant, a counter, or a random number below a thousand.",
        rules: &["OAI-CHAT-019", "OAI-CHAT-020", "OAI-CHAT-021"],
        fixes: &[
            ("Python", "rid, now = f\"chatcmpl-{uuid4().hex}\", int(time.time())  # before the loop"),
            ("Node", "const id = `chatcmpl-${crypto.randomUUID()}`, created = Math.floor(Date.now() / 1000)"),
            ("Go", "id, created := \"chatcmpl-\"+uuid.NewString(), time.Now().Unix()"),
        ],
    },
    Cause {
        title: "tokens are counted twice, or not at all",
        how: "The server puts usage together from counts of different places (cache, engine, tokenizer), and sends \
            it because it exists, not because the request asked for it.",
        rules: &[
            "OAI-CHAT-028",
            "OAI-CHAT-029",
            "OAI-CHAT-030",
            "OAI-CHAT-031",
            "OAI-CHAT-036",
            "OAI-CHAT-038",
            "AWS-003",
        ],
        fixes: &[
            ("the request", "stream_options.include_usage decides: only then send usage"),
            (
                "the chunk",
                "{…,\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}",
            ),
        ],
    },
    Cause {
        title: "an adapter translates chunk by chunk",
        how: "A layer in front of a server that speaks OpenAI chat turns each chunk into one event of another API \
            and keeps no state: nothing opens the block or the item that a delta belongs to, nothing closes it, and \
            figures that chunks do not have are left out.",
        rules: &[
            "OAI-RESP-002",
            "OAI-RESP-003",
            "OAI-RESP-004",
            "OAI-RESP-005",
            "OAI-RESP-006",
            "ANT-001",
            "ANT-002",
            "ANT-003",
            "ANT-004",
            "ANT-005",
            "ANT-006",
            "ANT-012",
            "ANT-013",
            "ANT-014",
            "ANT-015",
        ],
        fixes: &[
            (
                "Messages",
                "message_start (usage) · content_block_start · …_delta · content_block_stop · message_delta \
                    (stop_reason, usage) · message_stop",
            ),
            (
                "Responses",
                "response.created · output_item.added · content_part.added · output_text.delta · ….done · \
                    response.completed (usage)",
            ),
            ("an adapter", "keep one state per answer: which block is open, the joined text, the next sequence_number"),
        ],
    },
    Cause {
        title: "the event that says it is over does not come through",
        how: "Each protocol but OpenAI's ends with its own event. A relay that stops at the last text, or that only \
            knows [DONE], drops it; a server that fails in the middle returns from its generator without it.",
        rules: &[
            "OAI-RESP-001",
            "COHERE-001",
            "OLLAMA-004",
            "MCP-001",
            "A2A-001",
            "UI-001",
            "UI-002",
            "DASH-002",
            "TGI-001",
            "LLAMA-001",
        ],
        fixes: &[
            ("Cohere", "data: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{…}}}"),
            ("MCP", "data: {\"jsonrpc\":\"2.0\",\"id\":<the request's>,\"result\":{…}}  then end the body"),
            ("A2A", "data: {…\"statusUpdate\":{…\"status\":{\"state\":\"TASK_STATE_COMPLETED\"}}}"),
            ("AI SDK", "data: {\"type\":\"finish\"}  then data: [DONE]; version 4: d:{\"finishReason\":\"stop\"}"),
            ("llama.cpp, TGI", "data: {…\"stop\":true,…}; data: {…\"generated_text\":\"…\"}"),
        ],
    },
    Cause {
        title: "tool calls are sent whole, or in pieces that don't join",
        how: "The server finds the call in the model's text with a parser and sends what it has: the whole object, \
            or fragments without a number. OpenAI's form is made for joining: what is a string is appended, what is \
            a number says where.",
        rules: &["OAI-CHAT-032", "OAI-CHAT-033", "OAI-CHAT-034", "ANT-010"],
        fixes: &[
            (
                "first fragment",
                "{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}",
            ),
            ("later ones", "{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\"\"}}"),
            ("no arguments", "\"arguments\":\"{}\""),
        ],
    },
    Cause {
        title: "lines of JSON are written like documents",
        how: "A serialiser with indentation, a separator that a library adds, an empty line as keep-alive: what is \
            one value a line for the writer is something else for a reader that splits at LF.",
        rules: &["NDJSON-001", "NDJSON-002", "NDJSON-003"],
        fixes: &[
            ("Python", "json.dumps(x) + \"\\n\"  # no indent"),
            ("Node", "res.write(JSON.stringify(x) + '\\n')"),
            ("Go", "json.NewEncoder(w).Encode(x)  // ends with LF"),
        ],
    },
];
