// Every golden model against other engines' logits (tests/golden/models/README.md).
//
// With f32 activations the engine must equal a forward pass in double: a 10 % error in one scale
// shows only there. With int8 activations two right engines differ: a rounding that falls the other
// way early moves all that follows, so the limits are each file's measured noise, and the distance
// to the exact result must be what the other engine's is.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdio>
#include <fstream>

#include "base/file.h"
#include "eval/perplexity.h"
#include "eval/signature.h"
#include "io/npy.h"
#include "kernels/dispatch.h"
#include "logits_difference.h"
#include "reference_model.h"

namespace onebit {
namespace {

namespace json = boost::json;
using testing::compare;
using testing::Difference;

const std::string kData = ONEBIT_GOLDEN_MODELS;

struct Prompt {
  std::vector<int32_t> ids;
  std::string logits;
  std::string ref64;  // empty: none
  std::vector<int32_t> greedy;
  std::vector<double> margin;  // first choice over second, by step
};

struct Case {
  std::string file;
  std::string engine;
  bool float_weights;
  double max_abs, min_cosine, rms;  // from the other engine, with int8 activations
  std::vector<Prompt> prompts;
};

template <typename T>
std::vector<T> numbers(const json::value& list) {
  std::vector<T> result;
  for (const auto& v : list.as_array()) result.push_back(v.to_number<T>());
  return result;
}

std::vector<Case> cases() {
  const auto bytes = read_file(std::string(ONEBIT_SOURCE_DIR) + "/tests/golden/models/cases.json");
  std::vector<Case> result;
  const json::value root = json::parse(
      {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(bytes.size())});
  for (const auto& v : root.as_array()) {
    const json::object& o = v.as_object();
    Case c{o.at("file").as_string().c_str(),
           o.at("engine").as_string().c_str(),
           o.at("float_weights").as_bool(),
           o.at("max_abs").to_number<double>(),
           o.at("min_cos").to_number<double>(),
           o.at("rms").to_number<double>(),
           {}};
    for (const auto& p : o.at("prompts").as_array()) {
      const json::object& q = p.as_object();
      c.prompts.push_back({numbers<int32_t>(q.at("ids")), q.at("logits").as_string().c_str(),
                           q.contains("ref64") ? q.at("ref64").as_string().c_str() : "",
                           numbers<int32_t>(q.at("greedy")), numbers<double>(q.at("margin"))});
    }
    result.push_back(std::move(c));
  }
  return result;
}

class GoldenModel : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c() const { return GetParam(); }
  ModelFile file_ = ModelFile::open(kData + GetParam().file);
};

TEST_P(GoldenModel, F32ActivationsEqualTheForwardPassInDouble) {
  Engine engine(file_, {.threads = 2, .context = 128, .activations = ActQuant::kF32});
  const testing::ReferenceModel reference(file_, engine.config());
  for (const Prompt& p : c().prompts) {
    const auto vocab = static_cast<std::size_t>(engine.config().vocab_size);
    const auto found = all_logits(engine, p.ids);
    const Difference d = compare(found, reference.logits(p.ids), vocab);
    EXPECT_LE(d.max_abs, 1e-3);
    EXPECT_LE(d.rms, 1e-4);
    if (ONEBIT_GOLDEN_PROMPTS == 1) break;
    if (p.ref64.empty()) continue;
    const Difference numpy = compare(found, read_npy<float>(kData + p.ref64).values, vocab);
    EXPECT_LE(numpy.max_abs, 0.02);
    EXPECT_LE(numpy.rms, 0.002);
  }
}

TEST_P(GoldenModel, Int8ActivationsAreAsCloseAsTheOtherEngine) {
  Engine engine(file_, {.threads = 2, .context = 128, .head = Head::kExact});
  Engine exact(file_, {.threads = 2, .context = 128, .activations = ActQuant::kF32});
  for (const Prompt& p : c().prompts) {
    const auto vocab = static_cast<std::size_t>(engine.config().vocab_size);
    const auto found = all_logits(engine, p.ids);
    const auto peer = read_npy<float>(kData + p.logits).values;
    const Difference d = compare(found, peer, vocab);
    EXPECT_LE(d.max_abs, c().max_abs);
    EXPECT_GE(d.min_cosine, c().min_cosine);
    EXPECT_LE(d.rms, c().rms);
    const auto truth = all_logits(exact, p.ids);
    const Difference ours = compare(found, truth, vocab);
    const Difference theirs = compare(peer, truth, vocab);
    std::printf("%-36s rms to exact: ours %.5f, %s %.5f\n", c().file.c_str(), ours.rms,
                c().engine.c_str(), theirs.rms);
    // Noise of 24 or 70 tokens: equal engines differ by a few per cent either way. BitNet's rule,
    // one scale a token, is coarser than llama.cpp's one for 256 columns (bitnet-a has 512; numpy
    // with BitNet's rule is at 0.0946 there, as we are).
    const double slack = engine.config().act_quant == ActQuant::kInt8Group ? 1.05 : 1.08;
    const double limit = c().engine == "NUMPY" ? c().rms : slack * theirs.rms + 1e-5;
    EXPECT_LE(ours.rms, limit);
  }
}

std::string committed_signature(const std::string& file) {
  std::ifstream lines(std::string(ONEBIT_SOURCE_DIR) + "/tests/golden/models/signatures.txt");
  for (std::string name, hash; lines >> name >> hash;) {
    if (name == file) return hash;
  }
  return "none";
}

// The same bits on every instruction set, here and, since the hash is committed, on every CPU. A
// change of the numeric law changes them: then commit the new ones and say why.
TEST_P(GoldenModel, LogitsAreTheCommittedBitsOnEveryInstructionSet) {
  for (const Kernels* kernels : usable_kernels()) {
    Engine engine(file_, {.threads = 2, .context = 128, .isa = kernels->isa});
    uint64_t hash = kEmptyHash;
    for (const Prompt& p : c().prompts) hash = hash_bits(all_logits(engine, p.ids), hash);
    EXPECT_EQ(hash_text(hash), committed_signature(c().file)) << c().file << " on " << kernels->isa;
  }
}

// Up to the first step where the two first choices are closer than the noise.
TEST_P(GoldenModel, GreedyTokensUpToTheFirstSmallMargin) {
  Engine engine(file_, {.threads = 2, .context = 128, .head = Head::kExact});
  for (const Prompt& p : c().prompts) {
    std::vector<int32_t> found;
    Sequence sequence(engine);
    auto logits = sequence.append(p.ids);
    for (std::size_t step = 0; step < p.greedy.size() && p.margin[step] > c().max_abs; ++step) {
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      EXPECT_EQ(best, p.greedy[step]) << "step " << step;
      logits = sequence.append({&p.greedy[step], 1});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenModel, ::testing::ValuesIn(cases()), [](const auto& param) {
  std::string name = param.param.file.substr(0, param.param.file.rfind('.'));
  std::replace_if(
      name.begin(), name.end(), [](char ch) { return !std::isalnum(ch); }, '_');
  return name;
});

}  // namespace
}  // namespace onebit
