#include <cstdio>
#include <optional>

#include "cli/cli.h"
#include "cli/grammar_flags.h"
#include "cli/sampling_flags.h"
#include "cli/speculation_flags.h"
#include "text/stream_decoder.h"

namespace onebit {
namespace {

struct RunFlags {
  ModelFlags engine;
  SamplingFlags sampling;
  SpeculationFlags speculation;
  GrammarFlags grammar;
  std::string prompt;
  int64_t max_tokens = 128;
  bool quiet = false;
};

void run(const RunFlags& flags) {
  const SamplerOptions sampling = sampler_options(flags.sampling);
  Engine engine = open_engine(flags.engine);
  const Tokenizer& tokenizer = engine.tokenizer();
  const auto prompt = tokenizer.encode(flags.prompt, {.add_bos = tokenizer.vocab().add_bos});
  if (prompt.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--prompt: expected text (this model has no start token), found none");
  }
  const auto speculation = make_speculation(flags.speculation, flags.engine, engine);
  const auto constraint = OutputGrammar(flags.grammar, tokenizer).begin(prompt);
  Sequence sequence(engine);
  if (static_cast<int64_t>(prompt.size()) > sequence.capacity()) {
    throw Error(ErrorCode::kInvalidArgument,
                "--prompt: expected at most " + std::to_string(sequence.capacity()) +
                    " tokens (the context), found " + std::to_string(prompt.size()));
  }
  print_now(flags.prompt);
  StreamDecoder decoder(tokenizer);
  for (const int32_t id : prompt) decoder.push(id);  // printed above
  std::optional<CatchInterrupt> interrupt;  // not during the prompt: it would not stop soon
  const auto on_token = [&](int32_t token) {
    if (!interrupt) interrupt.emplace();
    print_now(decoder.push(token));
    return !CatchInterrupt::pressed();
  };
  const auto stats = generate(sequence, prompt, flags.max_tokens, sampling, on_token,
                              speculation.get(), constraint.get());
  print_now(decoder.finish() + "\n");
  if (flags.quiet) return;
  std::fprintf(stderr, "[%s; %s, %d threads, seed %llu%s]\n", speed_text(stats).c_str(),
               engine.isa(), engine.threads(), static_cast<unsigned long long>(sampling.seed),
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
  add_sampling_flags(c, flags->sampling);
  add_speculation_flags(c, flags->speculation);
  add_grammar_flags(c, flags->grammar);
  c.add_flag("-q,--quiet", flags->quiet, "No statistics");
  add_engine_flags(c, flags->engine);
  c.footer(
      "Examples:\n"
      "  onebit run -p \"The old house\" -n 200 --seed 1\n"
      "  onebit run model.gguf -p \"To be\" --temp 0      greedy, the same on every CPU\n"
      "  onebit run model.gguf -p \"$(cat a.txt)\" --speculate ngram    sooner where words recur\n"
      "  onebit run -p \"Her age: \" --json-schema age.json           only what is valid under it");
  c.callback([flags] { run(*flags); });
}

}  // namespace onebit
