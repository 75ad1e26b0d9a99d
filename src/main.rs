//! Parse, run, exit code.

fn main() -> std::process::ExitCode {
    sniff::internal::cli::run()
}
