// Tokenisers on one thread: loading, cutting into pieces, encoding, decoding, finding special
// tokens. Bytes/s of text.
//
//   text_bench MODEL.gguf TEXT... [--benchmark_filter=Encode]
//
// Without a model: a vocabulary of 8,192 tokens trained on the texts.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "models/loader.h"
#include "text/bpe_trainer.h"
#include "text/special_tokens.h"
#include "text/tokenizer.h"

namespace onebit {
namespace {

std::string g_model;
std::string g_text;

std::unique_ptr<Tokenizer> load() {
  if (!g_model.empty()) return load_tokenizer(ModelFile::open(g_model));
  return std::make_unique<Tokenizer>(
      train_bpe(g_text, {.vocab_size = 8192, .special_tokens = {"<|end|>"}, .pre = "llama-bpe"}));
}

const Tokenizer& tokenizer() {
  static const auto tokenizer = load();
  return *tokenizer;
}

void set_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

// From the file to the first token, read from the page cache.
void Load(benchmark::State& state) {
  if (g_model.empty()) return state.SkipWithError("no model given");
  for (auto _ : state) benchmark::DoNotOptimize(load());
}

void Pieces(benchmark::State& state) {
  const PreTokenizer pre(tokenizer().vocab().pre);
  for (auto _ : state) {
    std::size_t n = 0;
    pre.for_each_piece(g_text, [&](std::string_view) { ++n; });
    benchmark::DoNotOptimize(n);
  }
  set_bytes(state, g_text.size());
}

void Encode(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().encode(g_text));
  set_bytes(state, g_text.size());
}

void EncodeShort(benchmark::State& state) {
  const std::string text = "Hello world, how are you today?";
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().encode(text));
  set_bytes(state, text.size());
}

void Decode(benchmark::State& state) {
  const auto ids = tokenizer().encode(g_text);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().decode(ids));
  set_bytes(state, g_text.size());
}

void FindSpecials(benchmark::State& state) {
  std::vector<SpecialTokens::Entry> entries;
  for (int32_t i = 0; i < 256; ++i) {
    entries.push_back({"<|reserved_special_token_" + std::to_string(i) + "|>", i});
  }
  const SpecialTokens specials(std::move(entries));
  for (auto _ : state) benchmark::DoNotOptimize(specials.split(g_text));
  set_bytes(state, g_text.size());
}

BENCHMARK(Load)->Unit(benchmark::kMillisecond);
BENCHMARK(Pieces)->Unit(benchmark::kMillisecond);
BENCHMARK(Encode)->Unit(benchmark::kMillisecond);
BENCHMARK(EncodeShort);
BENCHMARK(Decode)->Unit(benchmark::kMillisecond);
BENCHMARK(FindSpecials)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace onebit

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (std::filesystem::path(argv[i]).extension() == ".gguf") {
      onebit::g_model = argv[i];
      continue;
    }
    const auto bytes = onebit::read_file(argv[i]);
    onebit::g_text.append(bytes.begin(), bytes.end());
  }
  if (onebit::g_text.empty()) {
    std::fprintf(stderr, "usage: text_bench [MODEL.gguf] TEXT...\n");
    return 2;
  }
  benchmark::RunSpecifiedBenchmarks();
}
