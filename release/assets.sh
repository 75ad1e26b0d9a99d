#!/bin/sh
# Make what packages hold beside the program: assets.sh SNIFF writes manual pages and completions to target/assets, or
# to the folder that ASSETS names.
set -eu
program=${1:?assets.sh SNIFF: the path of the program is missing}
top=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
folder=${ASSETS:-$top/target/assets}
mkdir -p "$folder/man"
"$program" man "$folder/man"
for shell in bash zsh fish; do
    "$program" completions "$shell" >"$folder/sniff.$shell"
done
