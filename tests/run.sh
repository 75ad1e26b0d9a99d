#!/bin/sh
# All checks: format, lints, tests. Installs what they need first.
set -eu
cd "$(dirname -- "$0")/.."
sh tests/setup.sh test
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
cargo test --locked
