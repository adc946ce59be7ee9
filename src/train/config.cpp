#include "train/config.h"

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <utility>

namespace onebit {
namespace {

[[noreturn]] void bad_value(std::string_view key, const std::string& expected,
                            std::string_view found) {
  throw Error(ErrorCode::kInvalidArgument,
              std::string(key) + ": expected " + expected + ", found " + quote(found));
}

std::string to_text(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;  // shortest exact form
  return {buffer, end};
}

struct Field {
  const char* key;
  const char* help;
  bool is_text;  // quoted in JSON
  std::function<void(TrainConfig&, std::string_view)> set;
  std::function<std::string(const TrainConfig&)> get;
};

// `ref` maps a config (const or not) to the member.
template <typename Ref>
Field integer(const char* key, const char* help, int64_t low, int64_t high, Ref ref) {
  return {key, help, false,
          [=](TrainConfig& c, std::string_view text) {
            int64_t value = 0;
            const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
            if (error != std::errc() || end != text.end() || value < low || value > high) {
              bad_value(key, "an integer in " + std::to_string(low) + ".." + std::to_string(high),
                        text);
            }
            ref(c) = value;
          },
          [=](const TrainConfig& c) { return std::to_string(ref(c)); }};
}

template <typename Ref>
Field real(const char* key, const char* help, double low, double high, Ref ref) {
  return {key, help, false,
          [=](TrainConfig& c, std::string_view text) {
            double value = 0;
            const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
            if (error != std::errc() || end != text.end() || !(value >= low && value <= high)) {
              bad_value(key, "a number in " + to_text(low) + ".." + to_text(high), text);
            }
            ref(c) = static_cast<std::remove_reference_t<decltype(ref(c))>>(value);
          },
          // A float is printed as the float it is: 1e-05, not 9.999999747378752e-06.
          [=](const TrainConfig& c) {
            char buffer[40];
            return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, ref(c)).ptr);
          }};
}

template <typename Ref>
Field text(const char* key, const char* help, Ref ref) {
  return {key, help, true,
          [=](TrainConfig& c, std::string_view value) { ref(c) = std::string(value); },
          [=](const TrainConfig& c) { return ref(c); }};
}

template <typename Ref>
Field boolean(const char* key, const char* help, Ref ref) {
  return {key, help, false,
          [=](TrainConfig& c, std::string_view value) {
            if (value != "true" && value != "false") bad_value(key, "true or false", value);
            ref(c) = value == "true";
          },
          [=](const TrainConfig& c) { return std::string(ref(c) ? "true" : "false"); }};
}

template <typename Enum, typename Ref>
Field choice(const char* key, const char* help, std::vector<std::pair<const char*, Enum>> names,
             Ref ref) {
  return {key, help, true,
          [=](TrainConfig& c, std::string_view value) {
            std::string known;
            for (const auto& [name, number] : names) {
              if (value == name) {
                ref(c) = number;
                return;
              }
              known += (known.empty() ? "" : ", ") + std::string(name);
            }
            bad_value(key, "one of " + known, value);
          },
          [=](const TrainConfig& c) {
            for (const auto& [name, number] : names) {
              if (ref(c) == number) return std::string(name);
            }
            return std::string();
          }};
}

#define FIELD(member)    \
  [](auto& c) -> auto& { \
    return c.member;     \
  }

