#!/bin/sh
# Install what building and testing need on Debian or Ubuntu: setup.sh [build|test]. Does nothing for what is there.
set -eu
what=${1:-build}

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

need() { # need COMMAND-OR-FILE PACKAGE: queue the package unless the thing is there
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}

warnings=
warn() { # say it now, and once more at the end, where it is read
    echo "tests/setup.sh: $1" >&2
    warnings="$warnings
  $1"
}
finish() {
    status=$?
    [ -z "$warnings" ] || printf 'tests/setup.sh: warnings:%s\n' "$warnings" >&2
    exit $status
}
trap finish EXIT

missing=
pcap=
for file in /usr/lib/*/libpcap.so /usr/lib/libpcap.so /usr/lib64/libpcap.so /usr/local/lib/libpcap.so; do
    [ ! -e "$file" ] || pcap=$file
done
[ -n "$pcap" ] || missing="$missing libpcap-dev" # live capture links against libpcap
need cc gcc # the bundled SQLite and zstd are C
if [ "$what" = test ]; then
    need curl curl
    need node nodejs
    need npm npm
    need chromium chromium       # a real EventSource through the proxy; the page of `report html`
    need certutil libnss3-tools  # … that trusts the proxy's authority
    need tcpdump tcpdump # the packet truth for the live tests
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || {
        warn "no apt-get here: install these, or what your system calls them:$missing"
        exit 1
    }
    # Somebody else may be installing something: wait up to five minutes for the package manager's lock.
    apt() {
        DEBIAN_FRONTEND=noninteractive $sudo apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
    }
    # `update` has a lock of its own, which that option does not wait for.
    try=0
    until apt update -qq; do
        try=$((try + 1))
        if [ $try = 5 ]; then
            warn "apt-get update failed: package lists may be old"
            break
        fi
        sleep 10
    done
    # shellcheck disable=SC2086 # one word per package
    size=$(LC_ALL=C apt install --assume-no --no-install-recommends $missing 2>/dev/null | sed -n 's/^After this operation, \(.*\) of additional.*/\1/p') || :
    echo "installing with apt-get:$missing (${size:-an unknown amount} of disk)" >&2
    # shellcheck disable=SC2086 # one word per package
    apt install -y -qq --no-install-recommends $missing >/dev/null || {
        warn "apt-get could not install:$missing"
        exit 1
    }
fi

if [ "$what" = test ]; then
    top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
    [ -e "$top/target/npm-exports/ready" ] && [ -e "$top/target/venv/schemas/ready" ] && [ -e "$top/target/npm-fixtures/ready" ] ||
        echo "installing servers and clients from PyPI and npm below target/ (about 1.1 GB of disk)" >&2
    # Real servers and a real client for tests/live.rs, each LitServe in an environment of its own.
    for version in 0.2.4 0.2.5; do
        venv=$top/target/venv/litserve-$version
        if [ ! -e "$venv/ready" ]; then
            python3 -m venv "$venv"
            "$venv/bin/pip" install -q "litserve==$version" openai
            touch "$venv/ready"
        fi
    done
    # A server and a client of HTTP/2 in TLS; HTTP libraries and clients that read replays (tests/again.rs).
    # What release/ is tested with (tests/fixtures.rs, tests/release.rs).
    for name in h2 clients exports fixtures; do
        venv=$top/target/venv/$name
        case $name in
        exports) packages="vcrpy==9.4.2 requests==2.34.2" ;; # they play what `export` writes
        h2) packages="hypercorn==0.18.0 httpx[http2]==0.28.1 openai==3.57.0 trustme==1.2.1" ;;
        fixtures) packages="pytest==9.2.0 pytest-asyncio==1.5.0 openai==3.57.0 mypy==2.4.1 ruff==0.17.6 hatchling==1.33.0 cyclonedx-python-lib[json-validation]==11.12.0" ;;
        clients) packages="h11==0.16.0 h2==4.4.1 openai==3.57.0 anthropic==2.14.0 ollama==0.6.3" ;;
        esac
        if [ ! -e "$venv/ready" ]; then
            python3 -m venv "$venv"
            # shellcheck disable=SC2086 # one word per package
            "$venv/bin/pip" install -q $packages
            touch "$venv/ready"
        fi
    done
    # Readers of the metrics of tests/monitoring.rs: Prometheus' text format, OpenTelemetry's protobuf.
    monitoring=$top/target/venv/monitoring
    if [ ! -e "$monitoring/ready" ]; then
        python3 -m venv "$monitoring"
        "$monitoring/bin/pip" install -q prometheus_client==0.26.0 opentelemetry-proto==1.45.2
        touch "$monitoring/ready"
    fi
    # The vendors' libraries, which read replays (tests/replay_sdks.rs).
    sh "$top/tests/vendors.sh" --install
    # What others publish of the formats that `check` writes (tests/check.rs): SARIF's schema, and the one of JUnit's XML that CI servers check by.
    schemas=$top/target/venv/schemas
    if [ ! -e "$schemas/ready" ]; then
        python3 -m venv "$schemas"
        "$schemas/bin/pip" install -q jsonschema==4.25.1 xmlschema==4.1.0
        npm install --silent --no-audit --no-fund --prefix "$schemas/npm" @microsoft/jest-sarif@1.0.0-beta.0
        "$schemas/bin/pip" download -q --no-deps --no-binary pytest -d "$schemas/src" pytest==8.4.2
        tar -xzf "$schemas/src/pytest-8.4.2.tar.gz" -C "$schemas/src" pytest-8.4.2/testing/example_scripts/junit-10.xsd
        touch "$schemas/ready"
    fi
    # Clients of tests/proxy that npm has.
    if [ ! -e "$top/target/npm/ready" ]; then
        mkdir -p "$top/target/npm"
        npm install --silent --no-audit --no-fund --prefix "$top/target/npm" openai@6.49.0 undici@6.29.1
        touch "$top/target/npm/ready"
    fi
    if [ ! -e "$top/target/npm-fixtures/ready" ]; then
        mkdir -p "$top/target/npm-fixtures"
        npm install --silent --no-audit --no-fund --prefix "$top/target/npm-fixtures" vitest@4.1.12 openai@6.49.0 typescript@5.9.3 @types/node@20.19.43
        touch "$top/target/npm-fixtures/ready"
    fi
    # What opens the page of `report html`, and what checks it for readers who cannot see it (tests/page.rs).
    if [ ! -e "$top/target/npm-page/ready" ]; then
        mkdir -p "$top/target/npm-page"
        npm install --silent --no-audit --no-fund --prefix "$top/target/npm-page" playwright-core@1.65.1 axe-core@4.14.1
        touch "$top/target/npm-page/ready"
    fi
    # What exports are fed to: the schema of HTTP archives, WireMock (its tests run where there is a java).
    if [ ! -e "$top/target/npm-exports/ready" ]; then
        mkdir -p "$top/target/npm-exports"
        npm install --silent --no-audit --no-fund --prefix "$top/target/npm-exports" har-validator@5.1.5 wiremock@3.13.2
        touch "$top/target/npm-exports/ready"
    fi
fi
