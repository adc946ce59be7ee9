#include "cli/bench_report.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <cstdarg>
#include <cstdio>
#include <optional>

namespace onebit {
namespace {

__attribute__((format(printf, 1, 2))) std::string format_text(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

std::string json_text(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

// Boost.JSON would print 35 as 3.5E1.
std::string number(std::optional<double> value) {
  return value ? format_text("%.6g", *value) : "null";
}

std::string json_speed(const Speed& speed, const std::string& more) {
  const Spread& s = speed.tokens_per_second;
  return format_text("{\"n\":%lld,\"tok_s\":%.6g,\"low\":%.6g,\"high\":%.6g",
                     static_cast<long long>(speed.n), s.median, s.low, s.high) +
         more + "}";
}

std::string text_speed(const char* name, const Speed& speed) {
  const Spread& s = speed.tokens_per_second;
  return format_text("%-8s %4lld: %.1f tok/s (%.1f..%.1f)", name, static_cast<long long>(speed.n),
                     s.median, s.low, s.high);
}

}  // namespace

std::string to_json(const BenchReport& b) {
  const SpeedReport& r = b.speed;
  const auto tera = [](std::optional<double> v) { return v ? std::optional(*v / 1e12) : v; };
  return "{\"model\":" + json_text(b.model) + ",\"date\":" + json_text(b.date) +
         ",\"isa\":" + json_text(b.isa) + ",\"threads\":" + std::to_string(b.threads) +
         ",\"stream_gb_s\":" + number(r.stream_bytes_per_second / 1e9) + ",\"weights_gb_s\":" +
         number(r.weights_bytes_per_second ? std::optional(*r.weights_bytes_per_second / 1e9)
                                           : std::nullopt) +
         ",\"int8_peak_tmac_s\":" + number(tera(r.int8_macs_per_second)) +
         ",\"load_s\":" + number(b.load_s) +
         ",\"rss_mb\":" + number(static_cast<double>(r.rss_bytes) / 1e6) +
         ",\"prefill\":" + json_speed(r.prefill, ",\"peak_share\":" + number(r.peak_share())) +
         ",\"decode\":" +
         json_speed(r.decode,
                    ",\"context\":" + std::to_string(b.context) +
                        ",\"bytes_per_token\":" + format_text("%.0f", r.decode_bytes_per_token()) +
                        ",\"bandwidth_share\":" + number(r.bandwidth_share()) +
                        ",\"memory_share\":" + number(r.memory_share()) +
                        ",\"energy_j_per_token\":" + number(r.joules_per_token)) +
         ",\"batch\":" + (r.batch ? json_speed(*r.batch, "") : "null") + "}";
}

std::string to_text(const BenchReport& b) {
  const SpeedReport& r = b.speed;
  std::string text =
      format_text("%s: isa %s, %d threads, loaded in %.2f s, resident %.0f MB, stream %.1f GB/s",
                  b.model.c_str(), b.isa.c_str(), b.threads, b.load_s,
                  static_cast<double>(r.rss_bytes) / 1e6, r.stream_bytes_per_second / 1e9);
  if (r.weights_bytes_per_second) {
    text += format_text(" (of the weights' memory %.1f)", *r.weights_bytes_per_second / 1e9);
  }
  text += r.int8_macs_per_second ? format_text(", int8 peak %.3f T multiply-adds/s (%s)\n",
                                               *r.int8_macs_per_second / 1e12, r.int8_instructions)
                                 : ", int8 peak unknown\n";
  const double macs = r.prefill.tokens_per_second.median * r.prefill_macs_per_token;
  text += text_speed("prefill", r.prefill) + format_text(", %.3f T multiply-adds/s", macs / 1e12);
  if (const auto share = r.peak_share()) text += format_text(", %.2f of peak", *share);
  const double bytes = r.decode_bytes_per_token();
  text += "\n" + text_speed("decode", r.decode);
  if (b.context > 0) {
    text += format_text(" up to a context of %lld", static_cast<long long>(b.context));
  }
  text += format_text(
      ", a token reads %.2f MB of weights and %.2f MB of keys and values: %.2f GB/s, %.2f of "
      "stream%s%s\n",
      r.weight_bytes_per_token / 1e6, r.kv_bytes_per_token / 1e6,
      bytes * r.decode.tokens_per_second.median / 1e9, r.bandwidth_share(),
      r.memory_share() ? format_text(", %.2f of reading the weights", *r.memory_share()).c_str()
                       : "",
      bytes < 32e6 ? " (they fit in caches)" : "");
  if (r.batch) {
    text += text_speed("batch", *r.batch) +
            format_text(" of all, %.2f times one sequence\n",
                        r.batch->tokens_per_second.median / r.decode.tokens_per_second.median);
  }
  text += "energy:  " +
          (r.joules_per_token
               ? format_text("%.4g J a decoded token (CPU packages)", *r.joules_per_token)
               : std::string("not available")) +
          "\n";
  return text;
}

}  // namespace onebit
