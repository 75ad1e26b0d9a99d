//! Pieces of rule samples as macros, so that `concat!` joins them into one transcript at compile time.

/// A chat request.
macro_rules! chat_request {
    () => {
        concat!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n",
            ">json {\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n"
        )
    };
}

/// A chat request and its response head with this content type; chunks follow, each its own delivery.
macro_rules! chat_as {
    ($content_type:literal) => {
        concat!(
            chat_request!(),
            "@ +150ms\n< HTTP/1.1 200 OK\n",
            $content_type,
            "< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// The same as the documentation has it.
macro_rules! chat {
    () => {
        chat_as!("< Content-Type: text/event-stream; charset=utf-8\n")
    };
}

/// The same, its head this much later.
macro_rules! chat_after {
    ($later:literal) => {
        concat!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n",
            ">json {\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ ",
            $later,
            "\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// Three words in one delivery, 40 ms later.
macro_rules! held_back {
    () => {
        concat!("@ +40ms\n", word_at_once!(), word_at_once!(), word_at_once!())
    };
}

/// One chat chunk with these choices, in an HTTP chunk and a delivery of its own, 20 ms later.
macro_rules! choices {
    ($choices:literal) => {
        concat!(
            "@ +20ms\n<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,",
            "\"model\":\"m\",\"choices\":",
            $choices,
            "}\\n\\n\n"
        )
    };
}

/// The chunk that names the role.
macro_rules! role {
    () => {
        choices!("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]")
    };
}

/// A chunk with text.
macro_rules! word {
    () => {
        choices!("[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]")
    };
}

/// The chunk that finishes the choice.
macro_rules! stop {
    () => {
        choices!("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")
    };
}

/// The terminator.
macro_rules! done {
    () => {
        "<chunk data: [DONE]\\n\\n\n"
    };
}

/// A whole conforming chat stream.
macro_rules! good_chat {
    () => {
        concat!(chat!(), role!(), word!(), stop!(), done!(), "<last\n")
    };
}

/// An Anthropic request and response head.
macro_rules! messages {
    () => {
        concat!(
            "> POST /v1/messages HTTP/1.1\n> Host: api.example\n> anthropic-version: 2023-06-01\n",
            ">json {\"model\":\"m\",\"max_tokens\":64,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream; charset=utf-8\n< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// Its first event.
macro_rules! message_start {
    () => {
        concat!(
            "<chunk event: message_start\\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\"type\":\"message\",",
            "\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,",
            "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\\n\\n\n"
        )
    };
}

/// One text block.
macro_rules! text_block {
    () => {
        concat!(
            "@ +20ms\n<chunk event: content_block_start\\ndata: {\"type\":\"content_block_start\",\"index\":0,",
            "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\\n\\n\n",
            "@ +20ms\n<chunk event: content_block_delta\\ndata: {\"type\":\"content_block_delta\",\"index\":0,",
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\\n\\n\n",
            "@ +20ms\n<chunk event: content_block_stop\\ndata: {\"type\":\"content_block_stop\",\"index\":0}\\n\\n\n"
        )
    };
}

/// Stop reason and usage.
macro_rules! message_delta {
    () => {
        concat!(
            "<chunk event: message_delta\\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},",
            "\"usage\":{\"output_tokens\":3}}\\n\\n\n"
        )
    };
}

/// Its last event.
macro_rules! message_stop {
    () => {
        "<chunk event: message_stop\\ndata: {\"type\":\"message_stop\"}\\n\\n\n"
    };
}

/// An Ollama request and response head.
macro_rules! ollama {
    () => {
        concat!(
            "> POST /api/chat HTTP/1.1\n> Host: localhost:11434\n",
            ">json {\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: application/x-ndjson\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// One line with text, without its line end.
macro_rules! ollama_word {
    () => {
        concat!(
            "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00.15Z\",\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},",
            "\"done\":false}"
        )
    };
}

/// The last line, with its line end.
macro_rules! ollama_done {
    () => {
        concat!(
            "@ +20ms\n<chunk {\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00.2Z\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},",
            "\"done\":true,\"done_reason\":\"stop\",\"total_duration\":200000000,\"eval_count\":2,\"eval_duration\":40000000}\\n\n"
        )
    };
}

/// Ten chunks with text, 20 ms apart.
macro_rules! ten_words {
    () => {
        concat!(word!(), word!(), word!(), word!(), word!(), word!(), word!(), word!(), word!(), word!())
    };
}

/// A chunk with text that comes together with the one before it.
macro_rules! word_at_once {
    () => {
        concat!(
            "<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,",
            "\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\\n\\n\n"
        )
    };
}

/// Ten chunks with text, 0.7 ms apart: a small model.
macro_rules! ten_fast_words {
    () => {
        concat!(
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!(),
            "@ +700us\n",
            word_at_once!()
        )
    };
}

/// Ten of them.
macro_rules! ten_words_at_once {
    () => {
        concat!(
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!(),
            word_at_once!()
        )
    };
}

/// A chunk of the body with this text, in a delivery of its own, 20 ms later.
macro_rules! sent {
    ($text:literal) => {
        concat!("@ +20ms\n<chunk ", $text, "\n")
    };
}

/// A chat request with more members in its body (`"n":2,`), and the response head.
macro_rules! chat_asking {
    ($members:literal) => {
        concat!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n",
            ">json {\"model\":\"m\",\"stream\":true,",
            $members,
            "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream; charset=utf-8\n",
            "< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// A chat chunk with these members behind `model` (`"choices":[],"usage":{…}`).
macro_rules! chunk {
    ($members:literal) => {
        concat!(
            "@ +20ms\n<chunk data: {\"id\":\"chatcmpl-152e4edf8b024db393e7\",\"object\":\"chat.completion.chunk\",\"created\":1764124490,",
            "\"model\":\"m\",",
            $members,
            "}\\n\\n\n"
        )
    };
}

/// An event stream that is none of a language model: request and response head.
macro_rules! news {
    () => {
        concat!(
            "> GET /news HTTP/1.1\n> Host: api.example\n>\n\n",
            "< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// A tool call in two fragments.
macro_rules! tool_call {
    () => {
        concat!(
            choices!(r#"[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]"#),
            choices!(r#"[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}]"#)
        )
    };
}

/// The chunk that finishes a choice with tool calls.
macro_rules! tool_stop {
    () => {
        choices!(r#"[{"index":0,"delta":{},"finish_reason":"tool_calls"}]"#)
    };
}

/// An error in the middle.
macro_rules! mid_error {
    () => {
        sent!(r#"data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}}\n\n"#)
    };
}

/// A legacy completion request and response head.
macro_rules! completions {
    () => {
        concat!(
            "> POST /v1/completions HTTP/1.1\n> Host: api.example\n>json {\"model\":\"m\",\"stream\":true,\"prompt\":\"Hello\"}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream; charset=utf-8\n",
            "< Cache-Control: no-cache\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// One of its chunks.
macro_rules! completion {
    ($choices:literal) => {
        concat!(
            "@ +20ms\n<chunk data: {\"id\":\"cmpl-152e4edf8b024db393e7\",\"object\":\"text_completion\",\"created\":1764124490,\"model\":\"m\",",
            "\"choices\":",
            $choices,
            "}\\n\\n\n"
        )
    };
}

/// A request to this path, with this body, and the head of an event stream with these further fields.
macro_rules! post {
    ($path:literal, $body:literal, $fields:literal) => {
        concat!(
            "> POST ",
            $path,
            " HTTP/1.1\n> Host: api.example\n>json ",
            $body,
            "\n@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n< Cache-Control: no-cache\n",
            $fields,
            "< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// One event of this data.
macro_rules! data {
    ($json:literal) => {
        concat!("@ +20ms\n<chunk data: ", $json, "\\n\\n\n")
    };
}

/// A question to a GraphQL server that answers part by part, and the response head.
macro_rules! multipart {
    () => {
        concat!(
            "> POST /graphql HTTP/1.1\n> Host: api.example\n> Accept: multipart/mixed; deferSpec=20220824, application/json\n",
            ">json {\"query\":\"{ a ... @defer { b } }\"}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: multipart/mixed; boundary=\\x22-\\x22\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}
