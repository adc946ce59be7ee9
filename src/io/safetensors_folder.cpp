#include <boost/json/object.hpp>
#include <set>

#include "base/error.h"
#include "io/json_file.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace onebit {
namespace {

constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr int64_t kMaxIndexBytes = int64_t{8} << 20;  // 65,536 tensors of 128 bytes an entry

[[noreturn]] void refuse(const std::string& file, const std::string& field,
                         const std::string& expected, const std::string& found) {
  throw Error(ErrorCode::kInvalidFile,
              file + ": " + field + ": expected " + expected + ", found " + found);
}

// False also if the system will not say.
bool is_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

// The index comes from the network: a shard is a file of the model's folder, whatever it says.
bool is_plain_file_name(std::string_view name) {
  constexpr std::size_t kMaxFileName = 255;
  return !name.empty() && name.size() <= kMaxFileName && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

// {"metadata": {"total_size": ...}, "weight_map": {tensor: shard...}}. The total is not compared:
// writers disagree on whether tied tensors count, and the shards' own headers are exact.
class Index {
 public:
  explicit Index(const std::filesystem::path& path)
      : name_(path.string()),
        root_(read_json(path, kMaxIndexBytes)),
        weight_map_(find_weight_map()) {
    for (const auto& [tensor, shard] : weight_map_) {
      const std::string field = "weight_map: " + quote(tensor, safetensors::kMaxNameBytes);
      if (!shard.is_string()) refuse(name_, field, "a string", "another type");
      const boost::json::string& text = shard.get_string();
      if (!is_plain_file_name(text)) refuse(name_, field, "a plain file name", quote(text));
      shards_.emplace(text);
    }
  }

  Index(const Index&) = delete;  // weight_map_ refers to a member
  Index& operator=(const Index&) = delete;

  const std::string& name() const { return name_; }
  const std::set<std::string>& shards() const { return shards_; }
  const boost::json::object& weight_map() const { return weight_map_; }

 private:
  const boost::json::object& find_weight_map() const {
    const boost::json::object* root = root_.if_object();
    if (root == nullptr) refuse(name_, "index", "an object", "another type");
    const boost::json::value* value = root->if_contains("weight_map");
    if (value == nullptr || !value->is_object()) {
      refuse(name_, "weight_map", "an object", value == nullptr ? "none" : "another type");
    }
    const boost::json::object& map = value->get_object();
    if (map.empty() || map.size() > safetensors::kMaxTensors) {
      refuse(name_, "weight_map", "1 to " + std::to_string(safetensors::kMaxTensors) + " tensors",
             std::to_string(map.size()));
    }
    return map;
  }

  std::string name_;
  boost::json::value root_;
  const boost::json::object& weight_map_;  // in root_
  std::set<std::string> shards_;
};

// Every tensor of the shard is one that the index places there.
void check_shard(const Index& index, const std::string& shard, const SafetensorsFile& file) {
  for (const SafetensorsTensor& tensor : file.tensors()) {
    const boost::json::value* listed = index.weight_map().if_contains(tensor.name);
    if (listed != nullptr && listed->get_string() == shard) continue;
    refuse(index.name(), "weight_map: " + quote(tensor.name, safetensors::kMaxNameBytes),
           quote(shard) + ", which has it",
           listed == nullptr ? "no such tensor" : quote(listed->get_string()));
  }
}

}  // namespace

SafetensorsFolder SafetensorsFolder::open(const std::filesystem::path& folder) {
  SafetensorsFolder result;
  if (is_file(folder / kSingleFile) || !is_file(folder / kIndexFile)) {
    result.files_.push_back(SafetensorsFile::open(folder / kSingleFile));
    return result;
  }
  const Index index(folder / kIndexFile);
  for (const std::string& shard : index.shards()) {  // all, before gigabytes of the first are read
    if (!is_file(folder / shard)) {
      refuse(index.name(), "weight_map: shard " + quote(shard), "a file beside the index", "none");
    }
  }
  std::size_t n_tensors = 0;
  for (const std::string& shard : index.shards()) {
    result.files_.push_back(SafetensorsFile::open(folder / shard));
    check_shard(index, shard, result.files_.back());
    n_tensors += result.files_.back().tensors().size();
  }
  // Each tensor of a shard has its own entry, so equal counts leave none of the map without one.
  if (n_tensors != index.weight_map().size()) {
    for (const auto& [tensor, shard] : index.weight_map()) {
      if (result.find(tensor) != nullptr) continue;
      refuse(index.name(), "weight_map: " + quote(tensor, safetensors::kMaxNameBytes),
             "a tensor of shard " + quote(shard.get_string()), "none of that name");
    }
  }
  return result;
}

const SafetensorsTensor* SafetensorsFolder::find(std::string_view tensor) const {
  for (const SafetensorsFile& file : files_) {
    if (const SafetensorsTensor* found = file.find(tensor)) return found;
  }
  return nullptr;
}

}  // namespace onebit
