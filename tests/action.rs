//! The GitHub Action of `action.yml`: its steps, run as a runner runs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#![cfg(feature = "proxy")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

/// The scripts of the steps: the lines below each `run: |`, without their indentation.
fn steps() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml")).unwrap();
    let mut out: Vec<String> = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match inside {
            Some(at) if indent > at || line.is_empty() => {
                out.last_mut().unwrap().push_str(&format!("{}\n", line.get(at + 2..).unwrap_or_default()));
            }
            _ if line.trim() == "run: |" => {
                inside = Some(indent);
                out.push(String::new());
            }
            _ => inside = None,
        }
    }
    out
}

struct Runner {
    temp: tempfile::TempDir,
}

impl Runner {
    fn step(&self, script: &str, inputs: &[(&str, &str)]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_sniff")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
        let file = |name: &str| self.temp.path().join(name);
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.temp.path());
        bash.env("PATH", path).env("HOME", self.temp.path()).env("XDG_DATA_HOME", self.temp.path());
        bash.env("RUNNER_TEMP", self.temp.path()).env("GITHUB_OUTPUT", file("output"));
        bash.env("GITHUB_PATH", file("path")).env("GITHUB_STEP_SUMMARY", file("summary"));
        bash.envs(inputs.iter().copied()).output().unwrap()
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.temp.path().join(name)).unwrap_or_default()
    }
}

/// A stream that lacks its end.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let body = "data: {\"id\":\"chatcmpl-1\",\"choices\":[]}\n";
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n";
            let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    url
}

#[test]
fn the_steps_record_judge_and_annotate() {
    let steps = steps();
    assert_eq!(steps.len(), 3);
    let runner = Runner { temp: tempfile::tempdir().unwrap() };
    // The program is on the PATH here, so it is not built.
    let built = runner.step(&steps[0], &[]);
    assert!(built.status.success() && runner.text("path").is_empty());
    let command = format!("curl -s {} -d '{{\"stream\":true}}' > \"$HOME/got\"", server());
    for (level, code) in [("error", 1), ("never", 0)] {
        let inputs = [("SNIFF_RUN", command.as_str()), ("SNIFF_FAIL_ON", level), ("SNIFF_OPTIONS", "--allow SSE-002")];
        let ran = runner.step(&steps[1], &inputs);
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stderr));
    }
    let outputs = runner.text("output");
    for name in ["database=", "junit=", "sarif="] {
        let path = outputs.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert!(Path::new(path).is_file(), "{path}");
    }
    let annotated = runner.step(&steps[2], &[]);
    let said = String::from_utf8_lossy(&annotated.stdout).into_owned();
    assert!(annotated.status.success() && said.contains("::error") && said.contains("SSE-001"), "{said}");
    assert!(runner.text("summary").contains("SSE-001"));
}

#[test]
fn a_command_that_fails_fails_the_step() {
    let runner = Runner { temp: tempfile::tempdir().unwrap() };
    let inputs = [("SNIFF_RUN", "false | true; true"), ("SNIFF_FAIL_ON", "never"), ("SNIFF_OPTIONS", "")];
    assert_eq!(runner.step(&steps()[1], &inputs).status.code(), Some(1));
}
