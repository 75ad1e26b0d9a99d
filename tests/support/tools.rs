//! Programs and libraries that tests use. `tests/setup.sh test` installs them. A test without them fails and says
//! so, so that a passing test has done its work.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A file or folder below `target/`.
pub fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(path);
    assert!(path.exists(), "{} does not exist: `sh tests/setup.sh test` makes it", path.display());
    path
}

/// A program of the system.
pub fn program(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(found, "{name} is not installed: `sh tests/setup.sh test` installs it");
    Command::new(name)
}
