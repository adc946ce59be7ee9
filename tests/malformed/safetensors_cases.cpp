// A Hugging Face folder whose weights are damaged: bytes cut off, numbers exchanged, JSON that says
// something else, shards that are not there.
#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/error.h"
#include "catalogue.h"
#include "io/safetensors_sample.h"
#include "safetensors_draft.h"

namespace onebit::malformed::safetensors {
namespace {

using testing::safetensors_bytes;

class FileEditor {
 public:
  void add(std::string name, Expect expect, std::string model) {
    cases_.push_back({std::move(name), expect, hf_folder(std::move(model))});
  }
  // The file with `from` in its header replaced by `to`, at its first place.
  void replace(const std::string& name, const std::string& from, const std::string& to,
               Expect expect = Expect::kReject) {
    const std::size_t at = file_.header.find(from);
    ONEBIT_CHECK(at != std::string::npos);
    add(name, expect,
        safetensors_bytes(std::string(file_.header).replace(at, from.size(), to), file_.data));
  }
  void header(const std::string& name, const std::string& text) {
    add(name, Expect::kReject, safetensors_bytes(text, file_.data));
  }
  const SafetensorsImage& file() const { return file_; }
  Cases release() { return std::move(cases_); }

 private:
  SafetensorsImage file_ = tiny_safetensors();
  Cases cases_;
};

// {"k": "v", ...} as the metadata of the file.
std::string with_metadata(const std::string& header, const std::string& metadata) {
  return "{\"__metadata__\":" + metadata + "," + header.substr(1);
}

}  // namespace

Cases truncations() {
  FileEditor cases;
  const std::string whole = safetensors_bytes(cases.file().header, cases.file().data);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    cases.add("cut to " + std::to_string(size), Expect::kReject, whole.substr(0, size));
  }
  for (const int more : {1, 2, 7, 8, 32, 4096}) {
    cases.add(std::to_string(more) + " bytes behind", Expect::kReject,
              whole + std::string(static_cast<std::size_t>(more), '\0'));
  }
  return cases.release();
}

Cases header_integers() {
  const char* values[] = {"0",
                          "1",
                          "2147483647",
                          "2147483648",
                          "2147483649",
                          "4294967295",
                          "4294967296",
                          "4294967297",
                          "4611686018427387904",
                          "9223372036854775806",
                          "9223372036854775807",
                          "9223372036854775808",
                          "18446744073709551614",
                          "18446744073709551615",
                          "18446744073709551616",
                          "-1",
                          "-0",
                          "1e400",
                          "1.5",
                          "8.0",
                          "\"8\"",
                          "null",
                          "[8]",
                          "{}"};
  FileEditor cases;
  const std::string& header = cases.file().header;
  bool in_string = false;
  for (std::size_t at = 0; at < header.size(); ++at) {
    if (header[at] == '"') in_string = !in_string;
    if (in_string || !std::isdigit(static_cast<unsigned char>(header[at]))) continue;
    const std::size_t size = header.find_first_not_of("0123456789", at) - at;
    for (const char* value : values) {
      if (header.compare(at, size, value) == 0) continue;
      // Minus nothing is nothing: a begin of 0 stays what it was.
      const bool legal = std::strcmp(value, "-0") == 0 && header.compare(at, size, "0") == 0;
      cases.add("number at " + std::to_string(at) + " = " + value,
                legal ? Expect::kEither : Expect::kReject,
                safetensors_bytes(std::string(header).replace(at, size, value), cases.file().data));
    }
    at += size - 1;
  }
  const uint64_t n = header.size();
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, n - 1, n + 1, n + 8, uint64_t{100'000'000}, uint64_t{100'000'001},
        uint64_t{0x7fffffff}, uint64_t{0x80000000}, uint64_t{0x80000001}, uint64_t{0xffffffff},
        uint64_t{1} << 32, (uint64_t{1} << 32) + n, uint64_t{1} << 62, ~uint64_t{0} >> 1,
        uint64_t{1} << 63, ~uint64_t{0} - 8, ~uint64_t{0} - 7, ~uint64_t{0}}) {
    cases.add("header length " + std::to_string(length), Expect::kReject,
              testing::RawBytes().put(length).text(header).text(cases.file().data).bytes);
  }
  return cases.release();
}

