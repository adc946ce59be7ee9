// A Hugging Face folder with good weights: what config.json and tokenizer.json can say wrong.
#include <algorithm>

#include "base/error.h"
#include "catalogue.h"
#include "io/safetensors_sample.h"
#include "safetensors_draft.h"

namespace onebit::malformed::folders {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string& model() {
  static const std::string bytes = [] {
    const SafetensorsImage image = tiny_safetensors();
    return testing::safetensors_bytes(image.header, image.data);
  }();
  return bytes;
}

Case with_config(std::string name, Expect expect, std::string config) {
  return {std::move(name), expect, hf_folder(model(), std::move(config))};
}

Case with_tokenizer(std::string name, Expect expect, std::string tokenizer) {
  return {std::move(name), expect,
          hf_folder(model(), json_object(tiny_config()), std::move(tokenizer))};
}

// `text` with its first `from` replaced.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ONEBIT_CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// What to expect of `key` in config.json with another value than in tiny_config().
Expect expectation(const std::string& key, const std::string& value) {
  struct Legal {
    const char* key;
    std::vector<std::string> values;
  };
  static const std::vector<Legal> kLegal = {
      {"max_position_embeddings", {"1", "7", "9", "65537", "2097152"}},
      {"rope_theta", {"1", "7", "9", "65537", "2097152", "2147483648"}},
      {"rms_norm_eps", {"0.5"}},
      {"head_dim", {"null"}},
  };
  // Read in one place of many, or only if another key is absent.
  static const std::vector<std::string> kLenient = {"model_type", "rope_scaling", "torch_dtype"};
  for (const Legal& legal : kLegal) {
    if (key == legal.key && std::ranges::find(legal.values, value) != legal.values.end()) {
      return Expect::kAccept;
    }
  }
  const bool is_lenient = std::ranges::find(kLenient, key) != kLenient.end() || value == "null" ||
                          (key == "architectures" && value == "[]") ||
                          (key == "rope_theta" && value == "18446744073709551615");
  return is_lenient ? Expect::kEither : Expect::kReject;
}

}  // namespace

Cases configs() {
  const Fields fields = tiny_config();
  const std::string whole = json_object(fields);
  Cases cases = {with_config("as it is", Expect::kAccept, whole)};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    cases.push_back(
        with_config("cut to " + std::to_string(size), Expect::kReject, whole.substr(0, size)));
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& [key, original] = fields[i];
    for (const char* value : {"0",
                              "-1",
                              "1",
                              "7",
                              "9",
                              "0.5",
                              "1e18",
                              "65537",
                              "2097152",
                              "2147483648",
                              "9223372036854775807",
                              "18446744073709551615",
                              "1e400",
                              "null",
                              "\"8\"",
                              "[8]",
                              "{}",
                              "[]",
                              "true",
                              "\"\""}) {
      if (original == value) continue;
      Fields edited = fields;
      edited[i].second = value;
      cases.push_back(
          with_config(key + " = " + value, expectation(key, value), json_object(edited)));
    }
    Fields edited = fields;
    edited.push_back(fields[i]);
    cases.push_back(with_config(key + " twice", Expect::kReject, json_object(edited)));
  }
  for (const char* text : {"", "[]", "null", "{}", "not JSON", "\xff", "\xef\xbb\xbf{}"}) {
    cases.push_back(with_config("config.json: " + quote(text), Expect::kReject, text));
  }
  for (const char* rest : {R"("quantization_config": {"quant_method": "gptq"})",
                           R"("quantization_config": {"quant_method": 1})",
                           R"("quantization_config": {"quant_method": "bitnet",
                              "linear_class": "x"})",
                           R"("quantization_config": "bitnet")", R"("quantization_config": {})",
                           R"("rope_parameters": {"rope_type": "x"})"}) {
    cases.push_back(
        with_config(rest, Expect::kReject, replaced(whole, "{", "{" + std::string(rest) + ",")));
  }
  for (const char* scaling :
       {R"({"rope_type": "yarn", "factor": 2})", R"({"rope_type": "linear"})",
        R"({"rope_type": "linear", "factor": 0})", R"({"rope_type": "linear", "factor": "x"})",
        R"({"rope_type": "llama3", "factor": 8})", "[]", "\"linear\""}) {
    cases.push_back(with_config(
        std::string("rope_scaling ") + scaling, Expect::kReject,
        replaced(whole, "\"rope_scaling\": null", "\"rope_scaling\": " + std::string(scaling))));
  }
  return cases;
}