std::span<const Field> fields() {
  constexpr int64_t kBig = int64_t{1} << 40;
  static const std::vector<Field> kFields = {
      text("preset", "name of the set of defaults", FIELD(preset)),
      text("name", "general.name of the model", FIELD(model.name)),
      integer("hidden_size", "width of the residual stream", 1, 1 << 20, FIELD(model.hidden_size)),
      integer("intermediate_size", "width of the feed-forward", 1, 1 << 20,
              FIELD(model.intermediate_size)),
      integer("n_layers", "transformer blocks", 1, 1024, FIELD(model.n_layers)),
      integer("n_heads", "query heads", 1, 4096, FIELD(model.n_heads)),
      integer("n_kv_heads", "key/value heads, a divisor of n_heads", 1, 4096,
              FIELD(model.n_kv_heads)),
      integer("head_dim", "width of a head, even; 0: hidden_size / n_heads", 0, 4096,
              FIELD(model.head_dim)),
      integer("max_seq_len", "context length", 1, 1 << 24, FIELD(model.max_seq_len)),
      real("rope_theta", "base of the rotary angles", 1, 1e12, FIELD(model.rope_theta)),
      real("rms_norm_eps", "added to the mean square", 1e-12, 0.1, FIELD(model.rms_norm_eps)),
      boolean("tie_embeddings", "output head = token embedding", FIELD(model.tie_embeddings)),
      choice<TrainMode>("mode", "quantisation while training",
                        {{"fp32", TrainMode::kFp32},
                         {"w1.58a8", TrainMode::kW158A8},
                         {"w1a8", TrainMode::kW1A8},
                         {"w1a1", TrainMode::kW1A1}},
                        FIELD(mode)),
      choice<Granularity>("granularity", "weights that share a scale",
                          {{"tensor", Granularity::kTensor},
                           {"row", Granularity::kRow},
                           {"group128", Granularity::kGroup128}},
                          FIELD(granularity)),
      choice<EmbeddingType>("embedding_type", "type of embedding and head in the file",
                            {{"f32", EmbeddingType::kF32},
                             {"f16", EmbeddingType::kF16},
                             {"q8_0", EmbeddingType::kQ8_0}},
                            FIELD(embedding_type)),
      real("sign_clip", "w1a1: gradients pass where |x| <= this * mean|x|", 0.01, 1e6,
           FIELD(sign_clip)),
      integer("batch_size", "sequences in one pass", 1, 1 << 20, FIELD(batch_size)),
      integer("grad_accumulation", "passes in one update", 1, 1 << 20, FIELD(grad_accumulation)),
      integer("seq_len", "tokens in a sequence; 0: max_seq_len", 0, 1 << 24, FIELD(seq_len)),
      integer("steps", "updates", 1, kBig, FIELD(steps)),
      integer("warmup_steps", "updates of linear warm-up", 0, kBig, FIELD(warmup_steps)),
      real("lr", "peak learning rate; 0: the preset's for the mode", 0, 1, FIELD(lr)),
      choice<ScheduleKind>("schedule", "learning rate over time",
                           {{"two-stage", ScheduleKind::kTwoStage},
                            {"cosine", ScheduleKind::kCosine},
                            {"constant", ScheduleKind::kConstant}},
                           FIELD(schedule)),
      real("min_lr_fraction", "where cosine ends", 0, 1, FIELD(min_lr_fraction)),
      real("weight_decay", "of linear matrices", 0, 10, FIELD(weight_decay)),
      real("beta1", "AdamW first moment", 0, 0.9999999, FIELD(beta1)),
      real("beta2", "AdamW second moment", 0, 0.9999999, FIELD(beta2)),
      real("adam_eps", "AdamW epsilon", 1e-30, 1, FIELD(adam_eps)),
      real("grad_clip", "largest gradient norm; 0: off", 0, 1e9, FIELD(grad_clip)),
      integer("seed", "of weights and batches", 0, std::numeric_limits<int64_t>::max(),
              FIELD(seed)),
      integer("threads", "0: all CPUs of this process", 0, 1024, FIELD(threads)),
      integer("eval_interval", "updates between validations; 0: at the end", 0, kBig,
              FIELD(eval_interval)),
      integer("eval_tokens", "validation tokens used; 0: all", 0, kBig, FIELD(eval_tokens)),
      integer("checkpoint_interval", "updates between checkpoints; 0: at the end", 0, kBig,
              FIELD(checkpoint_interval)),
  };
  return kFields;
}

#undef FIELD

}  // namespace

std::vector<TrainOption> train_options(const TrainConfig& config) {
  std::vector<TrainOption> options;
  for (const Field& f : fields()) options.push_back({f.key, f.help, f.get(config)});
  return options;
}

void set_train_option(TrainConfig& config, std::string_view key, std::string_view value) {
  for (const Field& f : fields()) {
    if (key == f.key) return f.set(config, value);
  }
  bad_value("option", "a known name", key);
}

std::string to_json(const TrainConfig& config) {
  std::string json = "{\n";
  for (const Field& f : fields()) {
    const std::string value = f.get(config);
    json += std::string(json.size() > 2 ? ",\n" : "") + "  \"" + f.key +
            "\": " + (f.is_text ? boost::json::serialize(boost::json::string(value)) : value);
  }
  return json + "\n}\n";
}

TrainConfig train_config_from_json(std::string_view json, const std::string& where) {
  boost::system::error_code error;
  const boost::json::value root = boost::json::parse(json, error);
  if (error || !root.is_object()) {
    throw Error(ErrorCode::kInvalidFile,
                where + ": expected a JSON object" + (error ? ", found: " + error.message() : ""));
  }
  TrainConfig config;
  for (const auto& [key, value] : root.as_object()) {
    const std::string text = value.is_string()   ? std::string(value.as_string())
                             : value.is_double() ? to_text(value.as_double())
                                                 : boost::json::serialize(value);
    try {
      set_train_option(config, {key.data(), key.size()}, text);
    } catch (const Error& e) {
      throw Error(ErrorCode::kInvalidFile, where + ": " + e.what());
    }
  }
  return config;
}

}  // namespace onebit