Cases headers() {
  FileEditor cases;
  const std::string& header = cases.file().header;
  for (const std::string start : {" ", "\n", "[", "\xef\xbb\xbf", "x", ""}) {
    cases.header("header begins with " + quote(start),
                 start.empty() ? header.substr(1) : start + header);
  }
  for (const char* end : {"{}", ",", "}", "x", "\xff"}) {
    cases.header("behind the header " + quote(end), header + end);
  }
  cases.add("spaces behind the header", Expect::kAccept,
            safetensors_bytes(header + std::string(8, ' '), cases.file().data));
  cases.header("an array", "[" + header + "]");
  cases.header("nothing", "{}");
  cases.header("not JSON", std::string(header.size(), 'x'));
  cases.header("not UTF-8", with_metadata(header, "{\"k\":\"\xff\"}"));
  cases.header("an escaped half of a character", with_metadata(header, "{\"k\":\"\\ud800\"}"));
  cases.header("100000 arrays deep", "{\"a\":" + std::string(100000, '['));
  cases.header("100000 objects deep", [] {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += "{\"a\":";
    return text;
  }());
  for (const char* metadata :
       {"null", "1", "\"text\"", "[]", "{\"k\":1}", "{\"k\":null}", "{\"k\":{}}", "{\"k\":[\"v\"]}",
        "{\"k\":true}", "{\"k\":\"v\",\"k\":\"v\"}", "{},\"__metadata__\":{}"}) {
    cases.header(std::string("metadata ") + metadata, with_metadata(header, metadata));
  }
  cases.add("metadata of strings", Expect::kAccept,
            safetensors_bytes(with_metadata(header, "{\"format\":\"pt\"}"), cases.file().data));
  for (const char* dtype : {"", "f32", "F4", "Q9", "F32 ", "float32", "BOOL", "U8", "I8", "F64",
                            "BF16", "C64", "F8_E4M3"}) {
    cases.replace(std::string("dtype ") + dtype, "\"F32\"", "\"" + std::string(dtype) + "\"");
  }
  for (const char* value : {"1", "null", "[]", "{}", "true", "[\"F32\"]"}) {
    cases.replace(std::string("dtype is ") + value, "\"F32\"", value);
  }
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    const std::string quoted = "\"" + std::string(key) + "\"";
    cases.replace("no " + quoted, quoted, "\"x\"");
    cases.replace(quoted + " escaped and again", quoted + ":",
                  quoted + ":[0,0],\"\\u00" + (key[0] == 'd' && key[1] == 't' ? "64" : "73") +
                      std::string(key + 1) + "\":");
  }
  for (const char* shape :
       {"[]", "[0]", "[6]", "[48]", "[8,6]", "[6,8,1,1,1,1,1,1,1]", "[6,-8]",
        "[2147483648,8589934592]", "[4294967296,4294967296]", "[4611686018427387904,4]",
        "[9223372036854775807,2]", "[6,[8]]", "\"6,8\"", "{\"0\":6}", "6"}) {
    cases.replace(std::string("shape ") + shape, "[6,8]", shape);
  }
  for (const char* offsets :
       {"[]", "[0]", "[0,192,192]", "[192,0]", "[0,191]", "[0,193]", "[1,193]", "[32,224]",
        "[-192,0]", "[0.0,192.0]", "[\"0\",\"192\"]", "[18446744073709551424,0]",
        "[9223372036854775615,9223372036854775807]"}) {
    cases.replace(std::string("offsets ") + offsets, "[0,192]", offsets);
  }
  const auto& tensors = cases.file().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    cases.replace(tensors[i].name + " becomes its neighbour", "\"" + tensors[i].name + "\"",
                  "\"" + tensors[(i + 1) % tensors.size()].name + "\"");
    auto edited = tensors;
    edited.erase(edited.begin() + static_cast<std::ptrdiff_t>(i));
    const SafetensorsImage without = safetensors_image(edited);
    cases.add("no " + tensors[i].name, Expect::kReject,
              safetensors_bytes(without.header, without.data));
    edited = tensors;
    edited[i].data.resize(edited[i].data.size() + 8);
    const SafetensorsImage hole = safetensors_image(edited);
    cases.add("a hole behind " + tensors[i].name, Expect::kReject,
              safetensors_bytes(header, hole.data));
    cases.add("8 bytes more than the shape of " + tensors[i].name, Expect::kReject,
              safetensors_bytes(hole.header, hole.data));
    edited = tensors;
    std::reverse(edited[i].shape.begin(), edited[i].shape.end());
    edited[i].shape.push_back(2);
    edited[i].data += edited[i].data;
    const SafetensorsImage twice = safetensors_image(edited);
    cases.add("another shape of " + tensors[i].name, Expect::kReject,
              safetensors_bytes(twice.header, twice.data));
  }
  for (const std::string& name : {std::string(), std::string(128, 'n'), std::string("a\\u0000b")}) {
    cases.replace("a tensor named " + quote(name, 20), "\"" + tensors[0].name + "\"",
                  "\"" + name + "\"");
  }
  return cases.release();
}

