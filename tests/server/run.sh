#!/usr/bin/env bash
# Clients of all kinds against a server: tests/server/run.sh BINARY [--ci] [NAME...]
# --ci: a size that takes less than a minute on two cores; without it about twenty. NAME: only these.
# Needs node 18 or newer and npm, and their registry once for OpenAI's client; without it says so and
# succeeds. nginx and strace are used where they are there.
set -uo pipefail
binary=$(realpath "${1:?usage: run.sh BINARY [--ci] [NAME...]}")
shift
cd "$(dirname "$0")"
ci=
[ "${1:-}" = --ci ] && ci=1 && shift
only=" $* "

for tool in node npm; do
  command -v $tool >/dev/null || { echo "skipped: there is no $tool (Debian: nodejs, npm)"; exit 0; }
done
node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' ||
  { echo "skipped: node is $(node --version), expected 18 or newer"; exit 0; }

failed=()
# step NAME COMMAND...: what it prints, and its seconds
step() {
  local name=$1 start=$SECONDS
  shift
  [ "$only" = "  " ] || [[ $only == *" $name "* ]] || return
  echo "== $name"
  "$@" || failed+=("$name")
  echo "   $((SECONDS - start)) s"
}
# size CI ELSE: an argument for each of the two
size() { [ -n "$ci" ] && echo "$1" || echo "$2"; }

openai() {
  [ -d node_modules/openai ] || npm ci --ignore-scripts --silent ||
    { echo "skipped: npm could not get OpenAI's client"; return 0; }
  # Quiet where all is well.
  ONEBIT_SERVER=$binary node --test openai/*.test.mjs >openai.log 2>&1 && grep -E '^(#|ℹ) (pass|skipped)' openai.log && rm openai.log ||
    { cat openai.log; rm openai.log; return 1; }
}

step openai openai
step raw node raw.mjs --server "$binary"
step paths node paths.mjs --server "$binary" --trace 1
step mutate node mutate.mjs --server "$binary" --count "$(size 3000 100000)"
step disconnects node disconnects.mjs --server "$binary"
step sse_clients node sse_clients.mjs --server "$binary" --clients "$(size 300 1000)" -- --queue 2048
step slow_readers node slow_readers.mjs --server "$binary" --clients "$(size 6 50)" \
  --wait "$(size 0 35)" -- --queue 2048 --kv-memory 16MiB
step slow_loris node slow_loris.mjs --server "$binary" --clients "$(size 100 500)" \
  --requests "$(size 60 400)" --most "$(size 5 1.1)"
step replicas node replicas.mjs --server "$binary" --seconds "$(size 1 5)"
step soak node soak.mjs --server "$binary" --minutes "$(size 0.1 10)" --growth "$(size 0.1 0.01)" \
  -- --kv-memory 16MiB

[ ${#failed[@]} -eq 0 ] && echo "all clients were served as they should be" && exit 0
echo "FAILED: ${failed[*]}" >&2
exit 1
