//! More pieces of rule samples: those that are bytes, not text, or very long.

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

/// A whole chat stream, compressed and flushed at its end only (made with zlib).
macro_rules! gzip_chat {
    () => {
        concat!(
            "<chunk ",
            "\\x1f\\x8b\\x08\\0\\0\\0\\0\\0\\x02\\xff\\xed\\xcf\\xc1j\\xc30\\x0c\\x80\\xe1{\\x9e\\xa2\\xe8\\x9c\\x96&\\xf5\\xd6\\xd5",
            "\\xe7\\xed\\xba=@)\\xc3\\xb1U\\xe2\\xcd\\x91J\\xac\\xd2B\\xc9\\xbbW\\x81\\xc1\\x06{\\x81\\x1e|\\xf6/\\xe9sp\\xe2\\xec",
            "\\xe2\\x061\\x80\\x05\\xdf;\\xf1\\xc3)-\\x9b\\xa7\\x16\\r\\x86\\xe3K\\xb7nM\\xe86\\xbb\\rn\\xa1\\x06\\xee\\xbe\\xd0\\xcb",
            "O\\xb8\\xf2\\xac)JdZ\\xf9\\xfeL\\xdf\\x1a\\xf8\\x11\\x9d\\xa0\\xaej\\xb6\\xcf\\xa6i\\x8d\\xd9\\xadk\\x188`\\xd2\\xa1a",
            "\\x0ez\\x8e\\x1e3\\xd8\\xbd\\x9e\\xa4\\x80W\\xb0Z\\xe8\\xbb8\\xb07\\x189\\xa1\\x96.\\xe7\\x98\\xc5\\x91\\xcc\\x13L\\x824",
            "\\x1f\\x85\\xa9\\x86c\\xa4\\x98\\xfbO=\\x93\\x99\\xc0\\xd29\\xa5\\xe90UUx\\xa8o\\xfc\\x9a/<\\x86E\\x81\\x17x\\x81\\x17x",
            "\\x81\\x17x\\x81\\x17\\xf8#\\xc1\\xff;!\\x0b\\x9f\\xe0\\x8ft\\xff\\xfa\\xf1\\xfev\\xa8\\xaa;Mf\\x99\\x03+\\n\\0\\0",
            "\n"
        )
    };
}

/// 64 KiB of text without a line end.
macro_rules! kib_64 {
    () => {
        concat!(kib_16!(), kib_16!(), kib_16!(), kib_16!())
    };
}

/// A quarter of it.
macro_rules! kib_16 {
    () => {
        concat!(
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!(),
            kib!()
        )
    };
}

/// 1 KiB of it.
macro_rules! kib {
    () => {
        concat!(
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!(),
            x64!()
        )
    };
}

/// 64 letters.
macro_rules! x64 {
    () => {
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    };
}
