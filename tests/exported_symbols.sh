#!/usr/bin/env bash
# Object files of an instruction set may define one global symbol: their table of kernels. Anything
# else, above all a weak (inline) function compiled with that set's flags, could be the copy that
# the linker keeps for every CPU.
#   exported_symbols.sh ISA_INC OBJECT...   (objects outside kernels/<isa>/ are passed over)
set -euo pipefail
isa_inc=$1
shift

tables=" $(sed -nE 's/^.*ISA\((kKernels[A-Za-z0-9_]+),.*$/\1/p' "$isa_inc" | tr '\n' ' ')"
status=0
checked=0
for object in "$@"; do
  object=${object//\/.\//\/}  # CMake writes x.dir/./isa/table.cpp.o
  [[ $object =~ /kernels/.*\.dir/([a-z0-9_]+)/[^/]+$ ]] || continue
  checked=$((checked + 1))
  found=0
  while read -r type name; do
    case $name in
      onebit::kKernels*)
        if [[ $type == [DR] && $tables == *" ${name#onebit::} "* ]]; then
          found=$((found + 1))
          continue
        fi
        ;;
      __odr_asan* | __asan_* | __sancov_*) continue ;;  # a sanitizer's own
      typeinfo\ *) continue ;;  # of the functions that one checks at calls: names, no code
    esac
    echo "$object: expected only tables of isa.inc, found global symbol '$name' (nm type $type)"
    status=1
  done < <(nm -C --defined-only "$object" |
             sed -nE 's/^[0-9a-f]* *([A-Zuvw]) (.*)$/\1 \2/p')
  if ((found != 1)); then
    echo "$object: expected one table of isa.inc, found $found"
    status=1
  fi
done
if ((checked == 0)); then
  echo "no object of an instruction set among $# arguments"
  exit 1
fi
exit $status
