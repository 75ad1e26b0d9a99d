#!/bin/sh
# Install what building and testing need on Debian or Ubuntu: setup.sh [build|test]. Does nothing for what is there.
set -eu
what=${1:-build}

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo

need() { # need COMMAND-OR-FILE PACKAGE: queue the package unless the thing is there
    command -v "$1" >/dev/null 2>&1 || [ -e "$1" ] || missing="$missing $2"
}

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
    need chromium chromium       # a real EventSource through the proxy
    need certutil libnss3-tools  # … that trusts the proxy's authority
    need tcpdump tcpdump # the packet truth for the live tests
    need python3 python3
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
fi
if [ -n "$missing" ]; then
    echo "installing:$missing" >&2
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # one word per package
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

if [ "$what" = test ]; then
    # Real servers and a real client for tests/live.rs, each LitServe in an environment of its own.
    top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
    for version in 0.2.4 0.2.5; do
        venv=$top/target/venv/litserve-$version
        if [ ! -e "$venv/ready" ]; then
            python3 -m venv "$venv"
            "$venv/bin/pip" install -q "litserve==$version" openai
            touch "$venv/ready"
        fi
    done
    # A server and a client of HTTP/2 in TLS; HTTP libraries and clients that read replays (tests/again.rs).
    for name in h2 clients exports; do
        venv=$top/target/venv/$name
        case $name in
        exports) packages="vcrpy==9.4.2 requests==2.34.2" ;; # they play what `export` writes
        h2) packages="hypercorn==0.18.0 httpx[http2]==0.28.1 openai==3.57.0 trustme==1.2.1" ;;
        clients) packages="h11==0.16.0 h2==4.4.1 openai==3.57.0 anthropic==2.14.0 ollama==0.6.3" ;;
        esac
        if [ ! -e "$venv/ready" ]; then
            python3 -m venv "$venv"
            # shellcheck disable=SC2086 # one word per package
            "$venv/bin/pip" install -q $packages
            touch "$venv/ready"
        fi
    done
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
    # What exports are fed to: the schema of HTTP archives, WireMock (its tests run where there is a java).
    if [ ! -e "$top/target/npm-exports/ready" ]; then
        mkdir -p "$top/target/npm-exports"
        npm install --silent --no-audit --no-fund --prefix "$top/target/npm-exports" har-validator@5.1.5 wiremock@3.13.2
        touch "$top/target/npm-exports/ready"
    fi
fi
