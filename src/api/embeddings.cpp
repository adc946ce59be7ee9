// POST /v1/embeddings.
#include <bit>
#include <charconv>

#include "api/endpoints.h"
#include "api/generation.h"
#include "api/schema.h"
#include "api/token_input.h"
#include "engine/pooling.h"
#include "io/json_text.h"

namespace onebit::api {
namespace {

namespace json = boost::json;

std::string float_list(const std::vector<float>& vector) {
  std::string text = "[";
  for (const float v : vector) {
    char number[32];
    if (text.size() > 1) text += ',';
    text.append(number, std::to_chars(number, number + sizeof number, v).ptr);
  }
  return text + "]";
}

// RFC 4648, of f32 in little endian.
std::string base64(const std::vector<float>& vector) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto* const bytes = reinterpret_cast<const uint8_t*>(vector.data());
  const std::size_t n = vector.size() * sizeof(float);
  std::string text;
  for (std::size_t i = 0; i < n; i += 3) {
    const std::size_t left = std::min<std::size_t>(3, n - i);
    uint32_t group = uint32_t{bytes[i]} << 16;
    if (left > 1) group |= uint32_t{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    for (std::size_t digit = 0; digit < 4; ++digit) {
      text += digit <= left ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
    }
  }
  return text;
}

// Shared by the callbacks of all texts of a call.
class Embeddings {
 public:
  Embeddings(std::vector<Pooler> poolers, bool is_base64, std::string model,
             std::shared_ptr<Sink> sink)
      : poolers_(std::move(poolers)),
        n_open_(poolers_.size()),
        is_base64_(is_base64),
        model_(std::move(model)),
        sink_(std::move(sink)) {}

  void add(std::size_t i, std::span<const float> rows) { poolers_[i].add(rows); }

  void finish(const FinishEvent& event) {
    if (is_over_) return;
    try {
      prompt_tokens_ += event.prompt_tokens;
      if (event.reason == FinishReason::kError || event.reason == FinishReason::kCancelled) {
        fail(error_of(event));
      } else if (--n_open_ == 0) {
        sink_->respond(200, answer());
      }
    } catch (const std::exception& error) {
      fail(to_api_error(error));
    }
  }

 private:
  void fail(const ApiError& error) {
    is_over_ = true;
    sink_->respond(error.status, error.json());
  }

  // Thousands of floats: written as they come, without a tree of values.
  std::string answer() const {
    std::string text = R"({"object":"list","data":[)";
    for (std::size_t i = 0; i < poolers_.size(); ++i) {
      if (i > 0) text += ',';
      text += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
      const auto vector = poolers_[i].vector();
      text += is_base64_ ? '"' + base64(vector) + '"' : float_list(vector);
      text += '}';
    }
    const json::value usage{{"prompt_tokens", prompt_tokens_}, {"total_tokens", prompt_tokens_}};
    return text + R"(],"model":)" + json_text(json::value(model_)) + R"(,"usage":)" +
           json_text(usage) + "}";
  }

  std::vector<Pooler> poolers_;
  std::size_t n_open_;
  const bool is_base64_;
  const std::string model_;
  std::shared_ptr<Sink> sink_;
  int64_t prompt_tokens_ = 0;
  bool is_over_ = false;
};

}  // namespace

Call prepare_embeddings(const Service& service, const json::object& body, const std::string& tenant,
                        std::shared_ptr<Sink> sink) {
  const Fields fields(schema_of("/v1/embeddings"), body);
  const ModelConfig& config = service.engine.config();
  const auto dimensions = fields.integer("dimensions");
  if (dimensions && *dimensions != config.hidden_size) {
    refuse("dimensions", std::to_string(config.hidden_size), std::to_string(*dimensions));
  }
  const Pool pool = [&] {
    try {
      return choose_pool(fields.text("pooling"), config, "pooling");
    } catch (const std::exception& error) {
      throw to_api_error(error);
    }
  }();
  auto inputs = read_token_input(*fields.find("input"), "input", 128, service.engine.tokenizer(),
                                 {.add_bos = true, .add_eos = true});
  const auto embeddings = std::make_shared<Embeddings>(
      std::vector<Pooler>(inputs.size(), Pooler(pool, config.hidden_size)),
      *fields.text("encoding_format") == "base64", service.model, std::move(sink));
  Call call;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_length(service, inputs[i].ids, 0, inputs[i].field);
    onebit::Request& request = call.requests.emplace_back();
    request.prompt = std::move(inputs[i].ids);
    request.tenant = tenant;
    request.on_hidden = [embeddings, i](std::span<const float> rows) { embeddings->add(i, rows); };
    request.on_token = [](const TokenEvent&) { return false; };
    request.on_finish = [embeddings](const FinishEvent& event) { embeddings->finish(event); };
  }
  return call;
}

}  // namespace onebit::api
