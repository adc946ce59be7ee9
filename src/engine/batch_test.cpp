// Sequences that decode together get the logits that each gets alone, to the bit.
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>

#include "engine/engine.h"
#include "models/test_model.h"

namespace onebit {
namespace {

ModelFile test_file() {
  TestModel m = small_test_model();
  m.config.max_seq_len = 1200;
  const auto path = write_test_model(m, "batch_test");
  ModelFile file = ModelFile::open(path);
  std::filesystem::remove(path);
  return file;
}

std::vector<int32_t> tokens(std::size_t n, std::size_t seed) {
  std::vector<int32_t> ids;
  for (std::size_t i = 0; i < n; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7 + i * i % 11 + seed * 13) % 64));
  }
  return ids;
}

TEST(Batch, LogitsAreThoseOfASequenceAlone) {
  const ModelFile file = test_file();
  for (const KvType kv : {KvType::kF16, KvType::kInt8, KvType::kF32}) {
    Engine engine(file, {.threads = 2, .prefill_chunk = 16, .kv = kv});
    Engine other(file, {.threads = 3, .prefill_chunk = 64, .kv = kv});
    std::deque<Sequence> together, alone;
    // Prompts of one token, of more than a chunk, past the border of attention's chunks.
    const std::size_t lengths[] = {1, 40, 3, 530, 15, 16, 17};
    std::vector<std::vector<int32_t>> ids;
    for (std::size_t i = 0; i < std::size(lengths); ++i) {
      together.emplace_back(engine);
      alone.emplace_back(other);
      ids.push_back(tokens(lengths[i], i));
    }
    for (int step = 0; step < 3; ++step) {
      std::vector<Engine::Append> batch;
      for (std::size_t i = 0; i < ids.size(); ++i) batch.push_back({&together[i], ids[i]});
      const auto logits = engine.append_batch(batch);
      ASSERT_EQ(logits.size(), ids.size() * 64);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const auto expected = alone[i].append(ids[i]);
        ASSERT_TRUE(std::ranges::equal(expected, logits.subspan(i * 64, 64)))
            << "step " << step << " sequence " << i;
        ASSERT_TRUE(std::ranges::equal(together[i].tokens(), alone[i].tokens()));
      }
      // Then a decode step of some, another prompt for the others.
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = tokens(i % 3 == 0 ? 1 : 20, i + 9);
    }
  }
}

TEST(Batch, RefusesAllIfOneDoesNotFit) {
  Engine engine(test_file(), {.threads = 1, .context = 20});
  Sequence a(engine), b(engine);
  const auto good = tokens(20, 1);
  const auto bad = tokens(21, 2);
  const std::vector<Engine::Append> batch = {{&a, good}, {&b, bad}};
  EXPECT_THROW(engine.append_batch(batch), Error);
  EXPECT_EQ(a.length(), 0);
  EXPECT_EQ(b.length(), 0);
  a.append(good);
  EXPECT_EQ(a.length(), 20);
}

TEST(Sequence, TakesMemoryAsItGrowsAndTruncateGivesItBack) {
  Engine engine(test_file(), {.threads = 1});
  {
    Sequence s(engine);
    EXPECT_EQ(engine.kv_pool().n_blocks(), 0);
    s.append(tokens(65, 1));
    EXPECT_EQ(engine.kv_pool().n_blocks(), 2);
    s.truncate(10);
    EXPECT_EQ(engine.kv_pool().n_free(), 1);
  }
  EXPECT_EQ(engine.kv_pool().n_free(), 2);
}

// Past 512 positions, with windows and int8: what is forgotten leaves no trace.
TEST(Sequence, TruncateForgetsAcrossBlocksAndChunks) {
  const ModelFile file = test_file();
  for (const KvType kv : {KvType::kF16, KvType::kInt8, KvType::kF32}) {
    Engine engine(file, {.threads = 2, .kv = kv});
    const auto ids = tokens(600, 3);
    Sequence fresh(engine);
    const auto logits = fresh.append(ids);
    const std::vector<float> expected(logits.begin(), logits.end());
    Sequence used(engine);
    used.append(std::span(ids).first(500));
    used.append(tokens(200, 4));
    used.truncate(500);
    EXPECT_TRUE(std::ranges::equal(used.append(std::span(ids).subspan(500)), expected));
  }
}

}  // namespace
}  // namespace onebit
