// How fast an engine is, next to what the machine allows in the same run.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace onebit {

struct SpeedOptions {
  int64_t prompt = 512;    // tokens of prefill
  int64_t generate = 128;  // tokens of decode
  int64_t context = 0;     // decode up to this length; 0: from the first token on
  int64_t batch = 0;       // sequences that decode together; 0: not measured
  int repeats = 5;
};
// Tokens of context that these need.
int64_t needed_context(const SpeedOptions& options);

// Tokens per second of `repeats` runs.
struct Spread {
  double low = 0;
  double median = 0;  // the mean of the middle two of an even number
  double high = 0;
};
Spread spread_of(std::vector<double> values);  // not empty

struct Speed {
  int64_t n = 0;  // tokens; of a batch: sequences
  Spread tokens_per_second;
};

struct SpeedReport {
  double stream_bytes_per_second = 0;  // the larger of before and after
  // Likewise, of the weights of a token where they lie; nothing: caches may hold them.
  std::optional<double> weights_bytes_per_second;
  std::optional<double> int8_macs_per_second;  // peak of the ISA, likewise; nothing: unknown
  const char* int8_instructions = "";          // that the peak is made of
  int64_t rss_bytes = 0;                       // resident after the measurements
  Speed prefill;
  double prefill_macs_per_token = 0;  // of the linear layers, head not counted
  Speed decode;
  double weight_bytes_per_token = 0;       // layers and head, with their scales
  double kv_bytes_per_token = 0;           // mean over the decoded tokens
  std::optional<double> joules_per_token;  // of decode; nothing: no RAPL
  std::optional<Speed> batch;              // with SpeedOptions::batch

  double decode_bytes_per_token() const { return weight_bytes_per_token + kv_bytes_per_token; }
  double bandwidth_share() const {
    return decode.tokens_per_second.median * decode_bytes_per_token() / stream_bytes_per_second;
  }
  // Of reading as many bytes of the weights' memory; nothing: see there.
  std::optional<double> memory_share() const {
    if (!weights_bytes_per_second) return std::nullopt;
    return bandwidth_share() * stream_bytes_per_second / *weights_bytes_per_second;
  }
  std::optional<double> peak_share() const;
};

// on_progress(steps done, steps in all). Throws Error(kInvalidArgument) if the engine's context is
// too short.
SpeedReport measure_speed(Engine& engine, const SpeedOptions& options,
                          const std::function<void(int64_t, int64_t)>& on_progress = {});

}  // namespace onebit
