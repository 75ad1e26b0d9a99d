//! Rules about gRPC, gRPC-Web and the streams of Connect.

use crate::conformance::{Level, Rule};
use crate::dialect::grpc;

/// Every call ends with a status, and that is 0.
pub static GRPC_001: Rule = Rule {
    code: "GRPC-001",
    name: "grpc-status-not-ok",
    level: Level::Error,
    summary: "Every call ends with `grpc-status: 0`, in the trailers (gRPC) or in the last frame (gRPC-Web; Connect: without `error`)",
    why: "The HTTP status of a gRPC call is 200 even if it failed; only the trailers tell. A stream whose trailers were dropped on the way, by a proxy \
          without HTTP/2 to its backend, looks whole by its bytes, and clients raise UNKNOWN or INTERNAL behind the last message.",
    source: "gRPC over HTTP2 (Responses); gRPC Web (trailers frame); Connect protocol (end of stream)",
    breaks: &["grpc-python", "grpc-go", "grpc-node", "grpc-web", "connect-es", "tritonclient"],
    fix: "Read `grpc-message` for the cause; let trailers pass through every proxy (nginx: grpc_pass, not proxy_pass).",
    bad: &[
        concat!(grpc_web!(), "<chunk \\x80\\0\\0\\0(grpc-status:14\\r\\ngrpc-message:no%20node\\r\\n\n<last\n"),
        concat!(grpc_web!(), "<last\n"),
        // It failed before the first message.
        concat!(
            "> POST /connectrpc.eliza.v1.ElizaService/Converse HTTP/1.1\n> Host: api.example\n> Content-Type: application/connect+json\n",
            "> Content-Length: 0\n>\n\n@ +50ms\n< HTTP/1.1 200 OK\n< Content-Type: application/connect+json\n< Transfer-Encoding: chunked\n<\n\n",
            "<chunk \\x02\\0\\0\\0\\x20{\"error\":{\"code\":\"unavailable\"}}\n<last\n"
        ),
    ],
    good: &[
        concat!(grpc_web!(), "<chunk \\x80\\0\\0\\0\\x0fgrpc-status:0\\r\\n\n<last\n"),
        // The call is still running when the client has had enough.
        concat!(grpc_web!(), "!end\n"),
        concat!(
            "> POST /connectrpc.eliza.v1.ElizaService/Converse HTTP/1.1\n> Host: api.example\n> Content-Type: application/connect+json\n",
            "> Content-Length: 0\n>\n\n@ +50ms\n< HTTP/1.1 200 OK\n< Content-Type: application/connect+json\n< Transfer-Encoding: chunked\n<\n\n",
            "<chunk \\0\\0\\0\\0\\x11{\"sentence\":\"Hi\"}\n<chunk \\x02\\0\\0\\0\\x02{}\n<last\n"
        ),
    ],
    silenced_by: &[],
    needs_all_bytes: true,
    check: |case, push| {
        case.tell(grpc::STATUS, None, push, |odd, _| format!("the call failed: {}", odd.found));
        case.tell(grpc::NO_STATUS, None, push, |_, _| "the call ends without a status: the trailers are missing".to_owned());
    },
};
