#include "engine/engine.h"

#include <algorithm>

#include "base/cpus.h"
#include "models/loader.h"

namespace onebit {
namespace {

int thread_count(int requested) {
  if (requested < 0 || requested > 1024) {
    throw Error(ErrorCode::kInvalidArgument,
                "threads: expected 1..1024, found " + std::to_string(requested));
  }
  return requested > 0 ? requested : default_threads();
}

int64_t chunk_size(int64_t requested) {
  if (requested < 1 || requested > 4096) {
    throw Error(ErrorCode::kInvalidArgument,
                "prefill chunk: expected 1..4096, found " + std::to_string(requested));
  }
  return requested;
}

}  // namespace

Engine::Engine(const ModelFile& file, const EngineOptions& options)
    : Engine(options, [&](ThreadPool& pool) {
        return load_model(file, {options.context, options.activations, options.head, &pool});
      }) {}

Engine::Engine(std::unique_ptr<Model> model, const EngineOptions& options)
    : Engine(options, [&](ThreadPool&) {
        return LoadedModel{std::move(model), nullptr};
      }) {}

Engine::Engine(const EngineOptions& options, const std::function<LoadedModel(ThreadPool&)>& load)
    : pool_(thread_count(options.threads), options.pin),
      kernels_(select_kernels(options.isa)),
      loaded_(load(pool_)),
      workspace_(config(), chunk_size(options.prefill_chunk)) {}

Sequence::Sequence(Engine& engine)
    : engine_(engine),
      k_(engine.config().n_layers * capacity() * engine.config().kv_size()),
      v_(engine.config().n_layers * capacity() * engine.config().kv_size()),
      out_(engine.config().vocab_size) {}

void Sequence::check_fits(std::span<const int32_t> tokens) const {
  ONEBIT_CHECK(!tokens.empty());
  const auto n = static_cast<int64_t>(tokens.size());
  if (n > capacity() - length()) {
    throw Error(ErrorCode::kInvalidArgument, "context: expected at most " +
                                                 std::to_string(capacity()) + " tokens, found " +
                                                 std::to_string(length() + n));
  }
  for (const int32_t id : tokens) {
    if (id < 0 || id >= engine_.config().vocab_size) {
      throw Error(ErrorCode::kInvalidArgument, "token id: expected 0.." +
                                                   std::to_string(engine_.config().vocab_size - 1) +
                                                   ", found " + std::to_string(id));
    }
  }
}

void Sequence::forward(std::span<const int32_t> tokens, Model::Output output) {
  const OpContext ctx{engine_.pool_, engine_.kernels_};
  const KvView kv{k_.data(), v_.data(), engine_.config().kv_size(), capacity(), length()};
  engine_.model().forward(ctx, tokens, kv, engine_.workspace_, output, out_.data());
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

void Sequence::truncate(int64_t length) {
  ONEBIT_CHECK(length >= 0 && length <= this->length());
  tokens_.resize(static_cast<std::size_t>(length));
}

std::span<const float> Sequence::append(std::span<const int32_t> tokens) {
  check_fits(tokens);
  const auto chunk = static_cast<std::size_t>(engine_.prefill_chunk());
  while (!tokens.empty()) {
    const std::size_t n = std::min(chunk, tokens.size());
    forward(tokens.first(n), Model::Output::kLastLogits);
    tokens = tokens.subspan(n);
  }
  return out_.span().first(static_cast<std::size_t>(engine_.config().vocab_size));
}

void Sequence::append_all(std::span<const int32_t> tokens,
                          const std::function<void(int64_t first, std::span<const float>)>& visit) {
  append_chunks(tokens, Model::Output::kAllLogits, engine_.config().vocab_size, visit);
}

void Sequence::append_hidden(
    std::span<const int32_t> tokens,
    const std::function<void(int64_t first, std::span<const float>)>& visit) {
  append_chunks(tokens, Model::Output::kHidden, engine_.config().hidden_size, visit);
}

void Sequence::append_chunks(
    std::span<const int32_t> tokens, Model::Output output, int64_t width,
    const std::function<void(int64_t first, std::span<const float>)>& visit) {
  check_fits(tokens);
  const int64_t chunk = engine_.prefill_chunk();
  const int64_t most = std::min(chunk, std::ssize(tokens));
  if (out_.size() < most * width) out_ = AlignedBuffer<float>(most * width);
  for (int64_t first = 0; first < static_cast<int64_t>(tokens.size()); first += chunk) {
    const auto part = tokens.subspan(static_cast<std::size_t>(first));
    const auto some = part.first(std::min(part.size(), static_cast<std::size_t>(chunk)));
    forward(some, output);
    visit(first, out_.span().first(some.size() * static_cast<std::size_t>(width)));
  }
}

}  // namespace onebit
