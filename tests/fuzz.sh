#!/bin/sh
# Long runs of the fuzz targets: 10 minutes of one processor for each, 60 for each of the laws of the whole pipeline (again, cuts).
#
#   sh tests/fuzz.sh                     all of them
#   MINUTES=1 sh tests/fuzz.sh proxy h2  these, a minute each
#
# Needs cargo-fuzz and a C++ compiler; any toolchain does. What is found is in fuzz/artifacts/TARGET/. New inputs stay in fuzz/found/TARGET/;
# "MINIMISE=1 sh tests/fuzz.sh" replaces the corpora by a smallest set of both that covers as much.
set -eu
cd "$(dirname -- "$0")/../fuzz"
export RUSTC_BOOTSTRAP=1 # coverage counters are an unstable option of a stable compiler

folder() { # folder TARGET: the corpus that it begins with
    sed -n "s/.*(\"$1\", [a-z0-9_:]*, \"\([a-z]*\)\").*/\1/p" bodies/mod.rs
}
all=$(sed -n 's/^name = "\([a-z0-9]*\)"$/\1/p' Cargo.toml)
fuzz() { # fuzz COMMAND TARGET …
    command=$1
    target=$2
    shift 2
    cargo fuzz "$command" --sanitizer none --target-dir target "$target" "$@"
}

failed=
for target in ${*:-$all}; do
    corpus=corpus/$(folder "$target")
    mkdir -p "found/$target"
    if [ -n "${MINIMISE-}" ]; then
        # A corpus that several targets share is minimised by the first of them, which is the reader.
        case $target in again | clients | cuts | exports | redaction | wire) continue ;; esac
        cp "$corpus"/* "found/$target/"
        fuzz cmin "$target" "found/$target"
        rm -f "$corpus"/*
        find "found/$target" -type f -size -8k -exec cp {} "$corpus/" \;
        continue
    fi
    minutes=10
    case $target in again | cuts) minutes=60 ;; esac
    echo "tests/fuzz.sh: $target, ${MINUTES:-$minutes} min"
    fuzz run "$target" "found/$target" "$corpus" -- -max_total_time=$((${MINUTES:-$minutes} * 60)) -timeout=20 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 || failed="$failed $target"
done
[ -z "$failed" ] || {
    echo "tests/fuzz.sh: found something:$failed" >&2
    exit 1
}
