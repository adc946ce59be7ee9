// The commands and flags of a program as data, for what is written from them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace onebit {

struct FlagText {
  std::vector<std::string> names;    // "-n", "--max-tokens"; of a positional its name: "MODEL"
  std::string value;                 // "INT"; empty: it takes none
  std::vector<std::string> choices;  // of its value; none: not so few
  std::string fallback;              // what stands for an absent one; empty: the description says
  std::string description;
};

struct CommandText {
  std::string name;  // "run"; the program's own of the whole
  std::string description;
  std::string footer;
  std::vector<FlagText> positionals;
  std::vector<FlagText> flags;
  std::vector<CommandText> commands;
};

// Hidden commands and flags (of the group "") are left out.
CommandText command_text(const CLI::App& app);

// Scripts for the completion of command lines, to be sourced or put where the shell looks for them.
std::string bash_completion(const CommandText& program);
std::string zsh_completion(const CommandText& program);
std::string fish_completion(const CommandText& program);

// A manual page, section 1, in the language of groff_man(7).
std::string manual_page(const CommandText& program, const std::string& version);

}  // namespace onebit
