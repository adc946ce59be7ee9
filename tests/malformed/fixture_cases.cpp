// The damaged files of tests/golden/malformed: made by others, from segments of good files.
#include <map>

#include "base/file.h"
#include "catalogue.h"
#include "io/gguf_sample.h"
#include "io/json_file.h"

namespace onebit::malformed::fixtures {
namespace {

const std::string kFolder = std::string(ONEBIT_SOURCE_DIR) + "/tests/golden/malformed/";

const std::string& base_file(const std::string& name) {
  static std::map<std::string, std::string> files;
  const auto [entry, is_new] = files.try_emplace(name);
  if (is_new) entry->second = testing::read_text(kFolder + name);
  return entry->second;
}

const boost::json::object& document() {
  static const boost::json::value root = read_json(kFolder + "malformed.json", 1 << 20);
  return root.get_object();
}

std::string text_of(const boost::json::value& object, const char* key) {
  const auto& text = object.at(key).get_string();
  return {text.begin(), text.end()};
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string assemble(const boost::json::value& c) {
  std::string bytes;
  for (const boost::json::value& segment : c.at("segments").get_array()) {
    const auto& parts = segment.get_array();
    if (parts[0].get_string() == "c") {
      bytes += base_file(text_of(c, "base"))
                   .substr(parts[1].to_number<std::size_t>(), parts[2].to_number<std::size_t>());
    } else {
      bytes += from_hex(parts[1].get_string());
    }
  }
  ONEBIT_CHECK(bytes.size() == c.at("size").to_number<std::size_t>());
  return bytes;
}

Expect expect_of(const boost::json::value& c) {
  return c.at("expect").get_string() == "reject" ? Expect::kReject : Expect::kEither;
}

// A vocabulary for the 300 tokens of base.safetensors, which came without one.
std::string tokenizer() {
  std::string vocab;
  for (int id = 0; id < 300; ++id) {
    const std::string n = std::to_string(id);
    vocab += (id == 0 ? "\"t" : ", \"t") + n + "\": " + n;
  }
  return R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
"model": {"type": "BPE", "merges": [], "vocab": {)" +
         vocab + "}}}";
}

}  // namespace

Cases gguf_files() {
  Cases cases;
  for (const char* base : {"base-f16.gguf", "base-tq2_0.gguf", "base-i2_s.gguf"}) {
    cases.push_back({base, Expect::kAccept, {{"model.gguf", base_file(base)}}});
  }
  for (const boost::json::value& c : document().at("cases").get_array()) {
    if (text_of(c, "format") != "gguf") continue;
    cases.push_back({text_of(c, "name"), expect_of(c), {{"model.gguf", assemble(c)}}});
  }
  return cases;
}

Cases folders() {
  Cases cases;
  const auto add = [&](const std::string& name, Expect expect, std::string model,
                       std::string config) {
    cases.push_back({name,
                     expect,
                     {{"model.safetensors", std::move(model)},
                      {"config.json", std::move(config)},
                      {"tokenizer.json", tokenizer()}}});
  };
  add("base", Expect::kAccept, base_file("base.safetensors"), base_file("base.config.json"));
  for (const boost::json::value& c : document().at("cases").get_array()) {
    if (text_of(c, "format") == "gguf") continue;
    add(text_of(c, "name"), expect_of(c), assemble(c), base_file("base.config.json"));
  }
  for (const boost::json::value& c : document().at("config_json_variants").get_array()) {
    add("config " + text_of(c, "name"), expect_of(c), base_file("base.safetensors"),
        text_of(c, "text"));
  }
  return cases;
}

}  // namespace onebit::malformed::fixtures
