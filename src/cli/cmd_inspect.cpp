#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "cli/cli.h"
#include "models/loader.h"
#include "text/stream_decoder.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

namespace json = boost::json;

struct Flags {
  std::string model;
  OpenOptions open;
  bool json = false;
  bool summary = false;
};

// What there is to know of a model beside its tensors. Its parts are absent where this build does
// not run the model; `reason` tells why.
struct Model {
  std::optional<Vocab> vocab;
  std::optional<ModelConfig> config;
  std::string reason;
  std::vector<std::string> quirks;
};

Model read_model(const ModelFile& file) {
  Model model;
  model.quirks = file.quirks();
  try {
    model.vocab = read_vocab(file.metadata());
    model.config = load_config(file, static_cast<int64_t>(model.vocab->tokens.size()));
    model.quirks.insert(model.quirks.end(), model.config->quirks.begin(),
                        model.config->quirks.end());
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kUnsupported) throw;
    model.reason = e.what();
  }
  return model;
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

// What becomes of the values at load; empty: they are used as they are.
std::string treatment(const ModelTensor& t) {
  if (t.at_load == AtLoad::kTernary) return "ternary at load (absmean)";
  if (t.at_load == AtLoad::kGroups128) return "groups of 128 at load";
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

json::array describe_tensors(const ModelFile& file) {
  json::array list;
  for (const ModelTensor& t : file.tensors()) {
    json::object tensor = {{"name", t.name},
                           {"type", t.format->name},
                           {"shape", json::value_from(t.shape)},
                           {"bytes", t.bytes.size()},
                           {"bits_per_weight", t.format->bits_per_weight(t.rows(), t.cols())}};
    if (const std::string at_load = treatment(t); !at_load.empty()) tensor["at_load"] = at_load;
    if (t.scale != 1) tensor["scale"] = t.scale;
    if (t.interleaved_heads > 0) tensor["interleaved_heads"] = t.interleaved_heads;
    list.push_back(std::move(tensor));
  }
  return list;
}

void print_json(const ModelFile& file, const Model& model) {
  const GgufMetadata& metadata = file.metadata();
  json::object o = {
      {"file", to_valid_utf8(file.name())},
      {"file_bytes", file.file_bytes()},
      {"container", file.container()},
      {"architecture", metadata.get_string_or("general.architecture", "")},
      {"name", to_valid_utf8(metadata.get_string_or("general.name", ""))},
      {"runs", model.config.has_value()},
  };
  if (!model.reason.empty()) o["reason"] = to_valid_utf8(model.reason);
  if (model.config) {
    const ModelConfig& c = *model.config;
    for (const auto& [key, value] : {std::pair{"hidden_size", c.hidden_size},
                                     {"intermediate_size", c.intermediate_size},
                                     {"n_layers", c.n_layers},
                                     {"n_heads", c.n_heads},
                                     {"n_kv_heads", c.n_kv_heads},
                                     {"head_dim", c.head_dim},
                                     {"vocab_size", c.vocab_size},
                                     {"max_seq_len", c.max_seq_len}}) {
      o[key] = value;
    }
    o["rope_theta"] = c.rope_theta;
    o["rms_norm_eps"] = c.rms_norm_eps;
    o["activations"] = act_name(c.act_quant);
  }
  o["quirks"] = json::value_from(model.quirks);
  o["tensors"] = describe_tensors(file);
  std::cout << json::serialize(o) << '\n';
}

struct Totals {
  int64_t weights = 0;
  int64_t bytes = 0;
};

void print_totals(const std::string& type, const Totals& totals) {
  std::printf("  %-9s %14lld weights %12s %7.3f bits/weight\n", type.c_str(),
              static_cast<long long>(totals.weights), human(totals.bytes).c_str(),
              8.0 * static_cast<double>(totals.bytes) /
                  static_cast<double>(std::max<int64_t>(1, totals.weights)));
}

void print_header(const ModelFile& file, const Model& model) {
  const GgufMetadata& metadata = file.metadata();
  const std::string architecture = metadata.get_string_or("general.architecture", "");
  std::printf("%s: %s, %s, %s\n", file.name().c_str(),
              quote(metadata.get_string_or("general.name", "")).c_str(),
              human(file.file_bytes()).c_str(), file.container().c_str());
  if (!model.config) {
    std::printf("  architecture  %s\n", quote(architecture).c_str());
    std::printf("  does not run  %s\n", model.reason.c_str());
  } else {
    const ModelConfig& c = *model.config;
    std::printf(
        "  architecture  %s: %lld layers, hidden %lld, intermediate %lld, %lld heads (%lld kv) of "
        "%lld\n",
        c.architecture.c_str(), static_cast<long long>(c.n_layers),
        static_cast<long long>(c.hidden_size), static_cast<long long>(c.intermediate_size),
        static_cast<long long>(c.n_heads), static_cast<long long>(c.n_kv_heads),
        static_cast<long long>(c.head_dim));
    std::printf("  context       %lld tokens\n", static_cast<long long>(c.max_seq_len));
    std::printf("  activations   %s\n", act_name(c.act_quant));
  }
  if (model.vocab) {
    std::printf("  vocabulary    %zu tokens, pre-tokeniser %s\n", model.vocab->tokens.size(),
                quote(model.vocab->pre).c_str());
  }
  for (const std::string& quirk : model.quirks) std::printf("  quirk         %s\n", quirk.c_str());
}

// A name from the file, safe for a terminal.
std::string printable(const std::string& name) {
  const std::string quoted = quote(name, 127);
  return quoted.substr(1, quoted.size() - 2);
}

void print_tensor(const ModelTensor& t) {
  std::string shape;
  for (const int64_t d : t.shape) shape += (shape.empty() ? "" : " x ") + std::to_string(d);
  std::string notes = treatment(t);
  if (t.scale != 1) notes += (notes.empty() ? "times " : ", times ") + std::to_string(t.scale);
  std::printf("  %-32s %-9s %-16s %12zu bytes %7.3f bits/weight%s%s\n", printable(t.name).c_str(),
              t.format->name, shape.c_str(), t.bytes.size(),
              t.format->bits_per_weight(t.rows(), t.cols()), notes.empty() ? "" : "; ",
              notes.c_str());
}

void inspect(const Flags& flags) try {
  const ModelFile file = open_model_file(flags.model, flags.open);
  const Model model = read_model(file);
  if (flags.json) return print_json(file, model);
  print_header(file, model);
  std::map<std::string, Totals> by_type;
  Totals all;
  for (const ModelTensor& t : file.tensors()) {
    for (Totals* totals : {&by_type[t.format->name], &all}) {
      totals->weights += t.rows() * t.cols();
      totals->bytes += static_cast<int64_t>(t.bytes.size());
    }
  }
  for (const auto& [type, totals] : by_type) print_totals(type, totals);
  print_totals("all", all);
  if (flags.summary) return;
  for (const ModelTensor& t : file.tensors()) print_tensor(t);
} catch (const Error& e) {
  // Errors below the container do not know the file's name yet.
  const std::string what = e.what();
  const std::string name = flags.model.empty() ? "default model" : flags.model;
  throw Error(e.code(), what.find(name) == std::string::npos ? name + ": " + what : what);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  auto& c = *app.add_subcommand("inspect", "Show what is in a model");
  add_model_argument(c, flags->model);
  c.add_flag("--json", flags->json, "One JSON object");
  c.add_flag("--summary", flags->summary, "Leave out the list of tensors");
  add_open_flags(c, flags->open);
  c.footer(
      "Examples:\n"
      "  onebit inspect model.gguf --summary\n"
      "  onebit inspect bitnet-b1.58-2B-4T/      a Hugging Face folder\n"
      "  onebit inspect model.gguf --json\n"
      "Quirks are oddities of the files, with how they are treated. Models that this build does "
      "not\n"
      "run are shown too.");
  c.callback([flags] { inspect(*flags); });
}

}  // namespace onebit
