#include "server/served_model.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <random>

#include "api/grammar_cache.h"
#include "base/aligned_buffer.h"
#include "base/error.h"
#include "base/rng.h"
#include "io/json_text.h"
#include "text/stream_decoder.h"

namespace onebit {
namespace {

namespace json = boost::json;

struct Weights {
  int64_t count = 0;
  double bits = 0;  // of one, on average
};

Weights weights_of(const ModelFile& file) {
  Weights weights;
  double bytes = 0;
  for (const ModelTensor& t : file.tensors()) {
    weights.count += t.rows() * t.cols();
    bytes += static_cast<double>(t.bytes.size());
  }
  weights.bits = 8 * bytes / static_cast<double>(std::max<int64_t>(1, weights.count));
  return weights;
}

const char* activations_name(ActQuant quant) {
  switch (quant) {
    case ActQuant::kF32:
      return "f32";
    case ActQuant::kInt8:
      return "int8";
    case ActQuant::kInt8Group:
      return "int8-group";
    case ActQuant::kSign:
      return "1 bit";
  }
  return "";
}

ChatTemplate make_template(const ModelSource& source, const Engine& engine) {
  if (!engine.has_tokenizer()) {
    throw Error(ErrorCode::kUnsupported, "MODEL: expected a vocabulary, found none");
  }
  if (source.chat_template.empty()) {
    return ChatTemplate(engine.tokenizer(), engine.config().architecture);
  }
  return ChatTemplate(source.chat_template, token_texts(engine.tokenizer().vocab()),
                      source.template_where);
}

// Keys and values take their memory when they are written, long after this: promise no more than
// there is.
const SchedulerOptions& checked(const SchedulerOptions& options) {
  const int64_t available = available_memory();
  if (options.kv_bytes > available) {
    throw Error(ErrorCode::kInvalidArgument, "--kv-memory: expected at most " +
                                                 std::to_string(available) +
                                                 " bytes (what is left beside the model), found " +
                                                 std::to_string(options.kv_bytes));
  }
  return options;
}

// Ids that no other answer of this process has (mix64 is one to one), nor (but for an accident of
// 96 bits) of another.
std::function<std::string(std::string_view)> id_maker() {
  std::random_device random;
  const uint32_t process = random();
  const uint64_t start = uint64_t{random()} << 32 | random();
  auto next = std::make_shared<std::atomic<uint64_t>>(start);
  return [process, next](std::string_view prefix) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%08x%016llx", process,
                  static_cast<unsigned long long>(mix64(next->fetch_add(1))));
    return std::string(prefix) + digits;
  };
}

int64_t unix_seconds() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch())
      .count();
}

std::string card_text(const api::Service& service, const ModelFile& file) {
  const Engine& engine = service.engine;
  const ModelConfig& config = engine.config();
  const Weights weights = weights_of(file);
  return json_text(json::object{{"id", service.model},
                                {"object", "model"},
                                {"created", service.created},
                                {"owned_by", "onebit"},
                                {"onebit",
                                 {{"architecture", config.architecture},
                                  {"name", to_valid_utf8(config.name)},
                                  {"parameters", weights.count},
                                  {"bits_per_weight", weights.bits},
                                  {"file_bytes", file.file_bytes()},
                                  {"activations", activations_name(config.act_quant)},
                                  {"isa", engine.isa()},
                                  {"threads", engine.threads()},
                                  {"context", service.capacity},
                                  {"is_chat", service.chat_template.is_chat()},
                                  {"template", service.chat_template.name()}}}});
}

std::string summary_text(const api::Service& service, const ModelFile& file,
                         const Scheduler& scheduler) {
  const Engine& engine = service.engine;
  const Weights weights = weights_of(file);
  char model[256], compute[256];
  std::snprintf(model, sizeof model, "model    %s: %s, %.4g M weights of %.2f bits, %.4g MB, %s\n",
                service.model.c_str(), engine.config().architecture.c_str(),
                static_cast<double>(weights.count) / 1e6, weights.bits,
                static_cast<double>(file.file_bytes()) / 1e6,
                service.chat_template.is_chat() ? "chat" : "plain text (no chat template)");
  std::snprintf(compute, sizeof compute, "compute  %s, %d thread%s, activations %s\n", engine.isa(),
                engine.threads(), engine.threads() == 1 ? "" : "s",
                activations_name(engine.config().act_quant));
  return std::string(model) + compute + "memory   keys and values: " + scheduler.budget().text() +
         "; texts of up to " + std::to_string(scheduler.capacity()) + " tokens\n";
}

}  // namespace

ServedModel::ServedModel(const ModelSource& source) : ServedModel(source, source.open()) {}

ServedModel::ServedModel(const ModelSource& source, const ModelFile& file)
    : engine_(file, source.engine),
      chat_template_(make_template(source, engine_)),
      grammars_(std::make_unique<api::GrammarCache>(engine_.tokenizer())),
      scheduler_(engine_, checked(source.scheduler)),
      service_{.engine = engine_,
               .chat_template = chat_template_,
               .grammars = *grammars_,
               .model = source.name,
               .created = unix_seconds(),
               .capacity = scheduler_.capacity(),
               .new_id = id_maker()},
      card_(card_text(service_, file)),
      summary_(summary_text(service_, file, scheduler_)) {}

ServedModel::~ServedModel() = default;

}  // namespace onebit
