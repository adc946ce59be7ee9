#include "io/json_file.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "io/allocation_count.h"
#include "io/safetensors_sample.h"

namespace onebit {
namespace {

using testing::allocated_bytes;
using testing::error_of;

constexpr std::string_view kSample = R"({
  "architectures": ["LlamaForCausalLM"],
  "vocab_size": 300, "rope_theta": 1e4, "rms_norm_eps": 1.0E-5,
  "tie": true, "none": null, "big": 18446744073709551615, "low": -9223372036854775808,
  "quantization_config": {"quant_method": "bitnet", "modules": [{"a": 1}, {"a": [2, "é\n\u00e9"]}]}
})";

std::string refusal(std::string_view text) {
  const std::string message = error_of([&] { parse_json(text, "FILE"); });
  EXPECT_TRUE(message.starts_with("FILE: line ")) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message.substr(message.find(' ') + 1);
}

TEST(JsonFile, Values) {
  const boost::json::value value = parse_json(kSample, "FILE");
  const boost::json::object& root = value.as_object();
  EXPECT_EQ(root.begin()->key(), "architectures");
  EXPECT_EQ(root.at("vocab_size").as_int64(), 300);
  EXPECT_EQ(root.at("rope_theta").as_double(), 1e4);
  EXPECT_EQ(root.at("rms_norm_eps").as_double(), 1e-5);
  EXPECT_TRUE(root.at("tie").as_bool());
  EXPECT_TRUE(root.at("none").is_null());
  EXPECT_EQ(root.at("big").as_uint64(), ~uint64_t{0});
  EXPECT_EQ(root.at("low").as_int64(), std::numeric_limits<int64_t>::min());
  const auto& modules = root.at("quantization_config").as_object().at("modules").as_array();
  EXPECT_EQ(modules[1].as_object().at("a").as_array()[1].as_string(), "é\né");
  EXPECT_EQ(parse_json(" 7 ", "FILE").as_int64(), 7);
}

TEST(JsonFile, DuplicateKeys) {
  EXPECT_EQ(refusal("{\"a\":1,\"a\":1}"),
            "line 1, column 10: key 'a': expected a new key, found a duplicate");
  EXPECT_EQ(refusal("{\"b\":[{}, {\n  \"k\\u0061\":{\"ka\":0},\n  \"ka\":1}]}"),
            "line 3, column 6: key 'ka': expected a new key, found a duplicate");
  EXPECT_EQ(parse_json(R"([{"a":{"a":{"a":0}}},{"a":0}])", "FILE").as_array().size(), 2u);
}

TEST(JsonFile, Numbers) {
  EXPECT_EQ(refusal("[1e999]"), "line 1, column 7: expected a finite number, found '1e999'");
  EXPECT_NE(refusal("[-1e309]").find("expected a finite number"), std::string::npos);
  EXPECT_EQ(refusal("[\n18446744073709551616]"),
            "line 2, column 21: expected an integer of at most 64 bits, found "
            "'18446744073709551616'");
  EXPECT_NE(refusal("-9223372036854775809").find("at most 64 bits"), std::string::npos);
  for (const char* bad :
       {"NaN", "Infinity", "-", "01", "1.", ".5", "0x1", "+1", "1e", "1e99999999999"})
    refusal(bad);
}

TEST(JsonFile, NotJson) {
  EXPECT_EQ(refusal(""), "line 1, column 1: incomplete JSON");
  EXPECT_EQ(refusal("{\n \"a\": }"), "line 2, column 7: syntax error");
  EXPECT_EQ(refusal("{} x"), "line 1, column 4: extra data");
  for (const std::string_view bad : {std::string_view("[1,]"),
                                     {"{\"a\":1,}"},
                                     {"[1] // c"},
                                     {"/**/1"},
                                     {"'a'"},
                                     {"{a:1}"},
                                     {"\xef\xbb\xbf{}"},
                                     {"\"\xff\""},
                                     {"\"\xc0\x80\""},
                                     {"\"\xed\xa0\x80\""},
                                     {"\"\\ud800\""},
                                     {"\"\\udc00\""},
                                     {"\"\n\""},
                                     {"\"\\x\""},
                                     {"[1 2]"},
                                     {"tru"},
                                     {"1\0", 2},
                                     {"\"\0\"", 3}}) {
    refusal(bad);
  }
}

TEST(JsonFile, Depth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  parse_json(nested(kMaxJsonDepth), "FILE");
  EXPECT_EQ(refusal(nested(kMaxJsonDepth + 1)), "line 1, column 65: too deep");
  refusal(std::string(1 << 20, '['));
  std::string objects;
  for (int i = 0; i < 1 << 18; ++i) objects += "{\"a\":";
  refusal(objects);
}

TEST(JsonFile, EveryTruncationAndBitFlipEndsInAValueOrOneLine) {
  for (std::size_t n = 0; n < kSample.size(); ++n) refusal(kSample.substr(0, n));
  Rng rng(1);
  for (std::size_t at = 0; at < 8 * kSample.size() + 20000; ++at) {
    std::string text(kSample);
    if (at < 8 * text.size()) {
      text[at / 8] = static_cast<char>(text[at / 8] ^ 1 << at % 8);
    } else {
      const auto from = kSample.substr(rng.below(text.size()), rng.below(30));
      text.replace(rng.below(text.size()), rng.below(30), from);
    }
    const std::string message = error_of([&] { parse_json(text, "FILE"); });
    EXPECT_TRUE(message == "no error" || message.starts_with("FILE: line ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 500u) << message;
  }
}

// All requests summed, which is twice what is held at once: the header speaks of that.
TEST(JsonFile, MemoryIsABoundedMultipleOfTheText) {
  std::string zeros = "[0";
  std::string objects = "[{}";
  std::string keys = "{\"0\":0";
  for (int i = 1; i < 1 << 18; ++i) {
    zeros += ",0";
    objects += ",{}";
    keys += ",\"" + std::to_string(i) + "\":0";
  }
  for (const std::string& text : {zeros + "]", objects + "]", keys + "}", std::string(1 << 20, '['),
                                  "\"" + std::string(1 << 20, 'x') + "\""}) {
    const int64_t before = allocated_bytes();
    error_of([&] { parse_json(text, "FILE"); });
    EXPECT_LE(allocated_bytes() - before, 60 * static_cast<int64_t>(text.size()))
        << text[0] << text[1];
  }
}

TEST(JsonFile, Files) {
  constexpr int64_t kMax = 100;
  const testing::TemporaryFolder folder("json");
  testing::write_text(folder / "f", "{\"a\": 1}");
  EXPECT_EQ(read_json(folder / "f", kMax).as_object().at("a").as_int64(), 1);
  EXPECT_EQ(read_json(folder / "f", 8).as_object().size(), 1u);
  const std::string path = (folder / "f").string();
  EXPECT_EQ(error_of([&] { read_json(folder / "f", 7); }),
            path + ": size: expected at most 7 bytes, found 8");
  EXPECT_EQ(error_of([&] { read_json(folder / "none", kMax); }),
            "cannot open " + (folder / "none").string() + ": No such file or directory");
  EXPECT_EQ(error_of([&] { read_json(folder / "", kMax); }),
            "cannot read " + (folder / "").string() + ": not a regular file");
  testing::write_text(folder / "f", "");
  EXPECT_EQ(error_of([&] { read_json(folder / "f", kMax); }),
            path + ": line 1, column 1: incomplete JSON");
}

}  // namespace
}  // namespace onebit
