#include <csignal>
#include <cstdio>
#include <limits>
#include <optional>
#include <random>
#include <utility>

#include "cli/cli.h"
#include "text/stream_decoder.h"

namespace onebit {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

struct RunFlags {
  ModelFlags engine;
  SamplerOptions sampling;
  std::string prompt;
  int64_t max_tokens = 128;
  std::optional<int64_t> seed;
  bool quiet = false;
};

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  flush_stdout();
}

// The first Ctrl-C ends the text, a second one (or one during the prompt) the program.
void catch_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
}

void run(RunFlags flags) {
  check_sampler_options(flags.sampling);
  flags.sampling.seed = flags.seed ? static_cast<uint64_t>(*flags.seed) : std::random_device{}();
  Engine engine = open_engine(flags.engine);
  const Tokenizer& tokenizer = engine.tokenizer();
  const auto prompt = tokenizer.encode(flags.prompt, {.add_bos = tokenizer.vocab().add_bos});
  if (prompt.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--prompt: expected text (this model has no start token), found none");
  }
  Sequence sequence(engine);
  if (static_cast<int64_t>(prompt.size()) > sequence.capacity()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--prompt: expected at most " + std::to_string(sequence.capacity()) +
                    " tokens (the context), found " + std::to_string(prompt.size()));
  }
  print(flags.prompt);
  StreamDecoder decoder(tokenizer);
  for (const int32_t id : prompt) decoder.push(id);  // printed above
  bool prompt_done = false;
  const auto stats =
      generate(sequence, prompt, flags.max_tokens, flags.sampling, [&](int32_t token) {
        if (!std::exchange(prompt_done, true)) catch_interrupt();
        print(decoder.push(token));
        return g_interrupted == 0;
      });
  print(decoder.finish() + "\n");
  if (flags.quiet) return;
  std::fprintf(
      stderr,
      "[%lld prompt tokens at %.1f tok/s, %lld new at %.1f tok/s; %s, %d threads, seed %llu"
      "%s]\n",
      static_cast<long long>(stats.prompt_tokens),
      static_cast<double>(stats.prompt_tokens) / stats.prefill_seconds,
      static_cast<long long>(stats.generated_tokens),
      stats.generated_tokens > 1
          ? static_cast<double>(stats.generated_tokens - 1) / stats.decode_seconds
          : 0.0,
      engine.isa(), engine.threads(), static_cast<unsigned long long>(flags.sampling.seed),
      stats.stop == GenerateStats::Stop::kContextFull ? "; context full" : "");
}

}  // namespace

void add_run(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  auto& c = *app.add_subcommand("run", "Continue a text");
  add_model_argument(c, flags->engine.model);
  c.add_option("-p,--prompt", flags->prompt, "Text to continue")->default_val("Once upon a time");
  c.add_option("-n,--max-tokens", flags->max_tokens, "Tokens to write")
      ->default_val(128)
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 24));
  c.add_option("--temp", flags->sampling.temperature, "Temperature; 0: always the likeliest token")
      ->capture_default_str();
  c.add_option("--top-k", flags->sampling.top_k, "Keep the k likeliest tokens; 0: all")
      ->capture_default_str();
  c.add_option("--top-p", flags->sampling.top_p, "Keep the likeliest tokens that sum to p")
      ->capture_default_str();
  c.add_option("--min-p", flags->sampling.min_p, "Drop tokens below this share of the likeliest")
      ->capture_default_str();
  c.add_option("--repeat-penalty", flags->sampling.repetition_penalty,
               "Above 1: make tokens of the last 64 less likely")
      ->capture_default_str();
  c.add_option("-s,--seed", flags->seed, "Same seed, same text (default: random)")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max() - 1));
  c.add_flag("-q,--quiet", flags->quiet, "No statistics");
  add_engine_flags(c, flags->engine);
  c.footer(
      "Examples:\n"
      "  onebit run -p \"The old house\" -n 200 --seed 1\n"
      "  onebit run model.gguf -p \"To be\" --temp 0      greedy, the same on every CPU");
  c.callback([flags] { run(*flags); });
}

}  // namespace onebit
