#include "train/dataset.h"

#include <bit>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "io/gguf.h"
#include "vocab/gguf.h"

namespace onebit {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

constexpr int64_t kVersion = 1;

void write_tokens(AtomicFile& file, std::span<const int32_t> tokens, int64_t token_bytes) {
  std::vector<uint8_t> bytes(tokens.size() * static_cast<std::size_t>(token_bytes));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<uint32_t>(tokens[i]);
    std::memcpy(bytes.data() + i * static_cast<std::size_t>(token_bytes), &id,
                static_cast<std::size_t>(token_bytes));
  }
  file.write(bytes);
}

std::string hex(uint64_t value) {
  char buffer[17] = {};
  const auto end = std::to_chars(buffer, buffer + 16, value, 16).ptr;
  return std::string(16 - static_cast<std::size_t>(end - buffer), '0') + std::string(buffer, end);
}

void write_info(const DatasetInfo& info, std::span<const std::filesystem::path> texts,
                const std::filesystem::path& path) {
  boost::json::array files;
  for (const auto& text : texts) files.emplace_back(text.filename().string());
  const boost::json::object root = {
      {"version", kVersion},
      {"vocab_size", info.vocab_size},
      {"token_bytes", info.token_bytes},
      {"train_tokens", info.train_tokens},
      {"val_tokens", info.val_tokens},
      {"split", "the last val_fraction of each text's tokens validate"},
      {"val_fraction", info.val_fraction},
      {"tokenizer_hash", hex(info.tokenizer_hash)},
      {"texts", std::move(files)},
  };
  AtomicFile file(path);
  file.write(boost::json::serialize(root) + "\n");
  file.commit();
}

int64_t int_field(const boost::json::object& root, const char* key, int64_t low, int64_t high,
                  const std::string& where) {
  const auto* value = root.if_contains(key);
  const int64_t* number = value == nullptr ? nullptr : value->if_int64();
  if (number == nullptr || *number < low || *number > high) {
    throw Error(ErrorCode::kInvalidFile,
                where + ": " + key + ": expected an integer in " + std::to_string(low) + ".." +
                    std::to_string(high) + ", found " +
                    (value == nullptr ? std::string("nothing")
                                      : onebit::quote(boost::json::serialize(*value))));
  }
  return *number;
}

DatasetInfo read_info(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  const std::string where = path.string();
  boost::system::error_code error;
  const auto value = boost::json::parse(
      {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())}, error);
  if (error || !value.is_object()) {
    throw Error(ErrorCode::kInvalidFile, where + ": expected a JSON object");
  }
  const auto& root = value.as_object();
  int_field(root, "version", kVersion, kVersion, where);
  constexpr int64_t kTokens = int64_t{1} << 48;
  DatasetInfo info;
  info.vocab_size = int_field(root, "vocab_size", 1, 1 << 21, where);
  info.token_bytes = int_field(root, "token_bytes", 2, 4, where);
  if (info.token_bytes == 3 || (info.token_bytes == 2 && info.vocab_size > 65536)) {
    throw Error(ErrorCode::kInvalidFile, where + ": token_bytes: expected 2 or 4, enough for " +
                                             std::to_string(info.vocab_size) + " tokens, found " +
                                             std::to_string(info.token_bytes));
  }
  info.train_tokens = int_field(root, "train_tokens", 0, kTokens, where);
  info.val_tokens = int_field(root, "val_tokens", 0, kTokens, where);
  if (const auto* hash = root.if_contains("tokenizer_hash"); hash != nullptr && hash->is_string()) {
    const auto& text = hash->as_string();
    std::from_chars(text.data(), text.data() + text.size(), info.tokenizer_hash, 16);
  }
  if (const auto* f = root.if_contains("val_fraction"); f != nullptr && f->is_double()) {
    info.val_fraction = f->as_double();
  }
  return info;
}

Vocab open_vocab(const std::filesystem::path& dir, const DatasetInfo& info) {
  const GgufFile file = GgufFile::open(dir / "vocab.gguf");
  Vocab vocab = read_vocab(file.metadata());
  const std::string where = (dir / "vocab.gguf").string();
  if (static_cast<int64_t>(vocab.tokens.size()) != info.vocab_size) {
    throw Error(ErrorCode::kInvalidFile, where + ": expected " + std::to_string(info.vocab_size) +
                                             " tokens, found " +
                                             std::to_string(vocab.tokens.size()));
  }
  if (const uint64_t hash = tokenizer_hash(vocab); hash != info.tokenizer_hash) {
    throw Error(ErrorCode::kInvalidFile, where + ": tokenizer hash: expected " +
                                             hex(info.tokenizer_hash) + ", found " + hex(hash));
  }
  return vocab;
}

}  // namespace

