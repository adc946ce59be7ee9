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
# The default model has no chat template; with this one it is asked to chat.
printf '{%% for m in messages %%}{{ m.content }}\n{%% endfor %%}' >"$work/chat.jinja"
for flags in "" "--template $work/chat.jinja"; do
  timeout 300 "$onebit" serve --port 0 $flags >"$work/log" 2>&1 &
  server=$!
  url=
  for _ in $(seq 300); do
    url=$(sed -n 's/^address  *//p' "$work/log")
    [[ -z $url ]] || break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  [[ -n $url ]] || { cat "$work/log"; exit 1; }
  echo "onebit serve $flags"
  ONEBIT_URL=$url/ timeout 280 node test/page.mjs
  kill "$server" && wait "$server" || { echo "onebit serve: exit status $?"; exit 1; }
  server=
done
