//! `sniff run`: the command's environment, its signals, its end.

use crate::door::{PATIENCE, listed, server, sniff};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn run(home: &Path, command: &[&str]) -> Command {
    let mut run = sniff(home);
    run.args(["run", "--"]).args(command);
    run
}

#[test]
fn the_exit_status_is_the_commands() {
    let home = tempfile::tempdir().unwrap();
    let status = |script: &str| run(home.path(), &["sh", "-c", script]).output().unwrap().status.code();
    assert_eq!(
        (status("exit 0"), status("exit 7"), status("kill -KILL $$")),
        (Some(0), Some(7), Some(128 + libc::SIGKILL))
    );
    let absent = run(home.path(), &["/no/such/command"]).output().unwrap();
    assert_eq!(absent.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("cannot run /no/such/command"));
}

/// Waits until the child has written a line to standard output.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let mut byte = [0];
    while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        line.push(char::from(byte[0]));
    }
    line
}

#[test]
fn signals_go_to_the_command() {
    let home = tempfile::tempdir().unwrap();
    for (signal, name) in
        [(libc::SIGTERM, "TERM"), (libc::SIGINT, "INT"), (libc::SIGHUP, "HUP"), (libc::SIGUSR1, "USR1")]
    {
        let script = format!("trap 'exit 42' {name}; echo ready; while :; do sleep 0.05; done");
        let mut child =
            run(home.path(), &["sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(first_line(&mut child), "ready");
        // SAFETY: kill(2) with the pid of a child that has not been waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "SIG{name} did not get there");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.code(), Some(42), "SIG{name}");
    }
}

#[test]
fn a_command_is_recorded_and_its_output_is_its_own() {
    let upstream = server(|mut stream| {
        crate::door::read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n");
    });
    crate::tools::program("curl");
    let home = tempfile::tempdir().unwrap();
    let out = run(home.path(), &["curl", "-s", &format!("http://{upstream}/x")]).output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stdout).into_owned()), (Some(0), "hello\n".into()));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("GET /x") && said.contains("1 exchange") && !said.contains("no connection"), "{said}");
    // Request and answer, each to its last byte: the answer alone has 44.
    let relayed = said.lines().find_map(|line| line.split_once(" B relayed")?.0.parse::<u64>().ok());
    assert!(relayed.is_some_and(|n| n > 100), "{said}");
    let list = listed(home.path());
    assert_eq!((list.len(), &list[0]["request"]["path"]), (1, &"/x".into()));
}

