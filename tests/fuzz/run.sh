#!/usr/bin/env bash
# Runs every fuzz target for a number of seconds from its corpus: run.sh SECONDS [TARGET...]
# Needs the preset `asan`. An input that fails is kept in build-asan/findings, new
# ones in build-asan/corpus/TARGET.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${ONEBIT_FUZZ_BUILD:-$here/../../build-asan}
seconds=${1:?run.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(cd "$here" && ls fuzz_*.cpp | sed 's/^fuzz_\(.*\)\.cpp$/\1/')
mkdir -p "$build/findings"

run() {
  local target=$1 log=$build/$1.log
  mkdir -p "$build/corpus/$target"
  local options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 -max_len=16384
                 -print_final_stats=1 -artifact_prefix="$build/findings/$target-")
  [ -f "$here/$target.dict" ] && options+=(-dict="$here/$target.dict")
  if "$build/tests/fuzz/fuzz_$target" "${options[@]}" "$build/corpus/$target" \
       "$here/corpus/$target" >"$log" 2>&1; then
    echo "$target: $(grep -oP 'stat::number_of_executed_units: *\K.*' "$log") inputs," \
         "$(grep -oP 'DONE +\Kcov: \d+ ft: \d+ corp: \d+/\w+' "$log")"
  else
    echo "$target: FAILED"
    tail -n 60 "$log"
    return 1
  fi
}

# Two at a time: each has one thread.
status=0
running=0
for target in "$@"; do
  if [ "$running" -eq 2 ]; then
    wait -n || status=1
    running=1
  fi
  run "$target" &
  running=$((running + 1))
done
for _ in $(seq "$running"); do wait -n || status=1; done
exit $status
