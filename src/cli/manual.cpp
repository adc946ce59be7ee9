#include "cli/command_line.h"

namespace onebit {
namespace {

// Text as text: no character of it is a request of groff.
std::string escaped(const std::string& text) {
  std::string out;
  bool starts_line = true;
  for (const char c : text) {
    if (starts_line && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";  // what is copied from the page stays a minus sign
    } else {
      out += c;
    }
    starts_line = c == '\n';
  }
  return out;
}

std::string flag_lines(const FlagText& flag, bool is_positional) {
  std::string out = ".TP\n";
  for (std::size_t i = 0; i < flag.names.size(); ++i) {
    out += (i > 0 ? ", " : "") + std::string(is_positional ? "\\fI" : "\\fB") +
           escaped(flag.names[i]) + "\\fR";
  }
  if (!is_positional && !flag.value.empty()) out += " \\fI" + escaped(flag.value) + "\\fR";
  out += "\n" + escaped(flag.description);
  if (!flag.choices.empty()) {
    out += "\n(" + escaped(CLI::detail::join(flag.choices, ", ")) + ")";
  }
  if (!flag.fallback.empty()) out += "\n(default: " + escaped(flag.fallback) + ")";
  return out + "\n";
}

std::string flag_list(const CommandText& command) {
  std::string out;
  for (const FlagText& flag : command.positionals) out += flag_lines(flag, true);
  for (const FlagText& flag : command.flags) out += flag_lines(flag, false);
  return out;
}

// As it is, line for line.
std::string footer_lines(const CommandText& command) {
  return command.footer.empty() ? "" : ".PP\n.nf\n" + escaped(command.footer) + "\n.fi\n";
}

std::string command_lines(const CommandText& program, const CommandText& command) {
  std::string title = program.name + " " + command.name;
  if (!command.flags.empty()) title += " [OPTIONS]";
  for (const FlagText& positional : command.positionals) title += " [" + positional.names[0] + "]";
  return ".SS \"" + escaped(title) + "\"\n" + escaped(command.description) + ".\n" +
         flag_list(command) + footer_lines(command);
}

}  // namespace

std::string manual_page(const CommandText& program, const std::string& version) {
  std::string out = ".TH ONEBIT 1 \"\" \"" + escaped(version) + "\" \"User Commands\"\n";
  out += ".SH NAME\nonebit \\- train, pack and run 1\\-bit language models on ordinary CPUs\n";
  out += ".SH SYNOPSIS\n.B onebit\n.I COMMAND\n[OPTIONS]\n";
  out += ".SH DESCRIPTION\n" + escaped(program.description) + "\n";
  out += ".SH OPTIONS\n" + flag_list(program);
  out += ".SH COMMANDS\n";
  for (const CommandText& command : program.commands) out += command_lines(program, command);
  out += ".SH EXAMPLES AND ENVIRONMENT\n" + footer_lines(program);
  out +=
      ".SH EXIT STATUS\n0: done. 1: the system failed (disk, memory). 2: the request or a file was "
      "rejected.\n";
  return out;
}

}  // namespace onebit
