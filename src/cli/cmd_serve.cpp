#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "server/keys.h"
#include "server/model_server.h"
#include "server/process.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace onebit {
namespace {

struct ServeFlags {
  ModelFlags engine;
  std::string template_file;
  std::string name;
  std::string host = "127.0.0.1";
  int port = 8080;
  std::string unix_path;
  std::string key_file;
  bool allow_public = false;
  std::vector<std::string> hosts;
  std::vector<std::string> origins;
  int64_t parallel = 32;
  int64_t queue = 256;
  int64_t kv_memory = 0;
  bool no_prefix_cache = false;
  std::string speculate;  // ngram, none; empty: none
  bool no_page = false;
  int64_t drain_seconds = 10;
};

constexpr int64_t kDraftTokens = 8;  // as in `run`

constexpr std::string_view kInNames =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+";

// The name of the file or folder, as far as it can stand in a path.
std::string model_name(const ServeFlags& flags) {
  if (!flags.name.empty()) {
    if (flags.name.size() <= 128 && flags.name.find_first_not_of(kInNames) == std::string::npos) {
      return flags.name;
    }
    throw Error(
        ErrorCode::kInvalidArgument,
        "--name: expected up to 128 letters, digits and -_.:/@+, found " + quote(flags.name));
  }
  if (flags.engine.model.empty()) return "onebit-default";
  const std::filesystem::path path = std::filesystem::path(flags.engine.model).lexically_normal();
  const std::filesystem::path last = path.has_filename() ? path : path.parent_path();
  std::string name = last.extension() == ".gguf" ? last.stem() : last.filename();
  for (char& c : name) {
    if (c == '/' || kInNames.find(c) == std::string_view::npos) c = '-';
  }
  return name.empty() ? "model" : name.substr(0, 128);
}

http::ApiKeys read_keys(const ServeFlags& flags) {
  http::ApiKeys keys = take_environment_keys();
  if (flags.key_file.empty()) return keys;
  if (!keys.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--api-key-file: expected keys from one place, found ONEBIT_API_KEYS too");
  }
  return http::ApiKeys::from_file(flags.key_file);
}

http::ServerOptions http_options(const ServeFlags& flags, http::ApiKeys keys) {
  http::ServerOptions options;
  options.addresses = {{.host = flags.host, .port = flags.port, .unix_path = flags.unix_path}};
  options.guard = {.hosts = flags.hosts, .origins = flags.origins, .keys = std::move(keys)};
  options.allow_public = flags.allow_public;
  return options;
}

BackendOptions backend_options(const ServeFlags& flags) {
  BackendOptions options;
  options.model.open = [flags] { return open_model_file(flags.engine.model, flags.engine.open); };
  options.model.engine = engine_options(flags.engine);
  options.model.scheduler = {.kv_bytes = flags.kv_memory,
                             .max_running = flags.parallel,
                             .max_waiting = flags.queue,
                             .prefix_cache = !flags.no_prefix_cache,
                             .speculation = flags.speculate == "ngram" ? kDraftTokens : 0};
  options.model.name = model_name(flags);
  if (!flags.template_file.empty()) {
    options.model.chat_template = read_text(flags.template_file);
    options.model.template_where = flags.template_file;
  }
  options.max_queued = flags.queue;
  options.page = !flags.no_page;
  return options;
}

// Prints as it happens: what reads a pipe wants to know when it can begin.
void say(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  flush_stdout();
}

// Until all has been said to everyone; a second signal is not waited for.
void stop(ModelServer& server, const Signals& signals, int64_t seconds) {
  signals.exit_on_next();
  notify_supervisor("STOPPING=1");
  server.stop(std::chrono::seconds(seconds));
  while (!server.has_stopped()) signals.wait(std::chrono::milliseconds(-1));
  // A model that is being loaded cannot be told to stop, and its end is nothing to wait for.
  if (!server.backend().model()) std::_Exit(0);
}

// Bodies and answers of megabytes come and go: their memory is to go back to the system, not to
// stay between smaller pieces. The C library's own threshold grows with what is freed.
void return_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#endif
}

