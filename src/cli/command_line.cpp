#include "cli/command_line.h"

namespace onebit {
namespace {

// "INT:INT in [0 - 16]" is an INT; "TEXT:{ngram,none}" one of two texts.
void read_type(const std::string& type, FlagText& flag) {
  flag.value = type.substr(0, type.find(':'));
  const auto begin = type.find('{');
  const auto end = type.find('}');
  if (begin != std::string::npos && end != std::string::npos) {
    flag.choices = CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
  }
}

FlagText flag_text(const CLI::Option& option) {
  FlagText flag;
  flag.description = option.get_description();
  flag.fallback = option.get_default_str();
  if (option.get_items_expected_max() > 0) read_type(option.get_type_name(), flag);
  if (option.get_positional()) {
    flag.names = {option.get_name(true)};
  } else {
    for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  }
  return flag;
}

}  // namespace

CommandText command_text(const CLI::App& app) {
  CommandText command{.name = app.get_name(),
                      .description = app.get_description(),
                      .footer = app.get_footer(),
                      .positionals = {},
                      .flags = {},
                      .commands = {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    auto& list = option->get_positional() ? command.positionals : command.flags;
    list.push_back(flag_text(*option));
  }
  const auto is_shown = [](const CLI::App* c) { return !c->get_group().empty(); };
  for (const CLI::App* c : app.get_subcommands(is_shown)) {
    command.commands.push_back(command_text(*c));
  }
  return command;
}

}  // namespace onebit
