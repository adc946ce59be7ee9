#include <cmath>
#include <cstdio>

#include "cli/cli.h"
#include "eval/perplexity.h"
#include "io/npy.h"

namespace onebit {
namespace {

struct EvalFlags {
  ModelFlags engine;
  std::string logits;
  std::vector<int32_t> tokens;
  std::string perplexity;
  int64_t window = 0;
};

void write_logits(const EvalFlags& flags, Engine& engine) {
  if (flags.tokens.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "--tokens: expected token ids, found none");
  }
  const auto logits = all_logits(engine, flags.tokens);
  const auto n = static_cast<int64_t>(flags.tokens.size());
  const std::vector<int64_t> shape = {n, engine.config().vocab_size};
  write_npy(flags.logits, shape, logits);
  std::printf("%s: float32 [%lld, %lld]\n", flags.logits.c_str(), static_cast<long long>(n),
              static_cast<long long>(engine.config().vocab_size));
}

void print_perplexity(const EvalFlags& flags, Engine& engine) {
  const std::string text = read_text(flags.perplexity);
  const Tokenizer& tokenizer = engine.tokenizer();
  const auto tokens = tokenizer.encode(text);
  const int32_t bos = tokenizer.vocab().add_bos ? tokenizer.vocab().bos_id : -1;
  const int64_t room = engine.model().context() - (bos >= 0 ? 1 : 0);
  const int64_t window = flags.window > 0 ? flags.window : room;
  ProgressBar bar("perplexity");
  const auto result = perplexity(engine, tokens, window, bos,
                                 [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.finish();
  const double total = result.mean_nll * static_cast<double>(result.scored_tokens);
  std::printf(
      "nll %.6f +- %.6f nats/token, perplexity %.4f, %.4f bits/byte; %lld tokens, %zu bytes, "
      "windows of %lld\n",
      result.mean_nll, result.standard_error, std::exp(result.mean_nll),
      total / std::log(2.0) / static_cast<double>(text.size()),
      static_cast<long long>(result.scored_tokens), text.size(), static_cast<long long>(window));
}

void eval(EvalFlags flags) {
  if (flags.logits.empty() == flags.perplexity.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "eval: expected one of --logits and --perplexity, found " +
                    std::string(flags.logits.empty() ? "none" : "both"));
  }
  // Room for what is evaluated, and for the start token that some models want.
  if (flags.window > 0) {
    const auto tokenizer = load_tokenizer(open_model_file(flags.engine.model, flags.engine.open));
    flags.engine.context = flags.window + (tokenizer->vocab().add_bos ? 1 : 0);
  }
  Engine engine = open_engine(flags.engine);
  if (!flags.logits.empty()) {
    write_logits(flags, engine);
  } else {
    print_perplexity(flags, engine);
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  auto& c = *app.add_subcommand("eval", "Measure a model: logits, perplexity");
  add_model_argument(c, flags->engine.model);
  c.add_option("--logits", flags->logits, "Write the logits of --tokens to this .npy file");
  c.add_option("--tokens", flags->tokens, "Token ids, comma separated")->delimiter(',');
  c.add_option("--perplexity", flags->perplexity, "Text file to predict");
  c.add_option("-t,--threads", flags->engine.threads, "Threads (default: all)");
  add_activations_flag(c, flags->engine);
  c.add_option("-c,--ctx", flags->window,
               "Tokens in a window of --perplexity (default: the model's context)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  c.footer(
      "Examples:\n"
      "  onebit eval model.gguf --perplexity book.txt --ctx 256\n"
      "  onebit eval model.gguf --logits out.npy --tokens 1,2,3\n"
      "Perplexity: non-overlapping windows, each from an empty context; every token but the text's "
      "first is scored.");
  c.callback([flags] { eval(*flags); });
}

}  // namespace onebit
