#include <cmath>
#include <cstdio>

#include "cli/cli.h"
#include "eval/compare.h"
#include "eval/perplexity.h"
#include "io/npy.h"

namespace onebit {
namespace {

struct EvalFlags {
  ModelFlags engine;
  std::string logits;
  std::string kl;
  std::vector<int32_t> tokens;
  std::string text;
  std::string perplexity;
  int64_t window = 0;
  int64_t stride = 0;
  bool per_chunk = false;
};

std::vector<int32_t> input_tokens(const EvalFlags& flags, const Engine& engine) {
  if (flags.tokens.empty() == flags.text.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "--tokens, --text: expected one of them, found " +
                                                 std::string(flags.text.empty() ? "none" : "both"));
  }
  if (!flags.tokens.empty()) return flags.tokens;
  const Tokenizer& tokenizer = engine.tokenizer();
  return tokenizer.encode(read_text(flags.text), {.add_bos = tokenizer.vocab().add_bos});
}

void write_logits(const EvalFlags& flags, Engine& engine) {
  const auto tokens = input_tokens(flags, engine);
  const auto logits = all_logits(engine, tokens);
  const auto n = static_cast<int64_t>(tokens.size());
  const std::vector<int64_t> shape = {n, engine.config().vocab_size};
  write_npy(flags.logits, shape, logits);
  std::printf("%s: float32 [%lld, %lld]\n", flags.logits.c_str(), static_cast<long long>(n),
              static_cast<long long>(engine.config().vocab_size));
}

void print_comparison(const EvalFlags& flags, Engine& engine) {
  const auto tokens = input_tokens(flags, engine);
  const auto reference = read_npy<float>(flags.kl);
  const auto vocab = static_cast<std::size_t>(engine.config().vocab_size);
  const std::vector<int64_t> shape = {static_cast<int64_t>(tokens.size()),
                                      engine.config().vocab_size};
  if (reference.shape != shape) {
    throw Error(ErrorCode::kInvalidFile, flags.kl + ": expected float32 " + shape_text(shape) +
                                             ", found " + shape_text(reference.shape));
  }
  LogitsComparison comparison;
  Sequence sequence(engine);
  sequence.append_all(tokens, [&](int64_t first, std::span<const float> logits) {
    const auto expected =
        std::span(reference.values).subspan(static_cast<std::size_t>(first) * vocab);
    for (std::size_t at = 0; at < logits.size(); at += vocab) {
      comparison.add(expected.subspan(at, vocab), logits.subspan(at, vocab));
    }
  });
  const auto r = comparison.result();
  std::printf(
      "kl mean %.6g, max %.6g nats; top-1 agreement %.4f; logits: max abs %.6g, rms %.6g, min "
      "cosine %.8f; %lld tokens\n",
      r.mean_kl, r.max_kl, r.top1_agreement, r.max_abs, r.rms, r.min_cosine,
      static_cast<long long>(r.positions));
}

void print_chunked(const EvalFlags& flags, Engine& engine, const std::string& text) {
  const Tokenizer& tokenizer = engine.tokenizer();
  const bool add_bos = tokenizer.vocab().add_bos;
  const auto tokens = tokenizer.encode(text, {.add_bos = add_bos});
  const int64_t window = flags.window > 0 ? flags.window : engine.model().context();
  ProgressBar bar("perplexity");
  const auto result = chunked_perplexity(
      engine, tokens, window, add_bos ? tokenizer.vocab().bos_id : -1,
      [&](int64_t done, int64_t total, const Perplexity& so_far) {
        if (!flags.per_chunk) return bar.update(done, total);
        std::printf("[%lld] %.4f\n", static_cast<long long>(done), std::exp(so_far.mean_nll));
        flush_stdout();
      });
  bar.finish();
  const double ppl = std::exp(result.mean_nll);
  std::printf(
      "nll %.6f +- %.6f nats/token, perplexity %.4f +- %.4f; %lld tokens scored in the second "
      "halves of chunks of %lld\n",
      result.mean_nll, result.standard_error, ppl, ppl * result.standard_error,
      static_cast<long long>(result.scored_tokens), static_cast<long long>(window));
}

void print_strided(const EvalFlags& flags, Engine& engine, const std::string& text) {
  const Tokenizer& tokenizer = engine.tokenizer();
  const auto tokens = tokenizer.encode(text);
  const int32_t bos = tokenizer.vocab().add_bos ? tokenizer.vocab().bos_id : -1;
  const int64_t room = engine.model().context() - (bos >= 0 ? 1 : 0);
  const int64_t window = flags.window > 0 ? flags.window : room;
  ProgressBar bar("perplexity");
  const auto result = perplexity(
      engine, tokens, window, bos, [&](int64_t done, int64_t total) { bar.update(done, total); },
      flags.stride);
  bar.finish();
  const double ppl = std::exp(result.mean_nll);
  const double total = result.mean_nll * static_cast<double>(result.scored_tokens);
  std::printf(
      "nll %.6f +- %.6f nats/token, perplexity %.4f +- %.4f, %.4f bits/byte; %lld tokens, %zu "
      "bytes, windows of %lld every %lld\n",
      result.mean_nll, result.standard_error, ppl, ppl * result.standard_error,
      total / std::log(2.0) / static_cast<double>(text.size()),
      static_cast<long long>(result.scored_tokens), text.size(), static_cast<long long>(window),
      static_cast<long long>(flags.stride));
}

void eval(EvalFlags flags) {
  const int n = !flags.logits.empty() + !flags.perplexity.empty() + !flags.kl.empty();
  if (n != 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "eval: expected one of --logits, --kl and --perplexity, found " +
                    std::string(n == 0 ? "none" : "several"));
  }
  // Room for what is evaluated, and for the start token that some models want before a window.
  if (flags.window > 0) {
    flags.engine.context = flags.window;
    if (flags.stride > 0) {
      const auto tokenizer = load_tokenizer(open_model_file(flags.engine.model, flags.engine.open));
      flags.engine.context += tokenizer->vocab().add_bos ? 1 : 0;
    }
  }
  Engine engine = open_engine(flags.engine);
  if (!flags.logits.empty()) return write_logits(flags, engine);
  if (!flags.kl.empty()) return print_comparison(flags, engine);
  const std::string text = read_text(flags.perplexity);
  if (flags.stride > 0) return print_strided(flags, engine, text);
  print_chunked(flags, engine, text);
}

}  // namespace

