#!/usr/bin/env bash
# The page: types and units of web/, then the page in Chromium against a mock server and, where there
# is a program, against `onebit serve`; and that web/dist is what web/ builds.
#   page_test.sh SOURCE_ROOT [ONEBIT]
# Skips (77) without node, npm, Chromium or web/node_modules (npm --prefix web ci): a test fetches
# nothing.
set -euo pipefail
root=$(cd "$1" && pwd)
onebit=${2:-}
[[ -z $onebit ]] || onebit=$(realpath "$onebit")
export CHROMIUM=${CHROMIUM:-$(command -v chromium || true)}

skip() {
  echo "page_test: skipped: $1"
  exit 77
}
command -v node >/dev/null || skip "no node"
command -v npm >/dev/null || skip "no npm"
[[ -n $CHROMIUM ]] || skip "no chromium"
cd "$root/web"
[[ -d node_modules ]] || skip "no web/node_modules"

work=$(mktemp -d)
server=
finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

npm test --silent
npx --no-install vite build --outDir "$work/dist" --emptyOutDir --logLevel warn
diff -r dist "$work/dist" || { echo "web/dist is not what web/ builds: run make page"; exit 1; }
timeout 400 node test/page.mjs

[[ -n $onebit ]] || exit 0
# The system picks the port; the program says it.
timeout 300 "$onebit" serve --port 0 >"$work/log" 2>&1 &
server=$!
for _ in $(seq 100); do
  url=$(grep -om1 'http://127\.0\.0\.1:[0-9]*' "$work/log" || true)
  [[ -z $url ]] || break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.1
done
[[ -n $url ]] || { cat "$work/log"; exit 1; }
ONEBIT_URL=$url/ timeout 280 node test/page.mjs
