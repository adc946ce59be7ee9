#include "train/dataset.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "train/test_util.h"

namespace onebit {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<int32_t> encode(std::string_view text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(c - '!');
  return ids;
}

struct Prepared : TempDir {
  Prepared() {
    write(path / "a.txt", std::string(50, '"') + std::string(50, '#'));
    write(path / "b.txt", "$$$$$$$$$%");
    const std::filesystem::path texts[] = {path / "a.txt", path / "b.txt"};
    info = prepare_dataset(texts, small_vocab(10), encode, path);
  }
  DatasetInfo info;
};

std::string open_error(const std::filesystem::path& dir) {
  try {
    Dataset dataset(dir);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Dataset, RoundTrip) {
  Prepared p;
  EXPECT_EQ(p.info.train_tokens, 90 + 9);
  EXPECT_EQ(p.info.val_tokens, 10 + 1);
  const Dataset d(p.path);
  EXPECT_EQ(d.info.tokenizer_hash, p.info.tokenizer_hash);
  EXPECT_EQ(d.vocab.tokens, small_vocab(10).tokens);
  EXPECT_EQ(d.train.size(), 99);
  EXPECT_EQ(d.train[0], 1);
  EXPECT_EQ(d.train[89], 2);
  EXPECT_EQ(d.train[90], 3);  // b.txt
  EXPECT_EQ(d.val[9], 2);
  EXPECT_EQ(d.val[10], 4);  // the last character of b.txt
  int32_t window[3];
  d.train.read(49, 3, window);
  EXPECT_EQ(window[0], 1);
  EXPECT_EQ(window[1], 2);
}

TEST(Dataset, WideTokens) {
  TempDir dir;
  write(dir.path / "t.txt", "x");
  Vocab vocab;
  for (int i = 0; i < 65537; ++i) {
    vocab.tokens.push_back(std::to_string(i));
    vocab.types.push_back(1);
  }
  const std::filesystem::path texts[] = {dir.path / "t.txt"};
  const auto many = [](std::string_view) { return std::vector<int32_t>{65536, 1, 2, 3}; };
  EXPECT_EQ(prepare_dataset(texts, vocab, many, dir.path, 0.5).token_bytes, 4);
  EXPECT_EQ(Dataset(dir.path).train[0], 65536);
}

TEST(Dataset, RefusesBadTokensFromTheEncoder) {
  TempDir dir;
  write(dir.path / "t.txt", "x");
  const std::filesystem::path texts[] = {dir.path / "t.txt"};
  const auto bad = [](std::string_view) { return std::vector<int32_t>{10}; };
  EXPECT_THROW(prepare_dataset(texts, small_vocab(10), bad, dir.path), Error);
  EXPECT_FALSE(std::filesystem::exists(dir.path / "train.bin"));
}

TEST(Dataset, RefusesWrongSizes) {
  Prepared p;
  std::ofstream(p.path / "train.bin", std::ios::app) << 'x';
  EXPECT_NE(open_error(p.path).find("train.bin: expected 198 bytes, found 199"), std::string::npos);
  std::filesystem::resize_file(p.path / "train.bin", 0);
  EXPECT_NE(open_error(p.path).find("expected 198 bytes, found 0"), std::string::npos);
}

TEST(Dataset, RefusesIdsOutOfRange) {
  Prepared p;
  std::fstream file(p.path / "val.bin", std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(6);
  file.write("\xff\xff", 2);
  file.close();
  EXPECT_NE(open_error(p.path).find("token 3: expected an id below 10, found 65535"),
            std::string::npos);
}

TEST(Dataset, RefusesBadSidecars) {
  Prepared p;
  const auto with = [&](const std::string& json) {
    write(p.path / "data.json", json);
    return open_error(p.path);
  };
  EXPECT_NE(with("{").find("expected a JSON object"), std::string::npos);
  EXPECT_NE(with("{}").find("version: expected"), std::string::npos);
  EXPECT_NE(with(R"({"version":1,"vocab_size":-4})").find("vocab_size: expected"),
            std::string::npos);
  EXPECT_NE(with(R"({"version":1,"vocab_size":10,"token_bytes":2,"train_tokens":1e30})")
                .find("train_tokens: expected"),
            std::string::npos);
  EXPECT_NE(with(R"({"version":1,"vocab_size":70000,"token_bytes":2})").find("token_bytes"),
            std::string::npos);
  EXPECT_NE(with(R"({"version":1,"vocab_size":10,"token_bytes":2,"train_tokens":99,)"
                 R"("val_tokens":11,"tokenizer_hash":"00"})")
                .find("tokenizer hash"),
            std::string::npos);
}

TEST(WindowStart, IsStatelessAndCoversTheRange) {
  EXPECT_EQ(window_start(1, 2, 3, 4, 1000), window_start(1, 2, 3, 4, 1000));
  std::set<int64_t> seen;
  for (int64_t step = 0; step < 200; ++step) {
    for (int64_t row = 0; row < 4; ++row) {
      const int64_t start = window_start(7, step, 0, row, 50);
      ASSERT_GE(start, 0);
      ASSERT_LT(start, 50);
      seen.insert(start);
    }
  }
  EXPECT_EQ(seen.size(), 50u);
  EXPECT_EQ(window_start(7, 0, 0, 0, 1), 0);
  EXPECT_NE(window_start(1, 0, 1, 0, int64_t{1} << 40), window_start(1, 1, 0, 0, int64_t{1} << 40));
}

}  // namespace
}  // namespace onebit
