#!/usr/bin/env bash
# The life of `onebit serve`, as a user or systemd sees it: serve_test.sh BIN_DIR
set -uo pipefail
onebit=$1/onebit
dir=$(mktemp -d)
server=
trap '[ -n "$server" ] && kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
same() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
# start FLAGS...: a server on a free port; sets $server and $url
start() {
  : >"$dir/out"
  "$onebit" serve --port 0 -t 1 "$@" >"$dir/out" 2>"$dir/err" &
  server=$!
  for _ in $(seq 600); do
    grep -q '^ready' "$dir/out" && break
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  if ! grep -q '^ready' "$dir/out"; then
    echo "FAILED: serve $* does not start: $(cat "$dir/out" "$dir/err")" >&2
    exit 1
  fi
  url=$(sed -n 's/^address  *//p' "$dir/out")
}
# stop CODE: SIGTERM ends it with that exit code
stop() {
  kill -TERM "$server"
  wait "$server"
  same "$?" "$1" "exit code after SIGTERM"
  server=
}
status() { curl -sS --max-time 30 -o "$dir/answer" -w '%{http_code}' "$@"; }
# rejected CODE PART FLAGS...: refuses to start, with one line on stderr that has PART in it
rejected() {
  local code=$1 part=$2
  shift 2
  timeout 30 "$onebit" serve --port 0 "$@" >"$dir/out" 2>"$dir/err"
  same "$?" "$code" "exit code of serve $*"
  same "$(wc -l <"$dir/err")" 1 "lines on stderr of serve $*"
  grep -qF -- "$part" "$dir/err" || fail "serve $*: no '$part' in: $(cat "$dir/err")"
}

# Start, answer, stop
start
for part in "^model    onebit-default: bitnet" "^compute " "^memory .*blocks of 64 positions" \
            "^address  http://127.0.0.1:" "^keys     none" "SIGTERM"; do
  grep -q "$part" "$dir/out" || fail "no '$part' at the start: $(cat "$dir/out")"
done
same "$(status "$url/health")" 200 "status of /health"
same "$(cat "$dir/answer")" '{"status":"ok"}' "/health"
same "$(status "$url/v1/completions" -d '{"prompt": "Once", "max_tokens": 5}')" 200 "a completion"
grep -q '"text"' "$dir/answer" || fail "no text in $(cat "$dir/answer")"
same "$(status "$url/v1/models/onebit-default")" 200 "the model by its name"
same "$(status "$url/health" -H 'Host: evil.example')" 403 "an unknown host"
same "$(status "$url/v1/models" -H 'Origin: http://evil.example')" 403 "an unknown origin"
for path in /../etc/passwd /%2e%2e/etc/passwd /..%2f..%2fetc/passwd //etc/passwd /v1/models/../../etc/passwd; do
  code=$(status --path-as-is "$url$path")
  [[ $code == 400 || $code == 404 ]] || fail "$path: status $code"
done
stop 0
[ -s "$dir/err" ] && fail "stderr: $(cat "$dir/err")"

# Answers under way end before the process does; what takes longer gets a last event. The scalar
# kernels are slow enough to have time for it.
export ONEBIT_ISA=scalar
# stream N: starts a client of N texts at once, and waits until it reads
stream() {
  rm -f "$dir/stream"
  curl -sSN --max-time 60 "$url/v1/completions" \
    -d "{\"prompt\": \"Once\", \"max_tokens\": 200, \"stream\": true, \"n\": $1}" >"$dir/stream" 2>/dev/null &
  client=$!
  while [ ! -s "$dir/stream" ] && kill -0 "$client" 2>/dev/null; do sleep 0.02; done
}
start --drain-seconds 60
stream 1
stop 0
wait "$client"
same "$(grep -c . "$dir/stream" | awk '{print ($1 > 20)}')" 1 "a stream that was drained has all its events"
same "$(grep . "$dir/stream" | tail -n 1)" "data: [DONE]" "the end of a stream that was drained"
start --drain-seconds 0
stream 8
stop 0
wait "$client"
grep -q 'shutting_down' <(grep . "$dir/stream" | tail -n 1) || fail "no last event: $(tail -c 300 "$dir/stream")"
start --drain-seconds 60
stream 8
kill -TERM "$server"
sleep 0.2
stop 1  # the second signal: at once
wait "$client"
unset ONEBIT_ISA

# A unix socket that only its user can open
start --unix "$dir/socket"
same "$(stat -c %a "$dir/socket")" 600 "mode of the socket"
same "$(status --unix-socket "$dir/socket" http://localhost/health)" 200 "/health on a unix socket"
stop 0
[ -e "$dir/socket" ] && fail "the socket is still there"

# Keys
echo "a-secret-key-1" >"$dir/keys"
chmod 600 "$dir/keys"
start --api-key-file "$dir/keys" --name mine
grep -q "^keys     asked for" "$dir/out" || fail "keys: $(cat "$dir/out")"
same "$(status "$url/v1/models")" 401 "no key"
same "$(status "$url/v1/models" -H "Authorization: Bearer a-secret-key-2")" 401 "a wrong key"
same "$(status "$url/v1/models" -H "Authorization: Bearer a-secret-key-1")" 200 "the key"
grep -q '"id":"mine"' "$dir/answer" || fail "the name: $(cat "$dir/answer")"
stop 0
export ONEBIT_API_KEYS=a-secret-key-3,a-secret-key-4
start
unset ONEBIT_API_KEYS
same "$(status "$url/v1/models" -H "Authorization: Bearer a-secret-key-4")" 200 "a key of the environment"
grep -qa "a-secret-key" "/proc/$server/environ" && fail "the keys are still in the environment"
stop 0
chmod 644 "$dir/keys"
rejected 2 "$dir/keys" --api-key-file "$dir/keys"
grep -q "a-secret" "$dir/err" && fail "a key is in the error"

# What does not start
rejected 2 "0.0.0.0" --host 0.0.0.0
rejected 2 "--kv-memory" --kv-memory 1000000000000000
rejected 2 "at least" --kv-memory 1
rejected 2 "--name" --name "a b"
rejected 2 "nowhere.gguf" nowhere.gguf
rejected 2 "--port" --port 65536

# Half of the environment that systemd gives
if command -v python3 >/dev/null; then
  python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(60)
print(s.recv(64).decode(), flush=True)' "$dir/notify" >"$dir/notified" &
  listener=$!
  while [ ! -S "$dir/notify" ]; do sleep 0.02; done
  export NOTIFY_SOCKET=$dir/notify
  start
  unset NOTIFY_SOCKET
  wait "$listener"
  same "$(cat "$dir/notified")" "READY=1" "what the supervisor hears"
  stop 0
fi

[ "$failures" -eq 0 ]
