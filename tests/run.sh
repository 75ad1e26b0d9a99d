#!/bin/sh
# All checks: format, lints, tests. Installs what they need first.
#
# A test that `cargo test` leaves out (tests/ignored.txt) runs here if this machine has what it needs. The last lines say how many tests
# ran and which did not. TESTS_REQUIRE="root public-data" makes it an error when one of these is not there (CI sets it).
set -eu
cd "$(dirname -- "$0")/.."
sh tests/setup.sh test
# A build from nothing gains nothing from it, and forty test programs would each keep theirs: gigabytes.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL-0}"
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings

has() { # has NEED: is it here?
    case $1 in
    public-data) [ -d ../shared/corpus/public ] ;;
    root) [ "$(id -u)" = 0 ] && [ $((0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 13 & 1)) = 1 ] ;; # CAP_NET_RAW
    java) java -version && keytool -help ;;
    tshark) tshark --version ;;
    ipv6) python3 -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' ;;
    esac >/dev/null 2>&1
}
reason() { # reason NEED: its words in tests/ignored.txt
    case $1 in
    public-data) echo "needs public data" ;;
    root) echo "needs root" ;;
    java) echo "needs Java" ;;
    tshark) echo "needs tshark" ;;
    ipv6) echo "needs IPv6" ;;
    esac
}
what() { # what NEED: for people
    case $1 in
    public-data) echo "captures of other projects in ../shared/corpus/public" ;;
    root) echo "root with the right to capture (CAP_NET_RAW)" ;;
    java) echo "Java (java, keytool)" ;;
    tshark) echo "tshark" ;;
    ipv6) echo "::1 on the loopback device" ;;
    esac
}
tests_of() { # tests_of REASON: the names of the tests
    sed -n "s/^$1: [^ ]* //p" tests/ignored.txt
}

skip=
here=
left_out=
for need in public-data root java tshark ipv6; do
    names=$(tests_of "$(reason $need)")
    if has $need; then
        here="$here
  with $(what $need)"
        continue
    fi
    case " ${TESTS_REQUIRE-} " in *" $need "*)
        echo "tests/run.sh: $need is required and not here: $(what $need)" >&2
        exit 1
        ;;
    esac
    left_out="$left_out
  NOT RUN: $(echo "$names" | wc -l) that need $(what $need)"
    for name in $names; do skip="$skip --skip $name"; done
done
for name in $(tests_of "run by other tests"); do skip="$skip --skip ::$name"; done

log=$(mktemp)
status=$(mktemp)
trap 'rm -f "$log" "$status"' EXIT
{
    # shellcheck disable=SC2086 # one word per argument
    cargo test --locked --no-fail-fast -- --include-ignored $skip 2>&1 && echo 0 >"$status" || echo $? >"$status"
} | tee "$log"
echo
awk '/^test result: / { passed += $4; failed += $6; ignored += $8 }
    END { printf "tests: %d run, %d passed, %d failed, %d ignored\n", passed + failed, passed, failed, ignored }' "$log"
echo "${here#?}"
[ -z "$left_out" ] || echo "${left_out#?}"
exit "$(cat "$status")"
