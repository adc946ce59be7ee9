#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/file.h"
#include "chat/conversation.h"
#include "chat/message_reader.h"
#include "cli/cli.h"
#include "cli/grammar_flags.h"
#include "cli/sampling_flags.h"
#include "cli/speculation_flags.h"
#include "io/json_file.h"
#include "text/stream_decoder.h"

namespace onebit {
namespace {

constexpr const char* kHelp =
    "  /system TEXT  what the model should be like (no text: nothing)\n"
    "  /clear        forget the conversation, but not the system message\n"
    "  /save FILE    write the conversation as JSON      /load FILE  take it up again\n"
    "  /stats        speed of the last answer, use of the context\n"
    "  /exit         leave, as Ctrl-D does               Ctrl-C  stop the answer\n"
    "A line that ends in a backslash goes on in the next one; \"\"\" begins and ends a block of\n"
    "lines. A space before a slash makes it text.\n";
constexpr int64_t kMaxHistoryBytes = int64_t{64} << 20;

struct ChatFlags {
  ModelFlags engine;
  SamplingFlags sampling;
  SpeculationFlags speculation;
  GrammarFlags grammar;
  std::string system;
  std::string template_file;
  std::optional<int64_t> max_tokens;
};

ChatTemplate make_template(const ChatFlags& flags, const Engine& engine) {
  if (flags.template_file.empty()) {
    return ChatTemplate(engine.tokenizer(), engine.config().architecture);
  }
  return ChatTemplate(read_text(flags.template_file), token_texts(engine.tokenizer().vocab()),
                      flags.template_file);
}

std::tm local_time() {
  const std::time_t seconds = std::time(nullptr);
  std::tm now{};
  localtime_r(&seconds, &now);
  return now;
}

// A text that is only for people: on stderr, so that stdout has the answers and nothing else.
void note(const std::string& text) {
  std::fputs(text.c_str(), stderr);
}

class Chat {
 public:
  explicit Chat(const ChatFlags& flags)
      : flags_(flags),
        sampling_(sampler_options(flags.sampling)),
        engine_(open_engine(flags.engine)),
        speculation_(make_speculation(flags.speculation, flags.engine, engine_)),
        grammar_(flags.grammar, engine_.tokenizer()),
        sequence_(engine_),
        template_(make_template(flags, engine_)),
        conversation_(template_, engine_.tokenizer(), sequence_.capacity()) {
    conversation_.set_system(flags.system);
  }

  void run() {
    if (!template_.is_chat()) {
      note("onebit: this model has no chat template: it continues your text, it does not answer\n");
    }
    if (terminal_) note("[" + template_.name() + "; /help lists the commands]\n");
    MessageReader reader(std::cin, [this](bool goes_on) {
      if (terminal_) note(goes_on ? ". " : "> ");
    });
    while (const auto message = reader.next()) {
      try {
        if (message->starts_with('/')) {
          if (!command(*message)) return;
        } else if (message->find_first_not_of(" \t\n") != std::string::npos) {
          answer(*message);
        }
      } catch (const Error& error) {
        if (!terminal_) throw;  // a script wants to know
        note(std::string("onebit: ") + error.what() + "\n");
      }
    }
    if (terminal_) note("\n");
  }

 private:
  // False: leave.
  bool command(const std::string& line) {
    const std::size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/exit" || name == "/quit") return false;
    if (name == "/help") {
      note(kHelp);
    } else if (name == "/clear") {
      conversation_.clear();
      n_dropped_ = 0;
    } else if (name == "/system") {
      conversation_.set_system(rest);
    } else if (name == "/save") {
      save(rest);
    } else if (name == "/load") {
      load(rest);
    } else if (name == "/stats") {
      stats();
    } else {
      throw Error(ErrorCode::kInvalidArgument, "unknown command " + quote(name) + " (see /help)");
    }
    return true;
  }

  void save(const std::string& path) {
    if (path.empty())
      throw Error(ErrorCode::kInvalidArgument, "/save: expected a file, found none");
    AtomicFile file(path);
    file.write(to_json(conversation_.messages()));
    file.commit();
  }

  void load(const std::string& path) {
    if (path.empty())
      throw Error(ErrorCode::kInvalidArgument, "/load: expected a file, found none");
    auto root = read_json(path, kMaxHistoryBytes);
    try {
      if (root.is_object() && root.get_object().size() > 1) {
        throw Error(ErrorCode::kInvalidArgument, "expected only messages, found other keys");
      }
      conversation_.load(parse_chat_request(root).messages);
    } catch (const Error& error) {
      throw Error(error.code(), path + ": " + error.what());
    }
    n_dropped_ = 0;
  }