void serve(const ServeFlags& flags) {
  return_memory();
  http::ApiKeys keys = read_keys(flags);  // before any thread may look into the environment
  const Signals signals;
  BackendOptions options = backend_options(flags);
  options.on_change = [&signals] { signals.wake(); };
  const bool has_keys = !keys.empty();
  ModelServer server(std::move(options), http_options(flags, std::move(keys)));
  const Backend& backend = server.backend();
  for (const std::string& name : server.http().names()) say("address  " + name + "\n");
  say(std::string("keys     ") + (has_keys ? "asked for" : "none: whoever reaches the address") +
      "\n");

  bool is_ready = false;
  while (true) {
    if (signals.wait(std::chrono::milliseconds(-1)) != 0) break;
    if (backend.phase() == Backend::Phase::kFailed) std::rethrow_exception(backend.failure());
    if (server.has_stopped()) throw Error(ErrorCode::kIo, "the web server ended by itself");
    if (backend.phase() == Backend::Phase::kReady && !is_ready) {
      is_ready = true;
      say(backend.model()->summary() +
          "ready    Ctrl-C or SIGTERM ends it; answers under way get " +
          std::to_string(flags.drain_seconds) + " s\n");
      notify_supervisor("READY=1");
    }
  }
  stop(server, signals, flags.drain_seconds);
}

void add_address_flags(CLI::App& c, ServeFlags& flags) {
  c.add_option("--host", flags.host, "Address to listen on")->capture_default_str();
  c.add_option("--port", flags.port, "Port; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  c.add_option("--unix", flags.unix_path, "Listen on a unix socket of this path instead");
  c.add_option("--api-key-file", flags.key_file,
               "File of API keys, one a line, that others cannot read; clients must send one of "
               "them (or ONEBIT_API_KEYS in the environment, separated by commas)");
  c.add_flag("--allow-public", flags.allow_public,
             "Let other machines in without API keys; else --host must be this machine's own");
  c.add_option("--allow-host", flags.hosts,
               "Another name that clients may know this server by (repeatable)");
  c.add_option("--allow-origin", flags.origins,
               "Origin of web pages that may ask, such as https://example.com (repeatable)");
}

void add_limit_flags(CLI::App& c, ServeFlags& flags) {
  c.add_option("--parallel", flags.parallel, "Requests that are computed together, at most")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  c.add_option("--queue", flags.queue,
               "Requests of an API key that may wait beside those computed; more are answered 429")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str();
  c.add_option(
       "--kv-memory", flags.kv_memory,
       "Memory for keys and values, such as 2GiB (default: half of what the model leaves, or "
       "as much as twice --parallel texts of the whole context need)")
      ->transform(CLI::AsSizeValue(false));
  c.add_flag("--no-prefix-cache", flags.no_prefix_cache,
             "Compute every prompt anew, even if another began the same");
  c.add_option(
       "--speculate", flags.speculate,
       "Guess the next tokens: ngram, from what recurs in a text; none (default). Changes no "
       "answer")
      ->check(CLI::IsMember({"ngram", "none"}));
  c.add_option("--drain-seconds", flags.drain_seconds,
               "How long answers may go on after the signal to end")
      ->check(CLI::Range(int64_t{0}, int64_t{3600}))
      ->capture_default_str();
}

}  // namespace

void add_serve(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  auto& c = *app.add_subcommand("serve", "Answer OpenAI's API and show a page to chat on");
  add_model_argument(c, flags->engine.model);
  add_address_flags(c, *flags);
  c.add_option("--name", flags->name,
               "The model's name in answers (default: the file's; requests may say any)");
  c.add_option("--template", flags->template_file, "Jinja file to use instead of the model's");
  add_limit_flags(c, *flags);
  c.add_flag("--no-page", flags->no_page, "Only the API, no page");
  add_engine_flags(c, flags->engine);
  c.footer(
      "Other machines are let in only with API keys or --allow-public. Nothing that clients write "
      "is logged.\n"
      "Examples:\n"
      "  onebit serve                               the default model, on http://127.0.0.1:8080\n"
      "  onebit serve model.gguf --port 0           any free port\n"
      "  onebit serve model.gguf --unix /run/onebit.sock\n"
      "  onebit serve model.gguf --host 0.0.0.0 --api-key-file keys --allow-host my.machine\n"
      "  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{\"prompt\": \"Once upon a time\", \"max_tokens\": 50}'\n"
      "docs/server.md has every endpoint, limit and metric.");
  c.callback([flags] { serve(*flags); });
}

}  // namespace onebit
