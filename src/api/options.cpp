#include <charconv>
#include <limits>
#include <random>

#include "api/generation.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostStops = 16;
constexpr std::size_t kMostStopBytes = 256;

void add_stop(const json::value& value, const std::string& name, std::vector<std::string>& stops) {
  if (!value.is_string()) refuse(name, "a string", found_text(value));
  const std::size_t n = value.get_string().size();
  if (n < 1 || n > kMostStopBytes) refuse(name, "1 to 256 bytes", std::to_string(n));
  stops.emplace_back(value.get_string());
}

std::vector<std::string> read_stops(const json::value* value) {
  std::vector<std::string> stops;
  if (value == nullptr) return stops;
  if (!value->is_array()) {
    if (!value->is_string()) refuse("stop", "a string or a list of strings", found_text(*value));
    add_stop(*value, "stop", stops);
    return stops;
  }
  const json::array& list = value->get_array();
  if (list.size() > kMostStops) refuse("stop", "at most 16 strings", std::to_string(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    add_stop(list[i], "stop[" + std::to_string(i) + "]", stops);
  }
  return stops;
}

std::vector<std::pair<int32_t, float>> read_logit_bias(const json::value* value, int64_t n_vocab) {
  std::vector<std::pair<int32_t, float>> biases;
  if (value == nullptr) return biases;
  for (const auto& [key, bias] : value->get_object()) {
    int32_t id = -1;
    const char* const end = key.data() + key.size();
    const auto [stop, error] = std::from_chars(key.data(), end, id);
    // "07" and "7" would be one token twice.
    if (error != std::errc() || stop != end || std::to_string(id) != key || id < 0 ||
        id >= n_vocab) {
      refuse("logit_bias", "token ids in [0, " + std::to_string(n_vocab - 1) + "]",
             found_text(json::value(key)));
    }
    const std::string name = "logit_bias." + std::string(key);
    const bool is_in_range =
        bias.is_number() && bias.to_number<double>() >= -100 && bias.to_number<double>() <= 100;
    if (!is_in_range) refuse(name, "a number in [-100, 100]", found_text(bias));
    biases.emplace_back(id, bias.to_number<float>());
  }
  return biases;
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

GenerationOptions read_options(const Fields& fields, const Service& service,
                               const std::string& tenant) {
  const auto real = [&](const char* name) { return static_cast<float>(*fields.number(name)); };
  GenerationOptions options;
  SamplerOptions& sampling = options.sampling;
  sampling.temperature = real("temperature");
  sampling.top_k = *fields.integer("top_k");
  // OpenAI's ranges include what the sampler's do not; both leave the likeliest token.
  sampling.top_p = std::max(real("top_p"), std::numeric_limits<float>::min());
  sampling.min_p = std::min(real("min_p"), 1 - std::numeric_limits<float>::epsilon());
  sampling.repetition_penalty = real("repetition_penalty");
  sampling.presence_penalty = real("presence_penalty");
  sampling.frequency_penalty = real("frequency_penalty");
  sampling.logit_bias =
      read_logit_bias(fields.find("logit_bias"), service.engine.config().vocab_size);
  const auto seed = fields.integer("seed");
  sampling.seed = seed ? static_cast<uint64_t>(*seed) : random_seed();
  options.stops = read_stops(fields.find("stop"));
  options.stream = fields.flag("stream");
  options.tenant = tenant;
  return options;
}

}  // namespace onebit::api
