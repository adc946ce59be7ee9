#!/usr/bin/env bash
# Every curl line of docs/server.md gets a 2xx from a server with the default model:
#   server_docs_test.sh BIN_DIR SOURCE_DIR
set -uo pipefail
bin=$1
source=$2
dir=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT

"$bin/onebit" serve --port 0 -t 1 >"$dir/out" 2>"$dir/err" &
server=$!
for _ in $(seq 600); do
  grep -q '^ready' "$dir/out" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
URL=$(sed -n 's/^address  *//p' "$dir/out")
[[ $URL == http://* ]] || { echo "no address: $(cat "$dir/out" "$dir/err")"; exit 1; }

# The fenced blocks, each into a file, that begin with curl.
awk -v dir="$dir" '/^```sh$/ { n++; file = sprintf("%s/block%02d", dir, n); next }
                   /^```/    { file = "" }
                   file      { print > file }' "$source/docs/server.md"
count=0
failures=0
for block in "$dir"/block*; do
  grep -q '^curl ' "$block" || continue
  count=$((count + 1))
  # The status behind the answer, whatever the answer is.
  status=$(sed 's|^curl |curl --max-time 60 -o "$dir/answer" -w "%{http_code}" |' "$block" >"$dir/run" &&
           . "$dir/run")
  if [[ $status != 2?? || ! -s $dir/answer ]]; then
    echo "FAILED with $status: $(cat "$block")"
    head -c 1000 "$dir/answer"
    failures=$((failures + 1))
  fi
done
[ "$count" -ge 10 ] || { echo "only $count curl lines found"; exit 1; }
echo "$count curl lines, $failures failures"
[ "$failures" -eq 0 ]
