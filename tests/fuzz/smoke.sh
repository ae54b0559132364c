#!/bin/sh
# Runs a fuzz target for a short time on a copy of its corpus.  usage: smoke.sh TARGET CORPUS [SECONDS]
set -e
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
"$1" -max_total_time="${3:-20}" -print_final_stats=1 "$new" "$2"