uint64_t tokenizer_hash(const Vocab& vocab) {
  uint64_t hash = 0;
  const auto number = [&](uint64_t n) { hash = mix64(hash ^ n); };
  const auto text = [&](std::string_view s) {
    number(s.size());
    for (const char c : s) number(static_cast<unsigned char>(c));
  };
  number(vocab.tokens.size());
  for (const auto& token : vocab.tokens) text(token);
  for (const int32_t type : vocab.types) number(static_cast<uint32_t>(type));
  number(vocab.merges.size());
  for (const auto& merge : vocab.merges) text(merge);
  text(vocab.pre);
  number(vocab.ignore_merges ? 1 : 0);
  return hash;
}

DatasetInfo prepare_dataset(std::span<const std::filesystem::path> texts, const Vocab& vocab,
                            const EncodeText& encode, const std::filesystem::path& dir,
                            double val_fraction) {
  if (texts.empty()) throw Error(ErrorCode::kInvalidArgument, "texts: expected at least one file");
  if (!(val_fraction > 0 && val_fraction < 1)) {
    throw Error(ErrorCode::kInvalidArgument, "val_fraction: expected a number between 0 and 1, " +
                                                 std::string("found ") +
                                                 std::to_string(val_fraction));
  }
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed) {
    throw Error(ErrorCode::kIo, "cannot create " + dir.string() + ": " + failed.message());
  }
  DatasetInfo info;
  info.vocab_size = static_cast<int64_t>(vocab.tokens.size());
  info.token_bytes = info.vocab_size > 65536 ? 4 : 2;
  info.val_fraction = val_fraction;
  info.tokenizer_hash = tokenizer_hash(vocab);

  AtomicFile train(dir / "train.bin"), val(dir / "val.bin");
  for (const auto& path : texts) {
    const auto bytes = read_file(path);
    std::vector<int32_t> tokens = encode(
        {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())});
    if (vocab.eos_id >= 0) tokens.push_back(vocab.eos_id);
    for (const int32_t id : tokens) {
      if (id >= 0 && id < info.vocab_size) continue;
      throw Error(ErrorCode::kInvalidArgument, path.string() + ": expected token ids below " +
                                                   std::to_string(info.vocab_size) + ", found " +
                                                   std::to_string(id));
    }
    const auto keep = static_cast<std::size_t>(
        std::floor(static_cast<double>(tokens.size()) * (1 - val_fraction)));
    const std::span all(tokens);
    write_tokens(train, all.first(keep), info.token_bytes);
    write_tokens(val, all.subspan(keep), info.token_bytes);
    info.train_tokens += static_cast<int64_t>(keep);
    info.val_tokens += static_cast<int64_t>(tokens.size() - keep);
  }
  train.commit();
  val.commit();
  GgufMetadata metadata;
  write_vocab(vocab, metadata);
  GgufWriter writer(dir / "vocab.gguf", std::move(metadata));
  writer.begin();
  writer.commit();
  write_info(info, texts, dir / "data.json");
  return info;
}

TokenFile::TokenFile(const std::filesystem::path& path, int64_t n_tokens, int64_t token_bytes,
                     int64_t vocab_size)
    : file_(FileBytes::map(path)), n_tokens_(n_tokens), token_bytes_(token_bytes) {
  const auto expected = static_cast<uint64_t>(n_tokens) * static_cast<uint64_t>(token_bytes);
  if (file_.span().size() != expected) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": expected " + std::to_string(expected) +
                                             " bytes, found " +
                                             std::to_string(file_.span().size()));
  }
  for (int64_t i = 0; i < n_tokens; ++i) {
    const int32_t id = (*this)[i];
    if (id >= 0 && id < vocab_size) continue;
    throw Error(ErrorCode::kInvalidFile, path.string() + ": token " + std::to_string(i) +
                                             ": expected an id below " +
                                             std::to_string(vocab_size) + ", found " +
                                             std::to_string(static_cast<uint32_t>(id)));
  }
}

int32_t TokenFile::operator[](int64_t i) const {
  uint32_t id = 0;
  std::memcpy(&id, file_.span().data() + i * token_bytes_, static_cast<std::size_t>(token_bytes_));
  return static_cast<int32_t>(id);
}

void TokenFile::read(int64_t first, int64_t n, int32_t* out) const {
  ONEBIT_CHECK(first >= 0 && n >= 0 && first <= n_tokens_ - n);
  for (int64_t i = 0; i < n; ++i) out[i] = (*this)[first + i];
}

Dataset::Dataset(const std::filesystem::path& dir)
    : info(read_info(dir / "data.json")),
      train(dir / "train.bin", info.train_tokens, info.token_bytes, info.vocab_size),
      val(dir / "val.bin", info.val_tokens, info.token_bytes, info.vocab_size),
      vocab(open_vocab(dir, info)) {}

int64_t window_start(uint64_t seed, int64_t step, int64_t micro, int64_t row, int64_t n_starts) {
  uint64_t hash = mix64(seed);
  for (const int64_t n : {step, micro, row}) hash = mix64(hash ^ static_cast<uint64_t>(n));
  return static_cast<int64_t>(
      static_cast<unsigned __int128>(hash) * static_cast<uint64_t>(n_starts) >> 64);
}

}  // namespace onebit
