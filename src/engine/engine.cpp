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

bool use_triples(const EngineOptions& options) {
  const Kernels& kernels = select_kernels(options.isa);
  if (options.triples && kernels.matmul[static_cast<int>(Packing::kTripleI8)] == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                std::string("triples: expected instruction set avx512 (VBMI) or scalar, found ") +
                    kernels.isa);
  }
  return options.triples;
}

}  // namespace

Engine::Engine(const ModelFile& file, const EngineOptions& options)
    : Engine(options, [&](ThreadPool& pool) {
        return load_model(file, {.context = options.context,
                                 .activations = options.activations,
                                 .head = options.head,
                                 .pool = &pool,
                                 .triples = use_triples(options),
                                 .kernels = &select_kernels(options.isa)});
      }) {}

Engine::Engine(std::unique_ptr<Model> model, const EngineOptions& options)
    : Engine(options, [&](ThreadPool&) {
        return LoadedModel{std::move(model), nullptr};
      }) {}

Engine::Engine(const EngineOptions& options, const std::function<LoadedModel(ThreadPool&)>& load)
    : pool_(thread_count(options.threads), options.pin),
      kernels_(select_kernels(options.isa)),
      loaded_(load(pool_)),
      workspace_(config(), chunk_size(options.prefill_chunk)),
      kv_pool_(model().kv_shape(options.kv.value_or(config().kv_type()))) {
  tokens_.reserve(static_cast<std::size_t>(prefill_chunk()));
}

std::span<const float> Engine::append_batch(std::span<const Append> batch, Model::Output output) {
  const bool last_only = output == Model::Output::kLastLogits;
  int64_t n = 0;
  for (const Append& a : batch) {
    ONEBIT_CHECK(&a.sequence->engine_ == this);
    a.sequence->prepare(a.tokens);
    n += !last_only ? std::ssize(a.tokens) : a.wants_logits ? 1 : 0;
  }
  const int64_t size = n * width(output);
  if (rows_.size() < size) rows_ = AlignedBuffer<float>(size);
  run(batch, output, rows_.data());
  return rows_.span().first(static_cast<std::size_t>(size));
}

void Engine::run(std::span<const Append> batch, Model::Output output, float* out) {
  const OpContext ctx{pool_, kernels_};
  const auto chunk = static_cast<std::size_t>(prefill_chunk());
  std::size_t done = 0;  // tokens of batch.front() that have been run
  while (!batch.empty()) {
    // As many tokens as fit; the last sequence may have to wait with the rest of its own.
    tokens_.clear();
    segments_.clear();
    std::size_t first = done;
    for (const Append& a : batch) {
      const std::size_t n = std::min(chunk - tokens_.size(), a.tokens.size() - first);
      if (n == 0) break;
      const auto part = a.tokens.subspan(first, n);
      tokens_.insert(tokens_.end(), part.begin(), part.end());
      segments_.push_back({&a.sequence->kv_, static_cast<int64_t>(n),
                           a.wants_logits && first + n == a.tokens.size()});
      first = 0;
    }
    model().forward(ctx, tokens_, segments_, workspace_, output, out);
    for (const Segment& s : segments_) {
      const Append& a = batch.front();
      if (output != Model::Output::kLastLogits) out += s.n_tokens * width(output);
      a.sequence->advance(a.tokens.subspan(done, static_cast<std::size_t>(s.n_tokens)));
      done += static_cast<std::size_t>(s.n_tokens);
      if (done < a.tokens.size()) break;  // the last one
      if (output == Model::Output::kLastLogits && a.wants_logits) out += width(output);
      batch = batch.subspan(1);
      done = 0;
    }
  }
}

Sequence::Sequence(Engine& engine) : engine_(engine), kv_(engine.kv_pool_) {
  tokens_.reserve(static_cast<std::size_t>(capacity()));
}

void Sequence::prepare(std::span<const int32_t> tokens) {
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
  kv_.reserve(length() + n);
}

void Sequence::advance(std::span<const int32_t> tokens) {
  kv_.advance(std::ssize(tokens));
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
}

void Sequence::truncate(int64_t length) {
  ONEBIT_CHECK(length >= 0 && length <= this->length());
  kv_.truncate(length);
  tokens_.resize(static_cast<std::size_t>(length));
}

void Sequence::share(std::span<const int32_t> tokens, std::span<const int32_t> full_blocks) {
  ONEBIT_CHECK(std::ssize(tokens) == std::ssize(full_blocks) * kKvBlock);
  kv_.share(full_blocks);
  tokens_.assign(tokens.begin(), tokens.end());
}

std::span<const float> Sequence::append(std::span<const int32_t> tokens) {
  prepare(tokens);
  if (out_.empty()) out_ = AlignedBuffer<float>(engine_.config().vocab_size);
  const Engine::Append batch{this, tokens};
  engine_.run({&batch, 1}, Model::Output::kLastLogits, out_.data());
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
  prepare(tokens);
  const OpContext ctx{engine_.pool_, engine_.kernels_};
  const int64_t chunk = engine_.prefill_chunk();
  const int64_t most = std::min(chunk, std::ssize(tokens));
  if (out_.size() < most * width) out_ = AlignedBuffer<float>(most * width);
  for (int64_t first = 0; first < static_cast<int64_t>(tokens.size()); first += chunk) {
    const auto part = tokens.subspan(static_cast<std::size_t>(first));
    const auto some = part.first(std::min(part.size(), static_cast<std::size_t>(chunk)));
    const Segment segment{&kv_, std::ssize(some)};
    engine_.model().forward(ctx, some, {&segment, 1}, engine_.workspace_, output, out_.data());
    advance(some);
    visit(first, out_.span().first(some.size() * static_cast<std::size_t>(width)));
  }
}

}  // namespace onebit
