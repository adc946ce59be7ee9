#include "eval/speed.h"

#include <algorithm>
#include <fstream>
#include <memory>

#include "base/stopwatch.h"
#include "eval/energy.h"
#include "eval/int8_peak.h"
#include "eval/stream_bandwidth.h"

namespace onebit {
namespace {

constexpr int64_t kBeyondCaches = int64_t{128} << 20;  // bytes

// Tokens from all over the vocabulary: what they are matters to no kernel.
std::vector<int32_t> made_up_tokens(int64_t n, int64_t vocab_size) {
  std::vector<int32_t> tokens(static_cast<std::size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    tokens[static_cast<std::size_t>(i)] = static_cast<int32_t>(i * 7919 % vocab_size);
  }
  return tokens;
}

// What one token passes through in the linear layers.
double macs_per_token(const ModelConfig& c) {
  const int64_t attention = c.hidden_size * 2 * (c.q_size() + c.kv_size());
  const int64_t feed_forward = 3 * c.hidden_size * c.intermediate_size;
  return static_cast<double>(c.n_layers * (attention + feed_forward));
}

// Keys and values that attention reads for the token at `position`.
double kv_bytes(const Engine& engine, int64_t position) {
  const ModelConfig& c = engine.config();
  const double layer_bytes = static_cast<double>(engine.kv_pool().shape().position_bytes()) /
                             static_cast<double>(c.n_layers);
  double bytes = 0;
  for (int64_t l = 0; l < c.n_layers; ++l) {
    const int64_t seen = c.is_local(l) ? std::min(position + 1, c.sliding_window) : position + 1;
    bytes += static_cast<double>(seen) * layer_bytes;
  }
  return bytes;
}

int64_t resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    int64_t kib = 0;
    if (key == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

class Measurement {
 public:
  Measurement(Engine& engine, const SpeedOptions& options,
              const std::function<void(int64_t, int64_t)>& on_progress)
      : engine_(engine),
        o_(options),
        on_progress_(on_progress),
        steps_(o_.repeats * (o_.batch > 0 ? 3 : 2)),
        tokens_(made_up_tokens(needed_context(o_), engine.config().vocab_size)) {}

  SpeedReport run() {
    measure_machine();
    measure_prefill();
    measure_decode();
    if (o_.batch > 0) measure_batch();
    report_.rss_bytes = resident_bytes();
    measure_machine();
    return report_;
  }

 private:
  std::span<const int32_t> tokens(int64_t first, int64_t n) const {
    return std::span(tokens_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(n));
  }

  void step_done() {
    if (on_progress_) on_progress_(++done_, steps_);
  }

  void measure_machine() {
    const StreamBandwidth stream(int64_t{1} << 30, &engine_.pool());
    report_.stream_bytes_per_second =
        std::max(report_.stream_bytes_per_second, stream.measure(engine_.pool()));
    if (engine_.model().bytes_per_token() >= kBeyondCaches) {
      report_.weights_bytes_per_second =
          std::max(report_.weights_bytes_per_second.value_or(0),
                   read_bandwidth(engine_.pool(), engine_.model().weights()));
    }
    const Int8Loop* loop = find_int8_loop(engine_.isa());
    if (loop == nullptr) return;
    report_.int8_instructions = loop->instructions;
    report_.int8_macs_per_second = std::max(report_.int8_macs_per_second.value_or(0),
                                            measure_int8_peak(engine_.pool(), *loop));
  }

  void measure_prefill() {
    report_.prefill_macs_per_token = macs_per_token(engine_.config());
    std::vector<double> rates;
    Sequence sequence(engine_);
    for (int r = 0; r < o_.repeats; ++r) {
      sequence.clear();
      const Stopwatch watch;
      sequence.append(tokens(0, o_.prompt));
      rates.push_back(static_cast<double>(o_.prompt) / watch.seconds());
      step_done();
    }
    report_.prefill = {o_.prompt, spread_of(rates)};
  }

  void measure_decode() {
    const int64_t n = o_.generate;
    const int64_t first = std::max<int64_t>(1, o_.context - n);
    std::vector<double> rates;
    Sequence sequence(engine_);
    sequence.append(tokens(0, first));
    EnergyMeter energy;
    double joules = 0;
    for (int r = 0; r < o_.repeats; ++r) {
      sequence.truncate(first);
      energy.start();
      const Stopwatch watch;
      for (int64_t i = 0; i < n; ++i) sequence.append(tokens(first + i, 1));
      rates.push_back(static_cast<double>(n) / watch.seconds());
      joules += energy.joules().value_or(0);
      step_done();
    }
    report_.decode = {n, spread_of(rates)};
    if (energy.available()) {
      report_.joules_per_token = joules / static_cast<double>(n * o_.repeats);
    }
    report_.weight_bytes_per_token = static_cast<double>(engine_.model().bytes_per_token());
    double bytes = 0;
    for (int64_t i = 0; i < n; ++i) bytes += kv_bytes(engine_, first + i);
    report_.kv_bytes_per_token = bytes / static_cast<double>(n);
  }

  // Sequences of their own, a step of all at a time.
  void measure_batch() {
    constexpr int64_t kMostSteps = 32;
    const int64_t n = std::min(o_.generate, kMostSteps);
    std::vector<std::unique_ptr<Sequence>> sequences;
    std::vector<Engine::Append> batch;
    for (int64_t b = 0; b < o_.batch; ++b) {
      sequences.push_back(std::make_unique<Sequence>(engine_));
      sequences.back()->append(tokens(0, 1));
      batch.push_back({sequences.back().get(), {}});
    }
    std::vector<double> rates;
    for (int r = 0; r < o_.repeats; ++r) {
      for (const auto& sequence : sequences) sequence->truncate(1);
      const Stopwatch watch;
      for (int64_t i = 0; i < n; ++i) {
        for (Engine::Append& a : batch) a.tokens = tokens(1 + i, 1);
        engine_.append_batch(batch);
      }
      rates.push_back(static_cast<double>(n * o_.batch) / watch.seconds());
      step_done();
    }
    report_.batch = {o_.batch, spread_of(rates)};
  }

  Engine& engine_;
  const SpeedOptions& o_;
  const std::function<void(int64_t, int64_t)>& on_progress_;
  const int64_t steps_;
  int64_t done_ = 0;
  const std::vector<int32_t> tokens_;
  SpeedReport report_;
};

}  // namespace

int64_t needed_context(const SpeedOptions& o) {
  return std::max({o.prompt, o.generate + 1, o.context});
}

Spread spread_of(std::vector<double> values) {
  ONEBIT_CHECK(!values.empty());
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {values.front(), median, values.back()};
}

std::optional<double> SpeedReport::peak_share() const {
  if (!int8_macs_per_second) return {};
  return prefill.tokens_per_second.median * prefill_macs_per_token / *int8_macs_per_second;
}

SpeedReport measure_speed(Engine& engine, const SpeedOptions& options,
                          const std::function<void(int64_t, int64_t)>& on_progress) {
  const int64_t room = engine.model().context();
  if (needed_context(options) > room) {
    throw Error(ErrorCode::kInvalidArgument,
                "bench: expected --prompt, --generate + 1 and --ctx of at most " +
                    std::to_string(room) + " tokens (the context), found " +
                    std::to_string(needed_context(options)));
  }
  return Measurement(engine, options, on_progress).run();
}

}  // namespace onebit
