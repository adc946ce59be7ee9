#include "server/metrics.h"

#include <algorithm>
#include <cstdio>
#include <new>

#include "base/error.h"

namespace onebit {
namespace {

constexpr double kFirstTokenBounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                        1,     2.5,  5,     10,   30,  60};
constexpr double kNextTokenBounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                       0.05,   0.1,   0.25,   0.5,   1,    2.5};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

void begin(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void line(std::string& out, std::string_view name, std::string_view labels,
          const std::string& value) {
  out.append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void write(std::string& out, std::string_view name, std::string_view type, std::string_view help,
           int64_t value) {
  begin(out, name, type, help);
  line(out, name, "", std::to_string(value));
}

void write_connections(std::string& out, const http::Counters& c) {
  write(out, "onebit_connections", "gauge", "Open connections.", c.connections);
  write(out, "onebit_connections_accepted_total", "counter", "Connections since the start.",
        c.accepted);
  write(out, "onebit_connections_refused_total", "counter",
        "Of these: turned away because there were too many.", c.refused);
  write(out, "onebit_streams", "gauge", "Answers of events that are being written.", c.streams);
  write(out, "onebit_received_bytes_total", "counter", "Bytes that clients sent.", c.bytes_in);
  write(out, "onebit_sent_bytes_total", "counter", "Bytes that clients were sent.", c.bytes_out);
  begin(out, "onebit_http_answers_total", "counter",
        "All answers by class of status, those too that reached no route (keys, limits).");
  for (int i = 1; i < 6; ++i) {
    line(out, "onebit_http_answers_total", "class=\"" + std::to_string(i) + "xx\"",
         std::to_string(c.answers[i]));
  }
}

void write_scheduler(std::string& out, const SchedulerStats& s) {
  write(out, "onebit_requests_running", "gauge", "Requests that share forward passes.", s.running);
  write(out, "onebit_requests_waiting", "gauge", "Requests that wait for admission.", s.waiting);
  write(out, "onebit_forward_passes_total", "counter", "Forward passes of all.", s.steps);
  write(out, "onebit_prompt_tokens_total", "counter",
        "Tokens of prompts that were computed, again after a preemption too.", s.prompt_tokens);
  write(out, "onebit_cached_tokens_total", "counter",
        "Tokens of prompts that were found in the prefix cache.", s.cached_tokens);
  write(out, "onebit_generated_tokens_total", "counter", "Tokens of answers.", s.generated_tokens);
  write(out, "onebit_drafted_tokens_total", "counter", "Tokens that speculation guessed.",
        s.drafted_tokens);
  write(out, "onebit_accepted_tokens_total", "counter", "Of these: guessed rightly.",
        s.accepted_tokens);
  write(out, "onebit_preemptions_total", "counter",
        "Requests that had to wait again because memory for keys and values ran out.",
        s.preemptions);
  write(out, "onebit_evicted_blocks_total", "counter", "Blocks that the prefix cache gave up.",
        s.evicted_blocks);
  write(out, "onebit_kv_blocks", "gauge", "Blocks of keys and values that there may be.",
        s.kv_blocks);
  write(out, "onebit_kv_blocks_used", "gauge", "Blocks in use, by requests or the prefix cache.",
        s.kv_blocks_used);
  write(out, "onebit_kv_blocks_cached", "gauge", "Blocks in the prefix cache.", s.kv_blocks_cached);
  begin(out, "onebit_requests_finished_total", "counter", "Requests that ended, and why.");
  for (int i = 0; i < kFinishReasons; ++i) {
    line(out, "onebit_requests_finished_total",
         std::string("reason=\"") + finish_reason_name(static_cast<FinishReason>(i)) + "\"",
         std::to_string(s.finished[static_cast<std::size_t>(i)]));
  }
}

}  // namespace

void Histogram::observe(double seconds) {
  const auto bucket =
      static_cast<std::size_t>(std::ranges::lower_bound(bounds_, seconds) - bounds_.begin());
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<uint64_t>(std::max(0.0, seconds) * 1e9),
                         std::memory_order_relaxed);
}

void Histogram::write(std::string& out, std::string_view name, std::string_view help) const {
  begin(out, name, "histogram", help);
  const std::string prefix(name);
  uint64_t total = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) {
    total += counts_[i].load(std::memory_order_relaxed);
    const std::string bound = i < bounds_.size() ? number(bounds_[i]) : "+Inf";
    line(out, prefix + "_bucket", "le=\"" + bound + "\"", std::to_string(total));
  }
  const auto sum = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) * 1e-9;
  line(out, prefix + "_sum", "", number(sum));
  line(out, prefix + "_count", "", std::to_string(total));
}

Metrics::Metrics() : first_token_(kFirstTokenBounds), next_token_(kNextTokenBounds) {
  static_assert(std::size(kFirstTokenBounds) <= Histogram::kMaxBounds);
  static_assert(std::size(kNextTokenBounds) <= Histogram::kMaxBounds);
}

void Metrics::count_answer(const std::string& path, int status) noexcept try {
  const std::lock_guard lock(mutex_);
  ++answers_[{path, status}];
} catch (const std::bad_alloc&) {  // an answer is worth more than its count
}

std::string Metrics::text(const Snapshot& now) const {
  std::string out;
  begin(out, "onebit_phase", "gauge", "1 for the phase that the server is in.");
  for (const std::string_view phase : {"loading", "ok", "draining"}) {
    line(out, "onebit_phase", "phase=\"" + std::string(phase) + "\"",
         phase == now.phase ? "1" : "0");
  }
  begin(out, "onebit_http_requests_total", "counter",
        "Requests that reached a route, by path and status; 499: the client left first.");
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, count] : answers_) {
      line(out, "onebit_http_requests_total",
           "path=\"" + key.first + "\",code=\"" + std::to_string(key.second) + "\"",
           std::to_string(count));
    }
  }
  write_connections(out, now.connections);
  write(out, "onebit_answers", "gauge", "Requests that were read and are not answered yet.",
        answers_begun_.load(std::memory_order_relaxed));
  write(out, "onebit_preparation_queue", "gauge", "Requests that wait to be parsed.", now.queued);
  if (now.scheduler != nullptr) write_scheduler(out, *now.scheduler);
  first_token_.write(out, "onebit_time_to_first_token_seconds",
                     "From the end of a request's body to its first token.");
  next_token_.write(out, "onebit_inter_token_seconds", "Between two tokens of an answer.");
  return out;
}

}  // namespace onebit
