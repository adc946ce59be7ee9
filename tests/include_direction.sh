#!/usr/bin/env bash
# Checks every #include of src/ against the include table of ARCHITECTURE.md.
#   include_direction.sh SOURCE_ROOT
# Prints file:line and the broken rule for each violation; exit status 1 if there is one.
set -euo pipefail
cd "$1"

# folder -> what it may include besides itself: a folder, a file, or * for everything.
declare -A allowed=(
  [base]=""
  [http]="base"
  [quant]="base"
  [io]="base"
  [text]="base"
  [grammar]="text io base"
  [vocab]="text io base"
  [jinja]="base"
  [chat]="jinja text io base"
  [kernels]="base quant/packing.h"
  [ops]="kernels quant base"
  [models]="ops vocab io text quant base"
  [convert]="models ops vocab io text quant base"
  [engine]="models vocab text ops base"
  [api]="grammar chat engine models vocab text io base"
  [eval]="engine models ops kernels/cpu_features.h text io base"
  [server]="http api engine grammar chat models vocab text io eval base"
  [train]="base quant io text vocab ops kernels models"
  [cli]="*"
)
# Bottom to top: a test may include whatever lies below its folder, io, and tests/emulation.
layers="base http quant io text grammar vocab jinja chat kernels ops models convert engine api eval server train cli"

# The files of an instruction set are compiled with its flags: any inline function that they took
# from elsewhere could be the copy that the linker keeps for every CPU.
isa_files='^src/kernels/[^/]+/'
isa_headers=" immintrin.h arm_neon.h stdint.h stddef.h string.h "

is_in() {  # is_in PATH RULES: a rule is a folder, a file, or *
  local rule
  set -f
  for rule in $2; do
    if [[ $rule == "*" || $1 == "$rule" || $1 == "$rule"/* ]]; then return 0; fi
  done
  return 1
}

layers_below() {
  local layer
  for layer in $layers; do
    if [[ $layer == "$1" ]]; then return; fi
    echo -n "$layer "
  done
}

status=0
count=0
fail() {
  echo "$1: ${*:2}"
  status=1
}

while IFS=: read -r file line text; do
  count=$((count + 1))
  [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*([\"<])([^\">]+) ]] || continue
  kind=${BASH_REMATCH[1]}
  header=${BASH_REMATCH[2]}
  folder=${file#src/}
  folder=${folder%%/*}
  where=$file:$line
  if [[ ! -v allowed[$folder] ]]; then
    fail "$where" "folder '$folder' has no line in the include table"
    continue
  fi

  if [[ $file =~ $isa_files ]]; then
    if [[ $kind == "<" ]]; then
      [[ $isa_headers == *" $header "* ]] ||
        fail "$where" "instruction set files include only:$isa_headers, found <$header>"
    elif [[ $header != kernels/kernel.h && ! $header =~ ^kernels/([^/]+/)?[^/]+\.inl$ ]]; then
      fail "$where" "instruction set files include only kernels/kernel.h, kernels/*.inl and" \
        "kernels/<instruction set>/*.inl, found \"$header\""
    fi
    continue
  fi

  if [[ $kind == "<" ]]; then
    if [[ $header == torch/* || $header == ATen/* || $header == c10/* ]]; then
      [[ $folder == train ]] || fail "$where" "only train may include libtorch, found <$header>"
    fi
    continue
  fi
  if [[ $header != */* ]]; then
    fail "$where" "expected \"folder/file\", found \"$header\""
    continue
  fi
  rules="$folder ${allowed[$folder]}"
  if [[ $file == *_test.cpp ]]; then rules+=" emulation io $(layers_below "$folder")"; fi
  is_in "$header" "$rules" || fail "$where" "$folder may include only: $rules, found \"$header\""
done < <(grep -rnE '^[[:space:]]*#[[:space:]]*include' src \
           --include='*.h' --include='*.cpp' --include='*.inc' --include='*.inl')

if ((count < 10)); then
  echo "found only $count includes below $1/src: wrong folder?"
  exit 1
fi
exit $status