void add_eval(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  auto& c = *app.add_subcommand("eval", "Measure a model: perplexity, logits, distance to others");
  add_model_argument(c, flags->engine.model);
  c.add_option("--perplexity", flags->perplexity, "Text file to predict");
  c.add_option("--logits", flags->logits, "Write the logits of every token to this .npy file");
  c.add_option("--kl", flags->kl,
               "Compare with the logits of this .npy file, float32 [tokens, vocab]");
  c.add_option("--tokens", flags->tokens, "Tokens of --logits and --kl, comma separated")
      ->delimiter(',');
  c.add_option("--text", flags->text, "Text file, in place of --tokens");
  c.add_option("-c,--ctx", flags->window,
               "Tokens in a window of --perplexity (default: the model's context)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  c.add_option("--stride", flags->stride,
               "Score every token of --perplexity, in windows this many tokens apart")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  c.add_flag("--per-chunk", flags->per_chunk, "Print the perplexity so far after each chunk");
  c.add_option("-t,--threads", flags->engine.threads, "Threads (default: all)");
  add_precision_flags(c, flags->engine);
  c.footer(
      "Examples:\n"
      "  onebit eval model.gguf --perplexity wiki.test.raw --ctx 512\n"
      "  onebit eval model.gguf --perplexity book.txt --ctx 256 --stride 256\n"
      "  onebit eval model.gguf --logits out.npy --tokens 1,2,3\n"
      "  onebit eval small.gguf --kl out.npy --tokens 1,2,3\n"
      "Perplexity as llama-perplexity has it: chunks of --ctx tokens, of which the second half is\n"
      "scored. With --stride every token but the text's first is, from as much context as its "
      "window\n"
      "gives; nats per byte of such a run compare across tokenisers.");
  c.callback([flags] { eval(*flags); });
}

}  // namespace onebit
