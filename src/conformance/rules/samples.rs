//! Pieces of rule samples as macros, so that `concat!` joins them into one transcript at compile time.

/// A chat request and its response head with this content type; chunks follow, each its own delivery.
macro_rules! chat_as {
    ($content_type:literal) => {
        concat!(
            "> POST /v1/chat/completions HTTP/1.1\n> Host: api.example\n",
            ">json {\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n",
            $content_type,
            "< Transfer-Encoding: chunked\n<\n\n"
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
        concat!(chat!(), role!(), word!(), word!(), stop!(), done!(), "<last\n")
    };
}

/// An Anthropic request and response head.
macro_rules! messages {
    () => {
        concat!(
            "> POST /v1/messages HTTP/1.1\n> Host: api.example\n> anthropic-version: 2023-06-01\n",
            ">json {\"model\":\"m\",\"max_tokens\":64,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream; charset=utf-8\n< Transfer-Encoding: chunked\n<\n\n"
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

/// A Bedrock ConverseStream request and response head.
macro_rules! converse {
    () => {
        concat!(
            "> POST /model/m/converse-stream HTTP/1.1\n> Host: bedrock-runtime.example\n",
            ">json {\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hello\"}]}]}\n",
            "@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: application/vnd.amazon.eventstream\n< Transfer-Encoding: chunked\n<\n\n"
        )
    };
}

/// Its first message. The sums here and below come from an independent CRC-32.
macro_rules! message_start_frame {
    () => {
        concat!(
            "<chunk \\0\\0\\0v\\0\\0\\0R\\x96\\xd5\\xfa\\xde\\x0b:event-type\\x07\\0\\x0cmessageStart\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"role\":\"assistant\"}o\\xa8\\xc5\\x99\n"
        )
    };
}

/// A message with text.
macro_rules! delta_frame {
    () => {
        concat!(
            "<chunk \\0\\0\\0\\x94\\0\\0\\0W\\xb4\\xab\\x9a\\xee\\x0b:event-type\\x07\\0\\x11contentBlockDelta\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}\\x1f\\x94FW\n"
        )
    };
}

/// The same with the last byte of its sum changed.
macro_rules! bad_delta_frame {
    () => {
        concat!(
            "<chunk \\0\\0\\0\\x94\\0\\0\\0W\\xb4\\xab\\x9a\\xee\\x0b:event-type\\x07\\0\\x11contentBlockDelta\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}\\x1f\\x94FV\n"
        )
    };
}

/// The last message but `metadata`.
macro_rules! stop_frames {
    () => {
        concat!(
            "<chunk \\0\\0\\0}\\0\\0\\0V\\xe6h\\x0f\\xd6\\x0b:event-type\\x07\\0\\x10contentBlockStop\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"contentBlockIndex\":0}\\xb3.M4\n",
            "<chunk \\0\\0\\0z\\0\\0\\0Q\\xca,Fe\\x0b:event-type\\x07\\0\\x0bmessageStop\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"stopReason\":\"end_turn\"}_\\xbf\\t\\xfc\n"
        )
    };
}

/// The last three messages.
macro_rules! last_frames {
    () => {
        concat!(
            stop_frames!(),
            "<chunk \\0\\0\\0\\xb6\\0\\0\\0Nk\\xc1NJ\\x0b:event-type\\x07\\0\\x08metadata\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\x05event",
            "{\"usage\":{\"inputTokens\":9,\"outputTokens\":2,\"totalTokens\":11},\"metrics\":{\"latencyMs\":70}}\\x13\\xd2\\x14\\\\\n"
        )
    };
}

/// An exception in the stream.
macro_rules! throttled_frame {
    () => {
        "<chunk \\0\\0\\0\\x90\\0\\0\\0a\\x8e\\x91\\xa9\\xb7\\x0f:exception-type\\x07\\0\\x13throttlingException\\r:content-type\\x07\\0\\x10application/json\\r:message-type\\x07\\0\\texception{\"message\":\"Too many requests\"}\\xe6\\x7f\\x80\\x05\n"
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

/// A gRPC-Web request, its response head and a message `{ 1: "Hi" }`.
macro_rules! grpc_web {
    () => {
        concat!(
            "> POST /greet.Greeter/SayHello HTTP/1.1\n> Host: api.example\n> Content-Type: application/grpc-web+proto\n> Content-Length: 0\n>\n\n",
            "@ +50ms\n< HTTP/1.1 200 OK\n< Content-Type: application/grpc-web+proto\n< Transfer-Encoding: chunked\n<\n\n",
            "<chunk \\0\\0\\0\\0\\x04\\n\\x02Hi\n"
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
            "\n@ +150ms\n< HTTP/1.1 200 OK\n< Content-Type: text/event-stream\n",
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
