#!/usr/bin/env bash
# bench/compare and bench/run.sh on made-up results: compare_test.sh SOURCE_DIR
set -uo pipefail
source=$(cd "$1" && pwd)
compare=$source/bench/compare
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# expect STATUS PART OLD NEW: exit status, and PART in the output
expect() {
  "$compare" "$3" "$4" >"$dir/out" 2>&1
  local status=$?
  if [ $status -ne "$1" ] || ! grep -qF -- "$2" "$dir/out"; then
    echo "FAILED: compare $3 $4: status $status, expected $1 and '$2' in:" >&2
    cat "$dir/out" >&2
    failures=$((failures + 1))
  fi
}
# csv FILE [metric,median,low,high]...
csv() {
  local file=$1 row
  shift
  echo "date,model,isa,threads,metric,median,low,high" >"$file"
  for row in "$@"; do echo "2026-11-22,2b4t,avx512,2,$row" >>"$file"; done
}
report() {  # decode tok/s: low, median, high
  echo '{"model":"2b4t","date":"2026-11-22","isa":"avx512","threads":2,"stream_gb_s":30,"int8_peak_tmac_s":null,' \
    '"load_s":1,"rss_mb":900,"prefill":{"n":512,"tok_s":200,"low":199,"high":201,"peak_share":null},' \
    "\"decode\":{\"n\":128,\"tok_s\":$2,\"low\":$1,\"high\":$3,\"context\":0,\"bytes_per_token\":1e9," \
    '"bandwidth_share":0.8,"energy_j_per_token":null},"batch":null}' | tr -d '\n'
  echo
}

cd "$dir" || exit 1
csv old.csv "prefill 512,200,198,202" "decode 128,30,29.9,30.1"
csv same.csv "prefill 512,198,197,199" "decode 128,30.2,30,30.3"
csv slow.csv "prefill 512,200,198,202" "decode 128,28,27.9,28.1"
csv noisy.csv "prefill 512,200,198,202" "decode 128,28,26,31"
csv fast.csv "prefill 512,300,298,302" "decode 128,30,29.9,30.1"
csv gone.csv "prefill 512,200,198,202"
csv twice.csv "prefill 512,200,198,202" "decode 128,28,27.9,28.1" "decode 128,30,29.9,30.1" \
  "decode 128,30.1,30,30.2"
expect 0 "same  2b4t, avx512, 2 threads, decode 128: 30 -> 30.2" old.csv same.csv
expect 0 "same" old.csv old.csv
expect 1 "LOSS  2b4t, avx512, 2 threads, decode 128: 30 -> 28 (-6.7%, noise 2.0%)" old.csv slow.csv
expect 0 "noise 17.9%" old.csv noisy.csv
expect 0 "gain  2b4t, avx512, 2 threads, prefill 512: 200 -> 300" old.csv fast.csv
expect 1 "GONE  2b4t, avx512, 2 threads, decode 128" old.csv gone.csv
expect 0 "new   2b4t, avx512, 2 threads, decode 128" gone.csv old.csv
expect 0 "decode 128: 30 -> 30 (+0.0%, noise 7.7%)" old.csv twice.csv

report 29.9 30 30.1 >old.json
report 24.9 25 25.1 >slow.json
expect 1 "LOSS  2b4t, avx512, 2 threads, decode 128: 30 -> 25" old.json slow.json
expect 0 "decode 128 bandwidth_share: 0.8 -> 0.8" old.json old.json
"$compare" --csv old.json >converted.csv || failures=$((failures + 1))
expect 1 "decode 128: 30 -> 25" converted.csv slow.json
expect 0 "prefill 512: 200 -> 200" old.json converted.csv

expect 2 "none.csv" old.csv none.csv
: >empty.csv
expect 2 "expected the columns" old.csv empty.csv
csv zero.csv "decode 128,0,0,0"
expect 2 "zero.csv: row 1: expected 0 < low" old.csv zero.csv
csv text.csv "decode 128,a,b,c"
expect 2 "text.csv" old.csv text.csv
echo '{"model": 1}' >odd.json
expect 2 "odd.json" old.csv odd.json

# run.sh with a program that answers with made-up reports
mkdir bin
printf '#!/bin/sh\ncat "%s"\n' "$dir/answer" >bin/onebit
chmod +x bin/onebit
run() { SHAPES="a:ternary" "$source/bench/run.sh" "$dir/bin/onebit" "$dir/results" >"$dir/out" 2>&1; }
cp old.json answer
run || { echo "FAILED: first run: $(cat out)" >&2; failures=$((failures + 1)); }
cp results/*.csv first.csv || failures=$((failures + 1))
cp slow.json answer
run && { echo "FAILED: run.sh did not see a loss" >&2; failures=$((failures + 1)); }
cmp -s results/*.csv first.csv || { echo "FAILED: a loss was written" >&2; failures=$((failures + 1)); }

[ "$failures" -eq 0 ] && echo "compare compares"
exit $((failures > 0))
