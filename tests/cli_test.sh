#!/usr/bin/env bash
# The command lines as a user types them: cli_test.sh BIN_DIR SOURCE_DIR
set -uo pipefail
bin=$1
source=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}
same() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
# rejected CODE PART COMMAND...: exit code, nothing on stdout, one line on stderr with PART in it
rejected() {
  local code=$1 part=$2
  shift 2
  "$@" >"$dir/out" 2>"$dir/err" </dev/null
  same "$?" "$code" "exit code of $*"
  same "$(wc -l <"$dir/err")" 1 "lines on stderr of $*"
  grep -qF -- "$part" "$dir/err" || fail "$*: no '$part' in: $(cat "$dir/err")"
  [ -s "$dir/out" ] && fail "$*: prints on stdout: $(head -c 100 "$dir/out")"
}

onebit=$bin/onebit
model=$source/models/default.gguf

# The same text on every instruction set and thread count, from the file and from the binary
isas=$(ONEBIT_ISA=? "$onebit" run -n 1 2>&1 | sed 's/.*expected one of \(.*\), found.*/\1/; s/,//g')
[[ $isas == *scalar* ]] || fail "no list of instruction sets: $isas"
expected=$("$onebit" run -q -p "The king said" -n 40 --temp 0)
[ ${#expected} -gt 60 ] || fail "the default model wrote too little: $expected"
for isa in $isas; do
  for threads in 1 2 3; do
    found=$(ONEBIT_ISA=$isa "$onebit" run "$model" -q -p "The king said" -n 40 --temp 0 -t $threads)
    same "$found" "$expected" "greedy text on $isa with $threads threads"
  done
done
same "$("$onebit" run -q -n 30 --seed 5)" "$("$onebit" run -q -n 30 --seed 5 -t 1)" "text of a seed"

# Speculation changes the speed only
text="The king said to the queen, and the king said to the queen"
for flags in "--temp 0" "--seed 3"; do
  expected=$("$onebit" run -q -p "$text" -n 60 $flags)
  for speculation in "--speculate ngram" "--speculate none" "--draft $model --draft-tokens 3"; do
    found=$("$onebit" run -p "$text" -n 60 $flags $speculation 2>"$dir/err")
    same "$found" "$expected" "text of $flags with $speculation"
  done
done
grep -qE '[0-9] of [0-9]+ guesses right, [0-9.]+ tokens a step' "$dir/err" || fail "no speculation in: $(cat "$dir/err")"
same "$(printf 'The king said\nThe queen\n' | "$onebit" chat --temp 0 -n 20 --speculate ngram 2>/dev/null)" \
  "$(printf 'The king said\nThe queen\n' | "$onebit" chat --temp 0 -n 20 2>/dev/null)" "chat with speculation"
rejected 2 "--speculate" "$onebit" run --speculate maybe
rejected 2 "--draft-tokens" "$onebit" run --draft "$model" --draft-tokens 0

# Output of a given form: complete, and the same with speculation
printf 'root ::= ("ab" | "cd"){2,4} [0-9]' >"$dir/g.gbnf"
cat >"$dir/s.json" <<'EOF'
{"type": "object", "properties": {"name": {"type": "string", "maxLength": 12},
 "age": {"type": "integer", "minimum": 0, "maximum": 120},
 "tags": {"type": "array", "items": {"enum": ["red", "green"]}, "maxItems": 2}},
 "required": ["name", "age"], "additionalProperties": false}
EOF
for seed in 1 2 3 4 5; do
  found=$("$onebit" run -q -p "Say: " -n 100 --seed $seed --temp 1.5 --grammar "$dir/g.gbnf")
  [[ $found =~ ^Say:\ (ab|cd){2,4}[0-9]$ ]] || fail "text of a grammar: $found"
  found=$("$onebit" run -q -p "Say: " -n 200 --seed $seed --temp 1.5 --json-schema "$dir/s.json")
  found=${found#Say: }
  if [ -n "$(command -v python3)" ]; then
    printf '%s' "$found" | python3 -c '
import json, sys
d = json.load(sys.stdin)
assert list(d) in (["name", "age"], ["name", "age", "tags"]), d
assert len(d["name"]) <= 12 and type(d["age"]) is int and 0 <= d["age"] <= 120, d
assert len(d.get("tags", [])) <= 2 and set(d.get("tags", [])) <= {"red", "green"}, d' ||
      fail "text of a schema: $found"
  fi
  same "$("$onebit" run -q -p "Say: " -n 200 --seed $seed --temp 1.5 --json-schema "$dir/s.json" --speculate ngram)" \
    "Say: $found" "text of a schema with speculation"
done
found=$(printf 'Hello\nAgain\n' | "$onebit" chat -n 100 --grammar "$dir/g.gbnf" 2>/dev/null)
[ "$(grep -cE '^(ab|cd){2,4}[0-9]$' <<<"$found")" -eq 2 ] || fail "chat with a grammar: $found"
printf 'root ::= x' >"$dir/bad.gbnf"
rejected 2 "bad.gbnf: line 1, column 10" "$onebit" run --grammar "$dir/bad.gbnf"
printf '{"type": "object", "minProperties": 1}' >"$dir/bad.json"
rejected 2 "minProperties" "$onebit" run --json-schema "$dir/bad.json"
rejected 2 "--grammar" "$onebit" run --json-schema "$dir/s.json" --grammar "$dir/g.gbnf"
rejected 2 "none.gbnf" "$onebit" chat --grammar "$dir/none.gbnf"

# Other commands
"$onebit" inspect "$model" --json >"$dir/out"
grep -q '"architecture":"bitnet-b1.58"' "$dir/out" || fail "inspect --json"
"$onebit" inspect >"$dir/out"
grep -q 'I2_S' "$dir/out" || fail "inspect"
ids=$(printf 'Hello  world\n' | "$onebit" tokenize "$model")
[[ $ids =~ ^[0-9]+(\ [0-9]+)+$ ]] || fail "tokenize: '$ids'"
same "$(printf 'Hello  world\n' | "$onebit" tokenize)" "$ids" "tokens of the default model"
same "$(echo "$ids" | "$onebit" detokenize "$model"; echo x)" "$(printf 'Hello  world\nx')" "detokenize"
texts='"Hello  world\n"
""
"\u00e9 \"quoted\" \u0000 \ud83d\ude00"'
arrays=$(printf '%s\n' "$texts" | "$onebit" tokenize "$model" --jsonl)
same "$(head -n 1 <<<"$arrays")" "[${ids// /,}]" "tokenize --jsonl"
same "$(sed -n 2p <<<"$arrays")" "[]" "tokenize --jsonl of an empty string"
back=$(printf '%s\n' "$arrays" | "$onebit" detokenize "$model" --jsonl)
same "$back" '"Hello  world\n"
""
"é \"quoted\" \u0000 😀"' "detokenize --jsonl"
same "$(printf '%s\n' "$back" | "$onebit" tokenize "$model" --jsonl)" "$arrays" "tokenize --jsonl again"
"$onebit" bench -r 1 -p 8 -n 4 -b 2 | grep -c 'of stream' >/dev/null || fail "bench"
same "$("$onebit" bench -r 1 -p 8 -n 4 -t 1,2 | grep -c '^decode')" 2 "reports of bench -t 1,2"
"$onebit" bench --shape 100m --type tq2_0 -p 4 -n 2 --ctx 9 -r 2 --json >"$dir/out" || fail "bench --shape"
same "$(wc -l <"$dir/out")" 1 "lines of bench --json"
for key in isa threads stream_gb_s int8_peak_tmac_s load_s rss_mb prefill decode batch peak_share \
  bytes_per_token bandwidth_share energy_j_per_token; do
  grep -q "\"$key\":" "$dir/out" || fail "bench --json without $key: $(cat "$dir/out")"
done
if command -v python3 >/dev/null; then
  "$source/bench/compare" --csv "$dir/out" >"$dir/csv"
  grep -q '100m tq2_0,.*,decode 2 at 9,' "$dir/csv" || fail "bench/compare --csv: $(cat "$dir/csv")"
fi
signature=$("$onebit" bench --signature)
[[ $signature =~ ^[0-9a-f]{16}$ ]] || fail "bench --signature: $signature"
for isa in $isas; do
  same "$(ONEBIT_ISA=$isa "$onebit" bench "$model" --signature -t 1,2,3,7)" \
    "$(printf '%s\n' "$signature" "$signature" "$signature" "$signature")" "signature on $isa"
done
rejected 2 "context: expected" "$onebit" bench -c 100000
rejected 2 "type: expected one of" "$onebit" bench --shape 100m --type q9
rejected 2 "tensor 'blk.0.attn_q.weight'" "$onebit" bench --shape bitnet-3b --type tq2_0
"$onebit" eval "$model" --logits "$dir/l.npy" --tokens 1,2,3 >/dev/null || fail "eval --logits"
same "$(head -c 6 "$dir/l.npy" | tail -c 5)" NUMPY "npy magic"
head -c 3000 "$source/data/books/alice-in-wonderland.txt" >"$dir/text"
"$onebit" eval --perplexity "$dir/text" --ctx 64 >"$dir/out" && grep -q 'perplexity' "$dir/out" || fail "eval --perplexity"
"$onebit" eval --perplexity "$dir/text" --ctx 256 >/dev/null || fail "eval with the whole context"
"$onebit" eval --perplexity "$dir/text" --ctx 256 --stride 256 >/dev/null || fail "eval --stride"
same "$("$onebit" eval --perplexity "$dir/text" --ctx 64 --per-chunk | grep -c '^\[')" \
  "$(("$("$onebit" tokenize <"$dir/text" | wc -w)" / 64))" "chunks of eval --per-chunk"
for command in "" run chat inspect eval tokenize detokenize template bench convert pack embed; do
  "$onebit" $command --help >"$dir/out" || fail "$command --help"
  grep -q -i 'example' "$dir/out" || fail "$command --help has no example"
done

# Bad input: one line, exit code
rejected 2 "cannot open" "$onebit" tokenize "$dir/none"
rejected 2 "not a regular file" "$onebit" run /dev/null
rejected 2 "config.json" "$onebit" run "$dir"
# rejected_line PART INPUT COMMAND...: as rejected with code 2, after one good line
rejected_line() {
  local part=$1 input=$2
  shift 2
  printf '%s\n' "$input" | "$@" >"$dir/out" 2>"$dir/err"
  same "$?" 2 "exit code of $* on $input"
  same "$(wc -l <"$dir/err")" 1 "lines on stderr of $*"
  grep -qF -- "$part" "$dir/err" || fail "$* on $input: no '$part' in: $(cat "$dir/err")"
}
for line in '5' '"a' '' '"\ud800"' "$(printf '"\xff"')" '"a" "b"'; do
  rejected_line 'standard input, line 2: expected a JSON string' "\"a\"
$line" "$onebit" tokenize --jsonl
done
for line in '5' '[1' '' '[1.5]' '["1"]' '[-1]' '[4294967296]' '[1] 2'; do
  rejected_line 'standard input, line 2: expected a JSON array of token ids' "[1]
$line" "$onebit" detokenize --jsonl
done
rejected_line 'standard input, line 1: token id' '[2147483647]' "$onebit" detokenize --jsonl
rejected_line "expected token ids, found 'x'" '1 2 x 3' "$onebit" detokenize
rejected 2 "--seed" "$onebit" run --seed -7
rejected 2 "--prompt" "$onebit" run -p "$(seq 2000)"
"$onebit" inspect >/dev/full 2>"$dir/err"
same "$?" 1 "exit code with a full disk"
same "$(cat "$dir/err")" "onebit: cannot write standard output: No space left on device" "message"
rejected 2 "$dir/none" "$onebit" run "$dir/none"
rejected 2 "magic" "$onebit" run "$dir/text"
rejected 2 "--foo" "$onebit" run --foo
rejected 2 "temperature" "$onebit" run --temp -1
rejected 2 "token id" "$onebit" eval "$model" --logits "$dir/l.npy" --tokens 1,99999999
rejected 2 "context" "$onebit" eval "$model" --perplexity "$dir/text" --ctx 100000
rejected 2 "--logits" "$onebit" eval "$model"
rejected 2 "context" "$onebit" run -c 100000
ONEBIT_ISA=pentium rejected 2 "pentium" "$onebit" run -n 1
head -c 100000 "$model" >"$dir/cut.gguf"
rejected 2 "cut.gguf" "$onebit" run "$dir/cut.gguf"
rejected 2 "cut.gguf" "$onebit" inspect "$dir/cut.gguf"
rejected 2 "/no/such/folder" "$onebit" eval "$model" --logits /no/such/folder/l.npy --tokens 1

# Chat templates: a request to a prompt
request='{"messages": [{"role": "user", "content": "Hi"}], "now": "2025-06-15T12:34:56"}'
same "$("$onebit" template <<<"$request")" "Hi" "template of a model without one"
echo '{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}' >"$dir/t"
same "$("$onebit" template --template "$dir/t" <<<"${request/\{/{\"bos_token\": \"B\", }")" \
  "B<user>Hi" "template from a file"
echo '{{ a.b }} {{ strftime_now("%d %b %Y") }}' >"$dir/t"
same "$("$onebit" template --template "$dir/t" <<<'{"context": {"a": {"b": 1}}, "now": "2025-06-15T00:00:00"}')" \
  "1 15 Jun 2025" "template with a bare context"
# refused CODE PART INPUT COMMAND...: exit code, one line on stderr with PART in it
refused() {
  local code=$1 part=$2 input=$3
  shift 3
  "$@" >"$dir/out" 2>"$dir/err" <<<"$input"
  same "$?" "$code" "exit code of $* with $input"
  same "$(grep -cF -- "$part" "$dir/err")" 1 "lines with '$part' on stderr of $* with $input"
}
refused 2 "line 2, column 1" '{' "$onebit" template
refused 2 "messages[0].role: expected a string" '{"messages": [{"role": 1}]}' "$onebit" template
refused 2 "'foo'" '{"messages": [], "foo": 1}' "$onebit" template
refused 2 "now: expected a time" '{"messages": [], "now": "today"}' "$onebit" template
echo '{% if %}' >"$dir/t"
refused 2 "$dir/t: template line 1" "$request" "$onebit" template --template "$dir/t"
echo '{{ raise_exception("no way") }}' >"$dir/t"
refused 2 "template line 1: no way" "$request" "$onebit" template --template "$dir/t"

# Chat from a pipe. The default model has no template: it continues the text, as run does.
say() { "$onebit" chat --temp 0 -n 20 "$@" 2>"$dir/err"; }
continued() { "$onebit" run -q --temp 0 -n 20 -p "$1"; }
one=$(say <<<"The king said")
same "The king said$one" "$(continued "The king said")" "first answer"
grep -q "no chat template" "$dir/err" || fail "chat does not say that there is no template"
both=$(printf 'The king said\nThe queen\n/save %s\n/stats\n' "$dir/talk" | say)
text=$'The king said'"$one"$'\nThe queen'
same "$text${both#"$one"$'\n'}" "$(continued "$text")" "second answer"
grep -q "kept from before" "$dir/err" || fail "no /stats: $(cat "$dir/err")"
grep -q " 0 kept from before" "$dir/err" && fail "nothing of the first turn was kept"
same "$(head -c 13 "$dir/talk")" '{"messages": ' "/save"
"$onebit" template <"$dir/talk" | cmp -s - <(printf '%s' "$text${both#"$one"$'\n'}") ||
  fail "the saved conversation renders as another text"
printf '/load %s\n/save %s\n' "$dir/talk" "$dir/talk2" | say
cmp "$dir/talk" "$dir/talk2" || fail "/load and /save change a conversation"
three=$(printf 'The king said\nThe queen\nThen\n' | say)
same "$(printf '/load %s\nThen\n' "$dir/talk" | say)" "${three#"$both"$'\n'}" "answer after /load"
same "$(printf '"""\nThe king\n"""\n' | say)" "$(say <<<"The king")" "a block of one line"
same "$(printf 'The king said\n/clear\nThe king said\n' | say)" "$one"$'\n'"$one" "/clear"
for i in $(seq 12); do echo "Tell me more about the old house and the people who lived in it, part $i."; done |
  say >/dev/null || fail "a long chat: $(cat "$dir/err")"
grep -q "context full: the oldest" "$dir/err" || fail "no turn was dropped: $(cat "$dir/err")"
refused 2 "unknown command '/what'" "/what" "$onebit" chat
refused 2 "$dir/none" "/load $dir/none" "$onebit" chat
echo '{"messages": [], "tools": []}' >"$dir/bad"
refused 2 "$dir/bad: expected only messages" "/load $dir/bad" "$onebit" chat
refused 2 "message: expected fewer than" "$(seq -s ' ' 2000)" "$onebit" chat

# Conversion: the same codes are the same logits; nothing is lost unless that is allowed
tar -C "$dir" -xJf "$source/tests/golden/models/models.tar.xz" bitnet-a.tq2_0-embf16.gguf
"$onebit" convert "$model" -o "$dir/same.gguf" >/dev/null || fail "convert"
"$onebit" eval "$dir/same.gguf" --logits "$dir/same.npy" --tokens 1,2,3 >/dev/null
"$onebit" eval "$model" --logits "$dir/l.npy" --tokens 1,2,3 >/dev/null
cmp "$dir/l.npy" "$dir/same.npy" || fail "logits after a conversion to the same types"
tq2=$dir/bitnet-a.tq2_0-embf16.gguf
rejected 2 "draft model: expected the model's vocabulary" "$onebit" run --draft "$tq2"
"$onebit" eval "$tq2" --logits "$dir/tq2.npy" --tokens 1,2,3 >/dev/null || fail "eval $tq2"
for type in i2_s tq1_0 q2_0 pq2_0 ptq1_0 iq2_bn iq1_bn; do
  "$onebit" convert "$tq2" -o "$dir/other.gguf" --type $type >/dev/null || fail "convert to $type"
  "$onebit" eval "$dir/other.gguf" --logits "$dir/other.npy" --tokens 1,2,3 >/dev/null
  cmp "$dir/tq2.npy" "$dir/other.npy" || fail "logits after a conversion to $type"
done
same "$("$onebit" eval "$dir/other.gguf" --kl "$dir/tq2.npy" --tokens 1,2,3)" \
  "kl mean 0, max 0 nats; top-1 agreement 1.0000; logits: max abs 0, rms 0, min cosine 1.00000000; 3 tokens" \
  "eval --kl"
for folder in "$source"/tests/golden/huggingface/*/; do
  [ -e "$folder/config.json" ] || continue
  "$onebit" convert "$folder" -o "$dir/hf.gguf" >/dev/null || fail "convert $folder"
  "$onebit" eval "$folder" --logits "$dir/folder.npy" --tokens 1,2,3 >/dev/null || fail "$folder"
  "$onebit" eval "$dir/hf.gguf" --logits "$dir/hf.npy" --tokens 1,2,3 >/dev/null
  cmp "$dir/folder.npy" "$dir/hf.npy" || fail "logits after a conversion of $folder"
done
rejected 2 "blk.0" "$onebit" convert "$tq2" -o "$dir/no.gguf" --type q1_0
rejected 2 "token_embd.weight" "$onebit" convert "$tq2" -o "$dir/no.gguf" --embedding-type q8_0
rejected 2 "output.weight" "$onebit" convert "$tq2" -o "$dir/no.gguf" --output-type f16
rejected 2 "q9" "$onebit" convert "$tq2" -o "$dir/no.gguf" --type q9
rejected 2 "magic" "$onebit" convert "$dir/text" -o "$dir/no.gguf"
rejected 2 "/no/such/folder" "$onebit" convert "$tq2" -o /no/such/folder/no.gguf
[ -e "$dir/no.gguf" ] && fail "a refused conversion wrote a file"
"$onebit" convert "$tq2" -o "$dir/q8.gguf" --embedding-type q8_0 --allow-lossy >/dev/null 2>&1 ||
  fail "convert --allow-lossy"
"$onebit" inspect "$dir/q8.gguf" >"$dir/out" && grep -q 'token_embd.weight  *Q8_0' "$dir/out" || fail "type of the embedding"
rejected 2 "I2_S layout" "$onebit" inspect "$tq2" --i2s-layout 5
rejected 2 "float32 [2, 512]" "$onebit" eval "$tq2" --kl "$dir/l.npy" --tokens 1,2
rejected 2 "--tokens, --text" "$onebit" eval "$tq2" --kl "$dir/l.npy"
rejected 2 "ctx" "$onebit" eval "$tq2" --perplexity "$dir/text" --ctx 3
rejected 2 "--activations" "$onebit" eval "$tq2" --logits "$dir/l.npy" --tokens 1 --activations int4

# Models that this build does not run are shown
LC_ALL=C sed 's/bitnet-b1\.58/bitnet-b9.99/g' "$model" >"$dir/odd.gguf"
"$onebit" inspect "$dir/odd.gguf" --json >"$dir/out" && grep -q '"runs":false' "$dir/out" || fail "inspect of an unknown model"
"$onebit" inspect "$dir/odd.gguf" >"$dir/out" && grep -q 'does not run' "$dir/out" || fail "inspect of an unknown model"
rejected 2 "bitnet-b9.99" "$onebit" run "$dir/odd.gguf"

# Packing: mapped, the same text and the same logits
"$onebit" pack "$model" -o "$dir/packed.gguf" >/dev/null 2>&1 || fail "pack"
same "$("$onebit" run "$dir/packed.gguf" -q -p "The king said" -n 40 --temp 0)" \
  "$("$onebit" run "$model" -q -p "The king said" -n 40 --temp 0)" "text of a packed file"
"$onebit" inspect "$dir/packed.gguf" >"$dir/out" && grep -q 'P_TERNARY' "$dir/out" || fail "inspect of a packed file"
"$onebit" pack "$tq2" -o "$dir/packed.gguf" --head f16 >/dev/null || fail "pack --head f16"
"$onebit" convert "$dir/packed.gguf" -o "$dir/back.gguf" --type tq2_0 >/dev/null || fail "convert a packed file"
"$onebit" eval "$dir/back.gguf" --logits "$dir/other.npy" --tokens 1,2,3 >/dev/null
cmp "$dir/tq2.npy" "$dir/other.npy" || fail "logits after packing and converting back"
rejected 2 "--head" "$onebit" pack "$tq2" -o "$dir/no.gguf" --head q4
"$onebit" pack "$tq2" -o "$dir/packed.gguf" --head int6 >/dev/null || fail "pack --head int6"
"$onebit" inspect "$dir/packed.gguf" >"$dir/out" && grep -q 'P_INT6' "$dir/out" || fail "inspect of a packed head"
"$onebit" eval "$tq2" --logits "$dir/six.npy" --tokens 1,2,3 --head int6 >/dev/null || fail "eval --head int6"
for isa in $isas; do
  ONEBIT_ISA=$isa "$onebit" eval "$dir/packed.gguf" --logits "$dir/other.npy" --tokens 1,2,3 >/dev/null
  cmp "$dir/six.npy" "$dir/other.npy" || fail "logits of a head of 6 bits on $isa"
done

# How keys and values are kept
for kv in f32 f16 int8; do
  "$onebit" eval "$tq2" --logits "$dir/$kv.npy" --tokens 1,2,3 --kv "$kv" >/dev/null || fail "--kv $kv"
  "$onebit" bench "$tq2" -r 1 -p 2 -n 2 --kv "$kv" >/dev/null || fail "bench --kv $kv"
done
cmp "$dir/tq2.npy" "$dir/f16.npy" || fail "--kv f16 is the default"
cmp -s "$dir/f16.npy" "$dir/f32.npy" && fail "--kv f32 changes nothing"
"$onebit" eval "$tq2" --logits "$dir/f32.npy" --tokens 1,2,3 --activations f32 --kv f32 >/dev/null
"$onebit" eval "$tq2" --logits "$dir/other.npy" --tokens 1,2,3 --activations f32 >/dev/null
cmp "$dir/f32.npy" "$dir/other.npy" || fail "f32 activations bring f32 keys and values"
rejected 2 "--kv: expected f32, f16 or int8" "$onebit" run "$tq2" --kv int4
rejected 2 "bitnet-b9.99" "$onebit" pack "$dir/odd.gguf" -o "$dir/no.gguf"
[ -e "$dir/no.gguf" ] && fail "a refused pack wrote a file"

# Embeddings
same "$(printf 'one\ntwo words\n' | "$onebit" embed --pooling last | grep -c '^\[.*\]$')" 2 "embed"
same "$(printf '"one"\n' | "$onebit" embed --pooling mean --jsonl)" \
  "$(printf 'one\n' | "$onebit" embed --pooling mean)" "embed --jsonl"
rejected 2 "--pooling" "$onebit" embed
printf 'a\nb\n' | "$onebit" embed --pooling last --jsonl >/dev/null 2>"$dir/err"
same "$?" 2 "exit code of a line that is no JSON"
grep -q 'line 1' "$dir/err" || fail "embed does not name the line: $(cat "$dir/err")"

# Files with random weights
"$onebit" bench --write-synthetic 100m --type tq2_0 -o "$dir/random.gguf" >/dev/null ||
  fail "bench --write-synthetic"
"$onebit" run -q "$dir/random.gguf" -n 2 --temp 0 >/dev/null || fail "run a synthetic model"
"$onebit" bench --write-synthetic 100m --type p_binary -o "$dir/random.gguf" >/dev/null ||
  fail "bench --write-synthetic with panels"
"$onebit" run -q "$dir/random.gguf" -n 2 --temp 0 >/dev/null || fail "run synthetic panels"
rejected 2 "--write-synthetic" "$onebit" bench --write-synthetic 1x -o "$dir/no.gguf"
rejected 2 "-o" "$onebit" bench --write-synthetic 100m

if [ -x "$bin/onebit-train" ]; then
  head -c 60000 "$source/data/tinyshakespeare.txt" >"$dir/plays"
  train() {
    "$onebit" train --hidden-size 128 --intermediate-size 128 --n-layers 1 --batch-size 4 \
      --checkpoint-interval 5 --eval-interval 150 --steps 300 --warmup-steps 5 --threads 2 \
      "$@" 2>>"$dir/train.log"
  }
  "$onebit" train --help | grep -q 'Examples' || fail "train --help"
  rejected 2 "--text" "$onebit" train --out "$dir/empty"
  rejected 2 "lr" "$onebit" train --text "$dir/plays" --out "$dir/bad" --lr x
  train --text "$dir/plays" --out "$dir/whole" >/dev/null || fail "train: $(tail -n 3 "$dir/train.log")"
  # kill -9 while it runs, then resume: the same final checkpoint, the same model
  mkdir "$dir/parts"
  cp -r "$dir/whole/data" "$dir/parts/data"
  train --out "$dir/parts" >/dev/null &
  for _ in $(seq 400); do
    ls "$dir/parts"/checkpoint-*.gguf >/dev/null 2>&1 && break
    sleep 0.05
  done
  { pkill -9 -f -- "--out $dir/parts" && wait; } 2>/dev/null || true
  [ -e "$dir/parts/checkpoint-300.gguf" ] && fail "the killed run had finished"
  "$onebit" train --out "$dir/parts" --resume >/dev/null 2>>"$dir/train.log" || fail "resume: $(tail -n 3 "$dir/train.log")"
  grep -q 'resumed at step' "$dir/train.log" || fail "the run did not resume"
  cmp "$dir/whole/model.gguf" "$dir/parts/model.gguf" || fail "model after resume differs"
  cmp "$dir/whole/checkpoint-300.gguf" "$dir/parts/checkpoint-300.gguf" ||
    fail "checkpoint after resume differs"
  rejected 2 "found one" "$onebit" train --text "$dir/plays" --out "$dir/parts"
  rejected 2 "config.json" "$onebit" train --resume --out "$dir/nowhere"
  "$onebit" run "$dir/whole/model.gguf" -q -p "The king" -n 20 >/dev/null || fail "run a trained model"
fi

[ "$failures" -eq 0 ] && echo "all command lines behave"
exit $((failures > 0))