/// The variables are set but ignored.
#[test]
fn a_command_that_goes_past_the_proxy_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let out = run(home.path(), &["sh", "-c", "exit 3"]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(3));
    assert!(said.contains("no connection through the proxy") && said.contains("No other connection"), "{said}");
    assert!(said.contains("sniff proxy --upstream https://api.example.com"), "{said}");
    let mut quiet = sniff(home.path());
    let out = quiet.args(["run", "-q", "--", "true"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
fn a_connection_past_the_proxy_is_named() {
    let upstream = server(|mut stream| {
        crate::door::read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(500));
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    crate::tools::program("curl");
    let home = tempfile::tempdir().unwrap();
    // A child of the command, which takes no proxy.
    let script = format!("(curl -s --noproxy '*' http://{upstream}/x); exit 0");
    let out = run(home.path(), &["sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains(&format!("It went past the proxy: curl to {upstream}.")), "{said}");
    assert!(said.contains("sniff run --passive"), "{said}");
}

/// Node.js before 22.21 takes no proxy from its environment: http, https and fetch go through ours by the script that
/// `run` has it load, and so does a library of a vendor.
#[test]
fn node_without_a_proxy_of_its_own_is_recorded() {
    let upstream = server(|mut stream| {
        let head = crate::door::read_head(&mut stream);
        if !head.is_empty() {
            let lines = head.to_lowercase();
            let length = lines.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
            let _ = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
            let body = match head.contains("completions") {
                true => {
                    "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
                    \"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\
                    \"finish_reason\":\"stop\"}]}\n\n\
                    data: [DONE]\n\n"
                }
                false => "data: x\n\n",
            };
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    crate::tools::program("node");
    let packages = crate::tools::installed("npm/node_modules/openai");
    let home = tempfile::tempdir().unwrap();
    let script = "\
        const http = require('node:http'); const [url, packages] = process.argv.slice(1);\n\
        const OpenAI = require(packages).default;\n\
        (async () => {\n\
          await new Promise((ok) => http.get(url + '/by-http', (r) => r.resume().on('end', ok)));\n\
          for (const n of [1, 2]) await (await fetch(url + '/by-fetch' + n)).text();\n\
          const client = new OpenAI({ baseURL: url + '/v1', apiKey: 'none' });\n\
          let text = '';\n\
          const stream = await client.chat.completions.create({ model: 'm', stream: true, messages: [] });\n\
          for await (const chunk of stream) text += chunk.choices[0].delta.content;\n\
          console.log(text);\n\
        })();\n";
    let url = format!("http://{upstream}");
    let out = run(home.path(), &["node", "-e", script, &url, &packages.display().to_string()]).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "hi\n", "{said}");
    let list = listed(home.path());
    let mut paths: Vec<&str> = list.iter().map(|e| e["request"]["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/by-fetch1", "/by-fetch2", "/by-http", "/v1/chat/completions"], "{said}");
}

#[test]
#[ignore = "needs Java"]
fn java_finds_proxy_and_roots() {
    let home = tempfile::tempdir().unwrap();
    // keytool is Java's own reader of trust stores; it also reads JAVA_TOOL_OPTIONS and reports it.
    let script = "store=${JAVA_TOOL_OPTIONS##*trustStore=}; keytool -list -keystore \"$store\" -storepass changeit";
    let out = run(home.path(), &["sh", "-c", script]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && text.contains("trustedCertEntry"),
        "{text}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let certificates = std::fs::read_to_string(home.path().join("sniff/ca.pem")).unwrap();
    assert!(certificates.contains("BEGIN CERTIFICATE"));
}

/// A server whose stream is broken in one way, for each path.
fn streams() -> std::net::SocketAddr {
    server(|mut stream| {
        let head = crate::door::read_head(&mut stream);
        let kind = if head.starts_with("GET /wrong") { "application/x-ndjson" } else { "text/event-stream" };
        let body = "data: {\"id\":\"a\"}\n\n";
        let len = body.len();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: no-cache\r\nContent-Length: {len}\r\n\r\n{body}"
        );
    })
}

#[test]
fn findings_are_the_exit_code_and_files_for_ci() {
    let upstream = streams();
    let home = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("http://{upstream}{path}");
    let judged = |options: &[&str], script: &str| {
        let mut run = sniff(home.path());
        run.current_dir(home.path()).arg("run").args(options).args(["--", "sh", "-c", script]);
        let out = run.output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (wrong, right) = (format!("curl -s {}", at("/wrong")), format!("curl -s {}", at("/right")));
    let files = ["--fail-on", "error", "--junit", "f.xml", "--sarif", "f.sarif"];
    let (code, said) = judged(&files, &wrong);
    assert!(code == Some(1) && said.contains("HTTP-002") && said.contains("x-ndjson"), "{code:?} {said}");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    assert!(read("f.xml").contains("<failure") && read("f.xml").contains("HTTP-002"), "{}", read("f.xml"));
    let sarif: serde_json::Value = serde_json::from_str(&read("f.sarif")).unwrap();
    assert_eq!((&sarif["version"], &sarif["runs"][0]["results"][0]["ruleId"]), (&"2.1.0".into(), &"HTTP-002".into()));
    // The session of this run alone, not those before it in the same database.
    let (code, said) = judged(&files, &right);
    assert!(code == Some(0) && !said.contains("HTTP-002"), "{code:?} {said}");
    assert!(!read("f.xml").contains("<failure"), "{}", read("f.xml"));
    // The command's own status comes first; without --fail-on findings are no failure.
    assert_eq!(judged(&files, &format!("{wrong}; exit 7")).0, Some(7));
    assert_eq!(judged(&["--junit", "g.xml"], &wrong).0, Some(0));
    assert!(read("g.xml").contains("HTTP-002"));
    let (code, said) = judged(&["--fail-on", "error"], "true");
    assert!(code == Some(2) && said.contains("nothing was recorded"), "{code:?} {said}");
}

#[test]
fn its_exchanges_are_lines_in_a_file() {
    let upstream = streams();
    let home = tempfile::tempdir().unwrap();
    let run = |options: &[&str]| {
        let mut run = sniff(home.path());
        run.current_dir(home.path()).arg("run").args(options);
        run.args(["--", "curl", "-s", &format!("http://{upstream}/right")]).output().unwrap()
    };
    let refused = run(&["--format", "jsonl"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("belongs to the command"), "{said}");
    assert!(run(&["--format", "jsonl", "-o", "lines.jsonl"]).status.success());
    let lines = std::fs::read_to_string(home.path().join("lines.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut list = listed(home.path());
    // What is known only after the connection has ended.
    list.iter_mut().for_each(|x| x["tcp"] = serde_json::Value::Null);
    assert_eq!(lines, list);
}
