#!/bin/sh
# Compare the event types in the vendors' SDKs with those that the dialects read: vendors.sh [--latest|--install].
#
# Installs the SDKs of tests/vendors.txt below target/venv/vendors (about 350 MB of disk); with --latest the newest versions, in a
# temporary folder; with --install that is all (tests/replay_sdks.rs reads streams with them). Exit code 1: an SDK has a type that is
# neither read nor listed in tests/vendors_omitted.txt, or that list is wrong; 2: the SDKs could not be installed.
set -eu
top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)

latest=
install=
case ${1-} in
"") ;;
--latest) latest=1 ;;
--install) install=1 ;;
*)
    echo "tests/vendors.sh: unknown argument $1: use no argument, --latest or --install" >&2
    exit 2
    ;;
esac

fail() { # what is wrong, and what to do
    echo "tests/vendors.sh: $1" >&2
    exit 2
}
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "no python3 with venv: sh tests/setup.sh test installs it"

pins=$(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$top/tests/vendors.txt")
if [ -n "$latest" ]; then
    venv=$(mktemp -d)
    trap 'rm -rf "$venv"' EXIT
    trap 'exit 2' HUP INT TERM
    packages=$(echo "$pins" | awk '{ print $1 }')
else
    venv=$top/target/venv/vendors
    packages=$(echo "$pins" | awk '{ print $1 "==" $2 }')
fi
if [ "$(cat "$venv/ready" 2>/dev/null)" != "$packages" ]; then
    python3 -m venv --clear "$venv"
    # shellcheck disable=SC2086 # one word per package
    "$venv/bin/pip" install -q --disable-pip-version-check --only-binary :all: $packages >&2 ||
        fail "pip could not install the SDKs: are their versions in tests/vendors.txt still published?"
    echo "$packages" >"$venv/ready"
fi
[ -z "$install" ] || exit 0
"$venv/bin/python" -W ignore "$top/tests/tools/vendors.py" "$top"
