#include "train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "io/gguf.h"

namespace onebit {
namespace {

namespace fs = std::filesystem;

// Raised whenever quant/weights.h would give other codes for the same latents.
constexpr int64_t kQuantizerVersion = 1;
constexpr std::size_t kKept = 2;

struct Found {
  int64_t step;
  fs::path path;
};

// Checkpoints of a folder, newest first.
std::vector<Found> list_checkpoints(const fs::path& dir) {
  constexpr std::string_view kPrefix = "checkpoint-", kSuffix = ".gguf";
  std::vector<Found> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const char* first = name.data() + kPrefix.size();
    const char* last = name.data() + name.size() - kSuffix.size();
    int64_t step = 0;
    const auto [end, error] = std::from_chars(first, last, step);
    if (error == std::errc() && end == last) found.push_back({step, entry.path()});
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.step > b.step; });
  return found;
}

// name, values of everything in a checkpoint, in file order.
struct State {
  std::string name;
  float* data;
  int64_t size;
};

std::vector<State> states(const std::vector<Parameter>& parameters, AdamW& optimizer) {
  std::vector<State> all;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    const int64_t n = p.value.numel();
    all.push_back({p.name, p.value.data_ptr<float>(), n});
    all.push_back({"m." + p.name, optimizer.m(i).data(), n});
    all.push_back({"v." + p.name, optimizer.v(i).data(), n});
  }
  return all;
}

// The file's tensors, all checked, before anything is overwritten.
std::vector<const GgufTensor*> match(const GgufFile& file, const std::vector<State>& all) {
  std::vector<const GgufTensor*> tensors;
  for (const State& s : all) {
    const GgufTensor* t = file.find(s.name);
    if (t == nullptr) {
      throw Error(ErrorCode::kInvalidFile, file.name() + ": " + s.name + ": expected, not found");
    }
    if (t->type != kF32 || t->shape.size() != 1 || t->shape[0] != s.size) {
      throw Error(ErrorCode::kInvalidFile, file.name() + ": " + s.name + ": expected " +
                                               std::to_string(s.size) + " F32 values, found type " +
                                               std::to_string(t->type) + " with row length " +
                                               std::to_string(t->shape[0]));
    }
    tensors.push_back(t);
  }
  return tensors;
}

// A file cut short within its last tensor still has a good directory.
void check_whole(const GgufFile& file) {
  for (const GgufTensor& t : file.tensors()) {
    const int64_t bytes = format(kF32).bytes(t.rows(), t.cols());
    if (static_cast<int64_t>(t.available.size()) < bytes) {
      throw Error(ErrorCode::kInvalidFile, file.name() + ": " + quote(t.name) + ": expected " +
                                               std::to_string(bytes) + " bytes, found " +
                                               std::to_string(t.available.size()));
    }
  }
}

CheckpointInfo read_metadata(const GgufFile& file) {
  const GgufMetadata& m = file.metadata();
  CheckpointInfo info;
  info.step = m.get_int("onebit.train.step");
  info.threads = m.get_int("onebit.train.threads");
  info.isa = m.get_string("onebit.train.isa");
  info.config_json = m.get_string("onebit.train.config");
  const GgufValue* best = m.find("onebit.train.best_val_loss");
  const GgufValue* hash = m.find("onebit.train.tokenizer_hash");
  if (best == nullptr || !std::holds_alternative<double>(*best) || hash == nullptr ||
      !std::holds_alternative<uint64_t>(*hash)) {
    throw Error(
        ErrorCode::kInvalidFile,
        file.name() + ": expected onebit.train.best_val_loss (f64) and tokenizer_hash (u64)");
  }
  info.best_val_loss = std::get<double>(*best);
  info.tokenizer_hash = std::get<uint64_t>(*hash);
  if (info.step < 0) {
    throw Error(
        ErrorCode::kInvalidFile,
        file.name() + ": onebit.train.step: expected >= 0, found " + std::to_string(info.step));
  }
  return info;
}

}  // namespace

void save_checkpoint(const fs::path& dir, const CheckpointInfo& info, const Network& network,
                     AdamW& optimizer) {
  GgufMetadata m;
  m.set("general.architecture", std::string("onebit-checkpoint"));
  m.set("onebit.train.step", info.step);
  m.set("onebit.train.best_val_loss", info.best_val_loss);
  m.set("onebit.train.threads", info.threads);
  m.set("onebit.train.isa", info.isa);
  m.set("onebit.train.quantizer_version", kQuantizerVersion);
  m.set("onebit.train.tokenizer_hash", info.tokenizer_hash);
  m.set("onebit.train.config", info.config_json);
  const auto all = states(network.parameters(), optimizer);
  GgufWriter writer(dir / ("checkpoint-" + std::to_string(info.step) + ".gguf"), std::move(m));
  for (const State& s : all) {
    writer.add_tensor(s.name, {s.size}, kF32, s.size * static_cast<int64_t>(sizeof(float)));
  }
  writer.begin();
  for (const State& s : all) {
    writer.write_tensor({reinterpret_cast<const uint8_t*>(s.data),
                         static_cast<std::size_t>(s.size) * sizeof(float)});
  }
  writer.commit();

  const auto found = list_checkpoints(dir);
  std::error_code ignored;
  for (std::size_t i = kKept; i < found.size(); ++i) fs::remove(found[i].path, ignored);
}

bool has_checkpoint(const fs::path& dir) {
  return !list_checkpoints(dir).empty();
}

std::optional<CheckpointInfo> load_checkpoint(const fs::path& dir, Network& network,
                                              AdamW& optimizer, std::vector<std::string>& notes) {
  const auto all = states(network.parameters(), optimizer);
  for (const Found& found : list_checkpoints(dir)) {
    std::optional<GgufFile> file;
    CheckpointInfo info;
    try {
      file.emplace(GgufFile::open(found.path));
      info = read_metadata(*file);
      check_whole(*file);
    } catch (const Error& error) {
      notes.push_back(std::string("skipped an unreadable checkpoint: ") + error.what());
      continue;
    }
    const int64_t version = file->metadata().get_int_or("onebit.train.quantizer_version", 0);
    if (version != kQuantizerVersion) {
      throw Error(ErrorCode::kInvalidFile, file->name() + ": quantizer_version: expected " +
                                               std::to_string(kQuantizerVersion) + ", found " +
                                               std::to_string(version));
    }
    const auto tensors = match(*file, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      std::memcpy(all[i].data, tensors[i]->available.data(),
                  static_cast<std::size_t>(all[i].size) * sizeof(float));
    }
    network.refresh();
    return info;
  }
  return std::nullopt;
}

}  // namespace onebit
