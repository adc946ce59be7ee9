// Completion scripts. Words and descriptions are put into quotes of the shell, whatever they are.
#include "cli/command_line.h"

namespace onebit {
namespace {

std::string join(const std::vector<std::string>& words, const char* between) {
  return CLI::detail::join(words, between);
}

std::vector<std::string> flag_names(const CommandText& command) {
  std::vector<std::string> names;
  for (const FlagText& flag : command.flags) {
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

std::vector<std::string> command_names(const CommandText& program) {
  std::vector<std::string> names;
  for (const CommandText& command : program.commands) names.push_back(command.name);
  return names;
}

// 'text', for every shell: inside, a quote is '\''. Fish reads a backslash there too.
std::string quoted(const std::string& text, bool doubles_backslashes = false) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '\\' && doubles_backslashes) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

// The flags of one command, as an arm of `case $command`. `words`: what else it can begin with.
std::string bash_arm(const CommandText& command, const std::string& pattern,
                     const std::vector<std::string>& words) {
  std::vector<std::string> free;  // flags of any value
  std::string values;
  for (const FlagText& flag : command.flags) {
    if (flag.value.empty()) continue;  // what follows the flag is not its value
    if (flag.choices.empty()) {
      free.insert(free.end(), flag.names.begin(), flag.names.end());
    } else {
      values += "        " + join(flag.names, "|") + ") words=" + quoted(join(flag.choices, " ")) +
                " is_value=1 ;;\n";
    }
  }
  if (!free.empty()) values += "        " + join(free, "|") + ") is_value=1 ;;\n";
  std::string out = "    " + pattern + ")\n      flags=" + quoted(join(flag_names(command), " ")) +
                    "\n      words=" + quoted(join(words, " ")) + "\n";
  if (!values.empty()) out += "      case $previous in\n" + values + "      esac\n";
  for (const FlagText& positional : command.positionals) {
    if (!positional.choices.empty()) {
      out += "      [ -n \"$is_value\" ] || words=" + quoted(join(positional.choices, " ")) + "\n";
    }
  }
  return out + "      ;;\n";
}

std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// What a value is: one of some words, or the name of a file, which most texts are.
std::string zsh_value(const FlagText& flag) {
  const std::string name = zsh_escaped(flag.value);
  if (!flag.choices.empty()) return ":" + name + ":(" + join(flag.choices, " ") + ")";
  return ":" + name + (flag.value == "TEXT" ? ":_files" : ":");
}

std::string zsh_arguments(const CommandText& command) {
  std::string out;
  for (const FlagText& flag : command.flags) {
    for (const std::string& name : flag.names) {
      const std::string others = flag.names.size() > 1 ? "(" + join(flag.names, " ") + ")" : "";
      out += " \\\n          " + quoted(others + name + "[" + zsh_escaped(flag.description) + "]" +
                                        (flag.value.empty() ? "" : zsh_value(flag)));
    }
  }
  for (const FlagText& positional : command.positionals) {
    out += " \\\n          " + quoted("*" + zsh_value(positional));
  }
  return out;
}

std::string fish_flags(const CommandText& command, const std::string& condition) {
  std::string out;
  for (const FlagText& flag : command.flags) {
    out += "complete -c onebit -n " + condition;
    for (const std::string& name : flag.names) {
      const bool is_long = name.starts_with("--");
      out += (is_long ? " -l " : " -s ") + name.substr(is_long ? 2 : 1);
    }
    if (!flag.value.empty()) out += " -r";
    if (!flag.choices.empty()) out += " -f -a " + quoted(join(flag.choices, " "));
    out += " -d " + quoted(flag.description, true) + "\n";
  }
  for (const FlagText& positional : command.positionals) {
    if (positional.choices.empty()) continue;
    out += "complete -c onebit -n " + condition + " -f -a " +
           quoted(join(positional.choices, " ")) + "\n";
  }
  return out;
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  std::string out =
      "# bash completion for onebit: source <(onebit completion bash)\n"
      "_onebit() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
      "  local command= flags= words= is_value= i\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] || { command=${COMP_WORDS[i]}; break; }\n"
      "  done\n"
      "  case $command in\n";
  out += bash_arm(program, "''", command_names(program));
  for (const CommandText& command : program.commands) out += bash_arm(command, command.name, {});
  out +=
      "  esac\n"
      "  [[ $current == -* && -z $is_value ]] && words=$flags\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _onebit onebit\n";  // no word fits: the names of files
  return out;
}

std::string zsh_completion(const CommandText& program) {
  std::string out =
      "#compdef onebit\n"
      "# zsh completion for onebit: source <(onebit completion zsh)\n"
      "_onebit() {\n"
      "  local state line\n"
      "  _arguments -C" +
      zsh_arguments(program) +
      " \\\n          '1:command:->command' '*::argument:->argument'\n"
      "  case $state in\n"
      "    command)\n"
      "      local -a commands=(";
  for (const CommandText& command : program.commands) {
    out += "\n        " + quoted(command.name + ":" + zsh_escaped(command.description));
  }
  out += ")\n      _describe command commands ;;\n    argument)\n      case $line[1] in\n";
  for (const CommandText& command : program.commands) {
    const std::string arguments = zsh_arguments(command);
    out += "        " + command.name + ") " +
           (arguments.empty() ? "_files" : "_arguments" + arguments) + " ;;\n";
  }
  out +=
      "      esac ;;\n  esac\n}\n"
      // Sourced, it registers itself; found in fpath, it is the function's body.
      "if [[ ${funcstack[1]} == _onebit ]]; then _onebit \"$@\"; else compdef _onebit onebit; fi\n";
  return out;
}

std::string fish_completion(const CommandText& program) {
  std::string out = "# fish completion for onebit: onebit completion fish | source\n";
  const std::string at_start = "__fish_use_subcommand";
  out += fish_flags(program, at_start);
  for (const CommandText& command : program.commands) {
    out += "complete -c onebit -n " + at_start + " -f -a " + command.name + " -d " +
           quoted(command.description, true) + "\n";
  }
  for (const CommandText& command : program.commands) {
    out += fish_flags(command, quoted("__fish_seen_subcommand_from " + command.name));
  }
  return out;
}

}  // namespace onebit
