#!/usr/bin/env bash
# The same bits on another architecture: text and logits of this machine's onebit against those of
# an AArch64 build under qemu, playing CPUs with matrix and dot product instructions, with dot
# products only, and with neither.
#   aarch64_test.sh NATIVE_BUILD AARCH64_BUILD SOURCE_DIR
set -uo pipefail
native=$1/onebit
emulated=$2/emulated/onebit
source=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

models=("$source/models/default.gguf" "$source"/tests/golden/bitnet-b1.58/bitnet158-a.{i2_s,f16}.gguf)
ids=$(seq -s , 1 7 500)
greedy() { "$@" run "$source/models/default.gguf" -q -p "The king said" -n 60 --temp 0; }
logits() {  # logits FILE COMMAND...
  local file=$1 model
  shift
  : >"$file"
  for model in "${models[@]}"; do
    "$@" eval "$model" --logits "$dir/one.npy" --tokens "$ids" >/dev/null || fail "$* eval $model"
    cat "$dir/one.npy" >>"$file"
  done
}

text=$(greedy "$native")
[ ${#text} -gt 100 ] || fail "the default model wrote too little: $text"
logits "$dir/native" "$native"

declare -A tiers=([max]="neon-i8mm neon-dotprod neon scalar" [neoverse-n1]="neon-dotprod neon scalar"
                  [cortex-a53]="neon scalar")
for cpu in max neoverse-n1 cortex-a53; do
  export QEMU_CPU=$cpu
  usable=$(ONEBIT_ISA=? "$emulated" run -n 1 2>&1 | sed 's/.*expected one of \(.*\), found.*/\1/; s/,//g')
  [ "$usable" = "${tiers[$cpu]}" ] || fail "$cpu: expected tiers ${tiers[$cpu]}, found $usable"
  for isa in $usable; do
    export ONEBIT_ISA=$isa
    [ "$(greedy "$emulated")" = "$text" ] || fail "$cpu $isa: another greedy text"
    logits "$dir/emulated" "$emulated"
    cmp "$dir/native" "$dir/emulated" || fail "$cpu $isa: other logits"
    unset ONEBIT_ISA
  done
done

[ "$failures" -eq 0 ] && echo "AArch64 agrees to the last bit ($(stat -c %s "$dir/native") bytes of logits)"
exit $((failures > 0))
