#!/bin/sh
# The main job on a bundled capture: read packets, record the exchange, show it, judge it.
set -eu
cd "$(dirname -- "$0")/.."
features=
sh tests/setup.sh build || {
    echo "libpcap could not be installed: building without live capture" >&2
    features=--no-default-features
}
cargo build --release --locked $features
db=$(mktemp -d)/demo.db
run() {
    echo
    echo "\$ sniff $*" | sed "s|$db|demo.db|"
    target/release/sniff "$@"
}
run --read captures/seed/litserve-before-fix/input.pcap --db "$db"
run list --db "$db"
run report latency --db "$db"
run report compliance --db "$db"