Cases tokenizers() {
  const std::string whole = tiny_tokenizer();
  Cases cases = {with_tokenizer("as it is", Expect::kAccept, whole)};
  for (std::size_t size = 0; size < whole.size(); ++size) {
    cases.push_back(
        with_tokenizer("cut to " + std::to_string(size), Expect::kReject, whole.substr(0, size)));
  }
  const auto replace = [&](const std::string& from, const std::vector<std::string>& values) {
    for (const std::string& to : values) {
      cases.push_back(
          with_tokenizer(from + " -> " + quote(to), Expect::kReject, replaced(whole, from, to)));
    }
  };
  replace("{\"a\": 0, \"b\": 1, \"ab\": 2}",
          {"{}", "[]", "null", "{\"a\": 0, \"b\": 1}", "{\"a\": 0, \"b\": 0, \"ab\": 2}",
           "{\"a\": 0, \"b\": 1, \"ab\": -1}", "{\"a\": 0, \"b\": 1, \"ab\": 2097152}",
           "{\"a\": 0, \"b\": 1, \"ab\": 2000000}", "{\"a\": 0, \"b\": 1, \"ab\": 1e3}",
           "{\"a\": 0, \"b\": 1, \"ab\": \"2\"}", "{\"a\": 0, \"b\": 1, \"ab\": 3}",
           "{\"a\": 0, \"a\": 1, \"ab\": 2}", "{\"a\": 0, \"b\": 1, \"ab\": 9223372036854775807}",
           "{\"a\": 0, \"b\": 1, \"ab\": 2, \"c\": 6}"});
  replace("[\"a b\"]", {"[\"a\"]", "[\"a c\"]", "[\"c a\"]", "[\"b a\"]", "[\"a  b\"]", "[[\"a\"]]",
                        "[[\"a\", \"b\", \"a\"]]", "[[1, 2]]", "[1]", "{}", "\"a b\"", "[\"\"]",
                        "[\" \"]", "[null]"});
  replace("\"BPE\"", {"\"Unigram\"", "\"WordPiece\"", "\"\"", "1", "[]"});
  replace("\"model\"", {"\"x\"", "\"added_tokens\""});
  replace("\"id\": 3",
          {"\"id\": -1", "\"id\": 2", "\"id\": 4", "\"id\": 2097152", "\"id\": 1000000",
           "\"id\": 4294967299", "\"id\": \"3\"", "\"id\": null", "\"id\": 3.5", "\"x\": 3"});
  replace("\"<s>\"", {"1", "null", "\"</s>\"", "\"a\"", "[]"});
  replace("{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}",
          {"null", "{}", "[]", "1", "{\"type\": \"Whitespace\"}",
           "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}",
           "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a+)+$\"}}",
           "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": "
           "{\"Regex\": \"(a+)+$\"}, \"behavior\": \"Isolated\", \"invert\": false}, "
           "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}"});
  replace("\"normalizer\": null",
          {"\"normalizer\": {\"type\": \"Lowercase\"}", "\"normalizer\": 1", "\"normalizer\": {}"});
  for (const std::string& text :
       {std::string("{}"), std::string("[]"), std::string("null"), std::string("\xff"),
        std::string(100000, '['), std::string(2000, '{')}) {
    cases.push_back(with_tokenizer("tokenizer.json: " + quote(text, 20), Expect::kReject, text));
  }
  return cases;
}

}  // namespace onebit::malformed::folders