  void stats() {
    note("[" +
         (last_ ? speed_text(*last_) + ", " + std::to_string(last_->cached_tokens) +
                      " kept from before; "
                : std::string()) +
         std::to_string(sequence_.length()) + " of " + std::to_string(sequence_.capacity()) +
         " tokens of context, " + std::to_string(conversation_.messages().size()) + " messages; " +
         engine_.isa() + ", " + std::to_string(engine_.threads()) + " threads]\n");
  }

  void answer(const std::string& text) {
    conversation_.add("user", text);
    std::string reply;
    try {
      reply = reply_to_all();
    } catch (...) {
      conversation_.pop();  // as if it had not been said
      throw;
    }
    conversation_.add("assistant", reply);
  }

  // A text without turns has no end of its own.
  int64_t answer_limit() const {
    const int64_t limit = flags_.max_tokens.value_or(template_.is_chat() ? 512 : 128);
    return limit > 0 ? limit : sequence_.capacity();
  }

  std::string reply_to_all() {
    const int64_t limit = answer_limit();
    const auto prompt = conversation_.prompt(limit, local_time());
    if (prompt.n_dropped > n_dropped_) {
      note("[context full: the oldest " + std::to_string(prompt.n_dropped) +
           " messages are no longer seen]\n");
    }
    n_dropped_ = prompt.n_dropped;
    SamplerOptions sampling = sampling_;
    sampling.seed += n_answers_++;
    StreamDecoder decoder(engine_.tokenizer());
    for (const int32_t id : prompt.ids) decoder.push(id);  // whether a space comes first
    std::string reply;
    const auto show = [&](const std::string& piece) {
      reply += piece;
      print_now(piece);
    };
    const CatchInterrupt interrupt;
    const auto on_token = [&](int32_t token) {
      show(decoder.push(token));
      return !CatchInterrupt::pressed();
    };
    const auto constraint = grammar_.begin(prompt.ids);
    last_ = generate(sequence_, prompt.ids, limit, sampling, on_token, speculation_.get(),
                     constraint.get());
    show(decoder.finish());
    print_now("\n");
    using Stop = GenerateStats::Stop;
    if (last_->stop == Stop::kContextFull) note("[context full: the answer is cut]\n");
    if (last_->stop == Stop::kLength && template_.is_chat()) {
      note("[the answer is cut at " + std::to_string(limit) + " tokens: see -n]\n");
    }
    return reply;
  }

  const ChatFlags flags_;
  const SamplerOptions sampling_;
  const bool terminal_ = isatty(STDIN_FILENO) == 1;
  Engine engine_;
  const std::unique_ptr<Speculation> speculation_;  // null: none
  const OutputGrammar grammar_;                     // of every answer
  Sequence sequence_;
  const ChatTemplate template_;
  Conversation conversation_;
  std::optional<GenerateStats> last_;
  int64_t n_dropped_ = 0;
  uint64_t n_answers_ = 0;
};

}  // namespace

void add_chat(CLI::App& app) {
  auto flags = std::make_shared<ChatFlags>();
  auto& c = *app.add_subcommand("chat", "Talk to a model");
  add_model_argument(c, flags->engine.model);
  c.add_option("--system", flags->system, "System message: what the model should be like");
  c.add_option("--template", flags->template_file, "Jinja file to use instead of the model's");
  c.add_option("-n,--max-tokens", flags->max_tokens,
               "Tokens of an answer (default: 512; 128 for plain text); 0: until it ends")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 24));
  add_sampling_flags(c, flags->sampling);
  add_speculation_flags(c, flags->speculation);
  add_grammar_flags(c, flags->grammar);
  add_engine_flags(c, flags->engine);
  c.footer(
      "The chat template is the model's own. Without one, the vocabulary's special tokens tell\n"
      "(ChatML, Llama 3, Falcon 3); without these the model continues what you write as plain "
      "text.\n"
      "When history and answer do not fit the context, the oldest turns are dropped until half of\n"
      "the context is free; the system message stays.\n"
      "Commands:\n" +
      std::string(kHelp) +
      "From a pipe: one message a line, answers on stdout; the first error ends the program.\n"
      "Examples:\n"
      "  onebit chat model.gguf --system \"Answer in one sentence.\"\n"
      "  echo \"Why is the sky blue?\" | onebit chat model.gguf --temp 0");
  c.callback([flags] { Chat(*flags).run(); });
}

}  // namespace onebit
