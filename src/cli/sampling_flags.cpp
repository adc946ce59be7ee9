#include "cli/sampling_flags.h"

#include <cstdio>
#include <limits>
#include <random>

#include "cli/cli.h"

namespace onebit {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

}  // namespace

void add_sampling_flags(CLI::App& command, SamplingFlags& flags) {
  SamplerOptions& options = flags.options;
  command.add_option("--temp", options.temperature, "Temperature; 0: always the likeliest token")
      ->capture_default_str();
  command.add_option("--top-k", options.top_k, "Keep the k likeliest tokens; 0: all")
      ->capture_default_str();
  command.add_option("--top-p", options.top_p, "Keep the likeliest tokens that sum to p")
      ->capture_default_str();
  command.add_option("--min-p", options.min_p, "Drop tokens below this share of the likeliest")
      ->capture_default_str();
  command
      .add_option("--repeat-penalty", options.repetition_penalty,
                  "Above 1: make tokens of the last 64 less likely")
      ->capture_default_str();
  command
      .add_option("--presence-penalty", options.presence_penalty,
                  "Above 0: make tokens that were written less likely, once (-2..2)")
      ->capture_default_str();
  command
      .add_option("--frequency-penalty", options.frequency_penalty,
                  "Above 0: the same, for each time that they were (-2..2)")
      ->capture_default_str();
  command.add_option("-s,--seed", flags.seed, "Same seed, same text (default: random)")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max() - 1));
}

SamplerOptions sampler_options(const SamplingFlags& flags) {
  SamplerOptions options = flags.options;
  check_sampler_options(options);
  options.seed = flags.seed ? static_cast<uint64_t>(*flags.seed) : std::random_device{}();
  return options;
}

std::string speed_text(const GenerateStats& stats) {
  char text[160];
  std::snprintf(text, sizeof text, "%lld prompt tokens at %.1f tok/s, %lld new at %.1f tok/s",
                static_cast<long long>(stats.prompt_tokens),
                static_cast<double>(stats.prompt_tokens) / stats.prefill_seconds,
                static_cast<long long>(stats.generated_tokens),
                stats.generated_tokens > 1
                    ? static_cast<double>(stats.generated_tokens - 1) / stats.decode_seconds
                    : 0.0);
  const SpeculationStats& s = stats.speculation;
  if (s.drafted == 0) return text;
  char guesses[96];
  std::snprintf(guesses, sizeof guesses, "; %lld of %lld guesses right, %.2f tokens a step",
                static_cast<long long>(s.accepted), static_cast<long long>(s.drafted),
                1 + static_cast<double>(s.accepted) / static_cast<double>(s.steps));
  return text + std::string(guesses);
}

CatchInterrupt::CatchInterrupt() {
  g_interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, &before_);
}

CatchInterrupt::~CatchInterrupt() {
  sigaction(SIGINT, &before_, nullptr);
}

bool CatchInterrupt::pressed() {
  return g_interrupted != 0;
}

void print_now(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  flush_stdout();
}

}  // namespace onebit
