#!/bin/sh
# The main job on a bundled capture: read packets, record the exchange, show it, judge it.
set -eu
cd "$(dirname -- "$0")/.."
features=
warning=
sh tests/setup.sh build || {
    warning="libpcap could not be installed: this build has no live capture (sniff --iface). Run tests/setup.sh, then this again."
    echo "$warning" >&2
    features="--no-default-features --features proxy"
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
[ -z "$warning" ] || printf '\nwarning: %s\n' "$warning" >&2
