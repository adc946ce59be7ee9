#!/usr/bin/env bash
# Measures this machine: bench/run.sh ONEBIT [FOLDER]
#
# Writes FOLDER/CPU.csv (default: bench/results), a line for each metric, and prints each report.
# With an older file of this machine there, says what lost and exits with 1. Variables:
#   SHAPES   "shape:type" pairs (default: 2b4t:ternary bonsai-1.7b:q1_0 bonsai-8b:q1_0)
#   OPTIONS  of onebit bench (default: -t 1,2 -p 512 -n 128 -b 16)
# An idle machine is up to you.
set -euo pipefail
onebit=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=${2:-$here/results}
read -ra options <<<"${OPTIONS:--t 1,2 -p 512 -n 128 -b 16}"

model_name() {  # of the CPU; on AArch64 lscpu knows it
  sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1 | grep . ||
    lscpu | sed -n 's/^Model name: *//p' | head -n 1
}
cpu=$(model_name | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9]\{1,\}/-/g; s/^-//; s/-$//')
cpu=${cpu:-unknown}-$(nproc)

mkdir -p "$folder"
json=$(mktemp)
csv=$(mktemp)
trap 'rm -f "$json" "$csv"' EXIT
for pair in ${SHAPES:-2b4t:ternary bonsai-1.7b:q1_0 bonsai-8b:q1_0}; do
  "$onebit" bench --shape "${pair%:*}" --type "${pair#*:}" "${options[@]}" --json | tee -a "$json"
done
"$here/compare" --csv "$json" >"$csv"
status=0
if [ -e "$folder/$cpu.csv" ]; then
  "$here/compare" "$folder/$cpu.csv" "$csv" || status=$?
fi
# After a loss the older figures stay what others are held against.
if [ $status -eq 0 ]; then
  cp "$csv" "$folder/$cpu.csv"
  echo "written: $folder/$cpu.csv"
fi
exit $status
