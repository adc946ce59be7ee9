#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <map>

#include "cli/cli.h"
#include "models/architectures.h"
#include "models/loader.h"
#include "text/stream_decoder.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

namespace json = boost::json;

struct Totals {
  int64_t weights = 0;
  int64_t bytes = 0;
};

int64_t count(const ModelTensor& t) {
  return t.rows() * t.cols();
}

const char* act_name(ActQuant quant) {
  switch (quant) {
    case ActQuant::kF32:
      return "f32";
    case ActQuant::kInt8:
      return "int8 per token";
    case ActQuant::kInt8Group:
      return "int8 per 32 columns";
    case ActQuant::kSign:
      return "1 bit";
  }
  return "";
}

std::string human(int64_t bytes) {
  char text[32];
  if (bytes < 1 << 20) {
    std::snprintf(text, sizeof text, "%.1f KB", static_cast<double>(bytes) / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  }
  return text;
}

json::object describe(const ModelFile& file, const ModelConfig& c, int64_t vocab,
                      const std::vector<ModelTensor>& tensors) {
  json::array list;
  for (const auto& t : tensors) {
    list.push_back({{"name", t.name},
                    {"type", t.format->name},
                    {"shape", json::value_from(t.shape)},
                    {"bytes", t.bytes.size()},
                    {"bits_per_weight", t.format->bits_per_weight(t.rows(), t.cols())}});
  }
  return {{"file", to_valid_utf8(file.name())},
          {"file_bytes", file.file_bytes()},
          {"container", file.container()},
          {"architecture", c.architecture},
          {"name", to_valid_utf8(c.name)},
          {"hidden_size", c.hidden_size},
          {"intermediate_size", c.intermediate_size},
          {"n_layers", c.n_layers},
          {"n_heads", c.n_heads},
          {"n_kv_heads", c.n_kv_heads},
          {"head_dim", c.head_dim},
          {"vocab_size", vocab},
          {"max_seq_len", c.max_seq_len},
          {"rope_theta", c.rope_theta},
          {"rms_norm_eps", c.rms_norm_eps},
          {"activations", act_name(c.act_quant)},
          {"tensors", std::move(list)}};
}

void inspect(const std::string& path, bool as_json, bool all) try {
  const ModelFile file = open_model_file(path);
  const auto& architecture = find_architecture(file.metadata().get_string("general.architecture"));
  ModelConfig c = architecture.read_config(file.metadata());
  const auto vocab = read_vocab(file.metadata());
  c.vocab_size = static_cast<int64_t>(vocab.tokens.size());
  check_config(c, architecture.name);
  const auto& tensors = file.tensors();
  if (as_json) {
    std::cout << json::serialize(describe(file, c, c.vocab_size, tensors)) << '\n';
    return;
  }
  std::map<std::string, Totals> by_type;
  Totals all_tensors;
  for (const auto& t : tensors) {
    for (Totals* totals : {&by_type[t.format->name], &all_tensors}) {
      totals->weights += count(t);
      totals->bytes += static_cast<int64_t>(t.bytes.size());
    }
  }
  std::printf("%s: %s, %s\n", file.name().c_str(), quote(c.name).c_str(),
              human(file.file_bytes()).c_str());
  std::printf(
      "  architecture  %s: %lld layers, hidden %lld, intermediate %lld, %lld heads (%lld kv)"
      " of %lld\n",
      c.architecture.c_str(), static_cast<long long>(c.n_layers),
      static_cast<long long>(c.hidden_size), static_cast<long long>(c.intermediate_size),
      static_cast<long long>(c.n_heads), static_cast<long long>(c.n_kv_heads),
      static_cast<long long>(c.head_dim));
  std::printf("  vocabulary    %lld tokens, pre-tokeniser %s\n",
              static_cast<long long>(c.vocab_size), quote(vocab.pre).c_str());
  std::printf("  context       %lld tokens\n", static_cast<long long>(c.max_seq_len));
  std::printf("  activations   %s\n", act_name(c.act_quant));
  for (const auto& [type, totals] : by_type) {
    std::printf("  %-8s %14lld weights %12s %7.3f bits/weight\n", type.c_str(),
                static_cast<long long>(totals.weights), human(totals.bytes).c_str(),
                8.0 * static_cast<double>(totals.bytes) / static_cast<double>(totals.weights));
  }
  std::printf("  %-8s %14lld weights %12s %7.3f bits/weight\n", "all",
              static_cast<long long>(all_tensors.weights), human(all_tensors.bytes).c_str(),
              8.0 * static_cast<double>(all_tensors.bytes) /
                  static_cast<double>(std::max<int64_t>(1, all_tensors.weights)));
  if (!all) return;
  for (const auto& t : tensors) {
    std::string shape;
    for (const int64_t d : t.shape) shape += (shape.empty() ? "" : " x ") + std::to_string(d);
    std::printf("  %-32s %-6s %-16s %12lld bytes %7.3f bits/weight\n", t.name.c_str(),
                t.format->name, shape.c_str(), static_cast<long long>(t.bytes.size()),
                t.format->bits_per_weight(t.rows(), t.cols()));
  }
} catch (const Error& e) {
  // Errors below the container do not know the file's name yet.
  const std::string what = e.what();
  const std::string name = path.empty() ? "default model" : path;
  throw Error(e.code(), what.find(name) == std::string::npos ? name + ": " + what : what);
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Flags {
    std::string model;
    bool json = false;
    bool summary = false;
  };
  auto flags = std::make_shared<Flags>();
  auto& c = *app.add_subcommand("inspect", "Show what is in a model file");
  add_model_argument(c, flags->model);
  c.add_flag("--json", flags->json, "One JSON object");
  c.add_flag("--summary", flags->summary, "Leave out the list of tensors");
  c.footer("Examples:\n  onebit inspect model.gguf\n  onebit inspect model.gguf --json");
  c.callback([flags] { inspect(flags->model, flags->json, !flags->summary); });
}

}  // namespace onebit
