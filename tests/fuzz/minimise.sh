#!/usr/bin/env bash
# Takes what run.sh found into corpus/: minimise.sh MAX_KB [TARGET...]
# libFuzzer keeps inputs that together reach everything. Of those, the largest below a twelfth of
# MAX_KB stay, which reach most by the byte, and those that once failed, named past-*.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${ONEBIT_FUZZ_BUILD:-$here/../../build-asan}
max_kb=${1:?minimise.sh MAX_KB [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(cd "$here" && ls fuzz_*.cpp | sed 's/^fuzz_\(.*\)\.cpp$/\1/')
for target in "$@"; do
  merged=$(mktemp -d)
  "$build/tests/fuzz/fuzz_$target" -merge=1 "$merged" "$here/corpus/$target" \
    "$build/corpus/$target" 2>/dev/null
  find "$here/corpus/$target" -type f ! -name 'past-*' -delete
  total=0
  while read -r size name; do
    [ "$size" -gt $((max_kb * 1024 / 12)) ] && continue
    total=$((total + size))
    [ "$total" -gt $((max_kb * 1024)) ] && break
    cp "$merged/$name" "$here/corpus/$target/"
  done < <(cd "$merged" && stat -c '%s %n' -- * | sort -rn)
  echo "$target: $(ls "$here/corpus/$target" | wc -l) of $(ls "$merged" | wc -l) inputs"
  rm -rf "$merged"
done