Cases indexes() {
  const SafetensorsImage image = tiny_safetensors();
  const std::string model = safetensors_bytes(image.header, image.data);
  Cases cases;
  const auto add = [&](const std::string& name, Expect expect, const std::string& index) {
    auto files = hf_folder(model);
    files[0].first = "shard.safetensors";  // what the index has to name
    files.push_back({"model.safetensors.index.json", index});
    cases.push_back({name, expect, std::move(files)});
  };
  const auto map_to = [&](const std::string& shard) {
    std::string map;
    for (const auto& tensor : image.tensors) {
      map += (map.empty() ? "" : ",") + ("\"" + tensor.name + "\":\"") + shard + "\"";
    }
    return map;
  };
  const auto index = [](const std::string& map) { return "{\"weight_map\":{" + map + "}}"; };
  const std::string good = map_to("shard.safetensors");
  add("a good index", Expect::kAccept, index(good));
  for (const char* shard :
       {"", ".", "..", "../shard.safetensors", "./shard.safetensors", "a/shard.safetensors",
        "/etc/passwd", "/proc/self/mem", "..\\\\shard.safetensors", "shard.safetensors\\u0000",
        "none.safetensors", "config.json", "model.safetensors.index.json", "SHARD.safetensors",
        "shard.safetensors ", "%2e%2e/shard", "~/shard", "file:///etc/passwd"}) {
    add(std::string("shard ") + quote(shard), Expect::kReject, index(map_to(shard)));
    add(std::string("one of two shards ") + quote(shard), Expect::kReject,
        index(good + ",\"more\":\"" + shard + "\""));
  }
  add("shard of 256 bytes", Expect::kReject, index(map_to(std::string(256, 's'))));
  add("one entry too many", Expect::kReject, index(good + ",\"more\":\"shard.safetensors\""));
  add("one entry too few", Expect::kReject, index(good.substr(good.find(',') + 1)));
  add("an entry twice", Expect::kReject, index(good + "," + good.substr(0, good.find(','))));
  for (const char* text :
       {"", "{}", "[]", "null", "{", "{\"weight_map\":null}", "{\"weight_map\":[]}",
        "{\"weight_map\":{}}", "{\"weight_map\":{\"a\":1}}", "{\"weight_map\":{\"a\":null}}",
        "{\"weight_map\":\"shard.safetensors\"}", "\xff"}) {
    add(std::string("index ") + quote(text), Expect::kReject, text);
  }
  add("an index 100000 arrays deep", Expect::kReject,
      "{\"metadata\":" + std::string(100000, '[') + "}");
  add("totals that lie", Expect::kAccept,
      "{\"metadata\":{\"total_size\":-1},\"weight_map\":{" + good + "}}");
  return cases;
}

}  // namespace onebit::malformed::safetensors
