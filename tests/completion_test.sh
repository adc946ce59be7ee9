#!/usr/bin/env bash
# The manual page and the completions have every command and flag of --help: completion_test.sh BIN_DIR
set -uo pipefail
onebit=$1/onebit
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

for shell in bash zsh fish; do
  "$onebit" completion $shell >"$dir/$shell" || fail "completion $shell"
done
"$onebit" manual >"$dir/man" || fail "manual"

# What a file says of a command; of '' what it says of the program itself.
section() {
  case $1,$2 in
    bash,*) sed -n "/^    ${2:-''})\$/,/^      ;;\$/p" "$dir/bash" ;;
    zsh,) sed -n '/^  _arguments/,/^  case/p' "$dir/zsh" ;;
    zsh,*) sed -n "/^        $2) /,/;;\$/p" "$dir/zsh" ;;
    fish,) grep -- '-n __fish_use_subcommand' "$dir/fish" ;;
    fish,*) grep -- "-n '__fish_seen_subcommand_from $2'" "$dir/fish" ;;
    man,) sed -n '/^\.SH OPTIONS/,/^\.SH COMMANDS/p' "$dir/man" ;;
    man,*) sed -n "/^\.SS \"onebit $2[ \"]/,/^\.S[SH]/p" "$dir/man" ;;
  esac | sed 's/\\-/-/g; s/\\f[BIR]/ /g'
}
# has TEXT WORD: as a word
has() { grep -qE -- "(^|[^-a-z0-9])$2([^-a-z0-9]|\$)" <<<"$1"; }

commands=$("$onebit" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 12 ] || fail "no list of commands: $commands"
flags=0
for command in '' $commands; do
  # onebit train hands its flags to onebit-train
  [ "$command" = train ] && continue
  help=$("$onebit" $command --help)
  for file in bash zsh fish man; do
    text=$(section $file "$command")
    [ -n "$text" ] || fail "$file has no command $command"
    for flag in $(grep -oE '^  (-[a-z],)?--[-a-z0-9]+' <<<"$help" | tr ',' ' '); do
      word=$flag
      # fish: -l name, -s letter
      [ $file = fish ] && { [[ $flag == --* ]] && word="-l ${flag#--}" || word="-s ${flag#-}"; }
      has "$text" "$word" || fail "$file has no $flag of $command"
      flags=$((flags + 1))
    done
  done
done
[ $flags -gt 200 ] || fail "only $flags flags were looked for"

# What bash offers: offers WORDS TYPED...
source "$dir/bash" || fail "bash does not read its completion"
offers() {
  local expected=$1
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _onebit
  [ "${COMPREPLY[*]}" = "$expected" ] || fail "bash offers '${COMPREPLY[*]}' for '$*'"
}
offers "tokenize template train" onebit t
offers "--seed --speculate" onebit run --s
offers "ngram none" onebit run --speculate ""
offers "" onebit run --prompt --s
offers "bash" onebit completion b
offers "zsh" onebit completion z
offers "--version" onebit --v

command -v zsh >/dev/null && { zsh -n "$dir/zsh" || fail "zsh does not read its completion"; }
command -v fish >/dev/null && { fish --no-execute "$dir/fish" || fail "fish does not read its completion"; }
if command -v groff >/dev/null; then
  groff -man -ww -Tutf8 "$dir/man" 2>"$dir/err" >/dev/null
  [ -s "$dir/err" ] && fail "groff: $(head -n 3 "$dir/err")"
fi

[ "$failures" -eq 0 ] && echo "completions and manual page have all $((flags / 4)) flags"
exit $((failures > 0))
