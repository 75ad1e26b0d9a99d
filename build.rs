//! Live capture links against libpcap. Where its files are missing the linker says so after minutes, and names neither the package nor the
//! way without it; this says both at once.
#![allow(clippy::print_stdout)] // how a build script talks to cargo

use std::env;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={CLIENTS}");
    let mut models = Fnv(0xcbf2_9ce4_8422_2325);
    models.folder(Path::new(CLIENTS));
    println!("cargo::rustc-env=SNIFF_CLIENT_MODELS={:016x}", models.0);
    // The first three are those of the crate `pcap`, whose build script tells the linker where to look.
    for name in ["LIBPCAP_LIBDIR", "LIBPCAP_VER", "PKG_CONFIG_PATH", "LIBRARY_PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // For another target, the libraries of this machine tell nothing. On docs.rs nothing is linked.
    let elsewhere = env::var_os("HOST") != env::var_os("TARGET") || env::var_os("CARGO_CFG_UNIX").is_none();
    if env::var_os("CARGO_FEATURE_LIVE").is_none() || elsewhere || env::var_os("DOCS_RS").is_some() {
        return;
    }
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("linked");
    if links(&linker, "pcap", &folders(), &output) == Some(false) {
        missing().lines().for_each(|line| println!("cargo::error={line}"));
    }
}

/// The models of clients. Verdicts that a database keeps are those of one state of these sources.
const CLIENTS: &str = "src/clients";

/// The hash FNV-1a with 64 bits: equal sources have equal hashes with every compiler.
struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.0 = (self.0 ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    }

    /// Names and contents of all files below a folder, in order; tests do not count.
    fn folder(&mut self, folder: &Path) {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| !p.ends_with("tests")).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                self.folder(&path);
            } else if !path.ends_with("tests.rs") {
                self.bytes(path.file_name().unwrap_or_default().as_encoded_bytes());
                self.bytes(&std::fs::read(&path).unwrap_or_default());
            }
        }
    }
}

/// Folders that the real linking will have besides the linker's own.
fn folders() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = env::var_os("LIBPCAP_LIBDIR").map(PathBuf::from).into_iter().collect();
    if let Ok(out) = Command::new("pkg-config").args(["--libs-only-L", "libpcap"]).output() {
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        all.extend(said.split_whitespace().filter_map(|word| word.strip_prefix("-L")).map(PathBuf::from));
    }
    // `-L FOLDER`, `-LFOLDER`, `-L native=FOLDER`: cargo puts 0x1f between arguments.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut flags = flags.split('\x1f');
    while let Some(flag) = flags.next() {
        let Some(rest) = flag.strip_prefix("-L") else { continue };
        let folder = if rest.is_empty() { flags.next().unwrap_or_default() } else { rest };
        all.push(folder.split_once('=').map_or(folder, |(_, folder)| folder).into());
    }
    all
}

/// Whether a program (written to `output`) that asks for this library can be linked; none where that cannot be found out (no linker, or it fails for another
/// reason): then the build goes on, and says what is wrong by itself.
pub(crate) fn links(linker: &OsString, library: &str, folders: &[PathBuf], output: &Path) -> Option<bool> {
    let mut command = Command::new(linker);
    for folder in folders {
        command.arg("-L").arg(folder);
    }
    command.args(["-x", "c", "-", &format!("-l{library}"), "-o"]).arg(output);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()?;
    child.stdin.take()?.write_all(b"int main(void) { return 0; }\n").ok()?;
    let out = child.wait_with_output().ok()?;
    let names_it = String::from_utf8_lossy(&out.stderr).contains(library);
    if out.status.success() { Some(true) } else { names_it.then_some(false) }
}

/// What to do without libpcap's files.
pub(crate) fn missing() -> String {
    let packages = [
        ("Debian, Ubuntu", "apt-get install libpcap-dev"),
        ("Fedora", "dnf install libpcap-devel"),
        ("Alpine", "apk add libpcap-dev"),
        ("macOS", "xcode-select --install, or brew install libpcap"),
    ];
    let lines: String = packages.iter().map(|(system, command)| format!("  {system}: {command}\n")).collect();
    format!(
        "live capture links against libpcap, and the linker does not find it. Install its development files:\n{lines}\
         If they are in a folder of their own, name it: LIBPCAP_LIBDIR=/path/to/lib\n\
         Without live capture (files, proxy, replay): cargo build --no-default-features --features proxy\n"
    )
}
