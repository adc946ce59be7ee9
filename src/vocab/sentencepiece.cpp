#include "vocab/sentencepiece.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "text/utf8.h"
#include "vocab/checks.h"
#include "vocab/protobuf.h"

namespace onebit {
namespace {

// Field numbers and defaults of sentencepiece_model.proto. Enum PieceType is GGUF's TokenType.
enum ModelField : uint32_t { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3 };
enum PieceField : uint32_t { kText = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kWhitespaceAsSuffix = 24,
  kUnkId = 40,
  kBosId = 41,
  kEosId = 42,
  kPadId = 43,
};
enum NormalizerField : uint32_t {
  kNormalizerName = 1,
  kCharsMap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5,
};

struct TrainerSpec {
  int64_t model_type = 1;  // UNIGRAM; BPE is 2
  bool whitespace_as_suffix = false;
  int64_t unk_id = 0;
  int64_t bos_id = 1;
  int64_t eos_id = 2;
  int64_t pad_id = -1;
};

struct NormalizerSpec {
  std::string name;
  bool has_chars_map = false;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

void read_piece(std::span<const uint8_t> bytes, const std::string& file, Vocab& vocab) {
  const std::string name = file + ": pieces[" + std::to_string(vocab.tokens.size()) + "]";
  ProtobufReader reader(bytes, name);
  std::string text;
  float score = 0;
  int64_t type = 1;
  while (const auto field = reader.next()) {
    if (field->number == kText) text = reader.text(*field, "piece");
    if (field->number == kScore) score = reader.number(*field, "score");
    if (field->number == kType) type = reader.integer(*field, "type");
  }
  if (text.empty()) reader.fail("piece", "a text", "''");
  if (utf8_valid_prefix(text) != text.size()) reader.fail("piece", "UTF-8", quote(text));
  if (!std::isfinite(score)) reader.fail("score", "a finite number", std::to_string(score));
  if (type < 1 || type > 6) reader.fail("type", "1 to 6", std::to_string(type));
  if (type == static_cast<int64_t>(TokenType::kByte) && !vocab::is_byte_token(text)) {
    reader.fail("piece", "<0xHH> for a byte", quote(text));
  }
  vocab.tokens.push_back(std::move(text));
  vocab.types.push_back(static_cast<int32_t>(type));
  vocab.scores.push_back(score);
}

void read_trainer_spec(std::span<const uint8_t> bytes, const std::string& file, TrainerSpec& spec) {
  ProtobufReader reader(bytes, file + ": trainer_spec");
  while (const auto field = reader.next()) {
    switch (field->number) {
      case kModelType:
        spec.model_type = reader.integer(*field, "model_type");
        break;
      case kWhitespaceAsSuffix:
        spec.whitespace_as_suffix = reader.boolean(*field, "treat_whitespace_as_suffix");
        break;
      case kUnkId:
        spec.unk_id = reader.integer(*field, "unk_id");
        break;
      case kBosId:
        spec.bos_id = reader.integer(*field, "bos_id");
        break;
      case kEosId:
        spec.eos_id = reader.integer(*field, "eos_id");
        break;
      case kPadId:
        spec.pad_id = reader.integer(*field, "pad_id");
        break;
      default:;  // how it was trained
    }
  }
}

void read_normalizer_spec(std::span<const uint8_t> bytes, const std::string& file,
                          NormalizerSpec& spec) {
  ProtobufReader reader(bytes, file + ": normalizer_spec");
  while (const auto field = reader.next()) {
    switch (field->number) {
      case kNormalizerName:
        spec.name = reader.text(*field, "name");
        break;
      case kCharsMap:
        spec.has_chars_map = !reader.message(*field, "precompiled_charsmap").empty();
        break;
      case kAddDummyPrefix:
        spec.add_dummy_prefix = reader.boolean(*field, "add_dummy_prefix");
        break;
      case kRemoveExtraWhitespaces:
        spec.remove_extra_whitespaces = reader.boolean(*field, "remove_extra_whitespaces");
        break;
      case kEscapeWhitespaces:
        spec.escape_whitespaces = reader.boolean(*field, "escape_whitespaces");
        break;
      default:;
    }
  }
}

// Everything that would change how text becomes tokens, and that `Vocab` cannot say.
void check_supported(const TrainerSpec& trainer, const NormalizerSpec& normalizer,
                     const std::string& file) {
  const auto require = [&](bool is_so, const char* field, const char* expected,
                           const std::string& found) {
    if (!is_so) vocab::fail(file, field, expected, found, ErrorCode::kUnsupported);
  };
  constexpr const char* kTypes[] = {"UNIGRAM (1)", "BPE (2)", "WORD (3)", "CHAR (4)"};
  const int64_t type = trainer.model_type;
  require(type == 2, "trainer_spec.model_type", kTypes[1],
          type >= 1 && type <= 4 ? kTypes[type - 1] : std::to_string(type));
  require(!trainer.whitespace_as_suffix, "trainer_spec.treat_whitespace_as_suffix", "false",
          "true");
  require(!normalizer.has_chars_map, "normalizer_spec", "identity", quote(normalizer.name));
  require(!normalizer.remove_extra_whitespaces, "normalizer_spec.remove_extra_whitespaces", "false",
          "true");
  require(normalizer.escape_whitespaces, "normalizer_spec.escape_whitespaces", "true", "false");
}

void check_unique(const Vocab& vocab, const std::string& file) {
  std::vector<std::string_view> sorted(vocab.tokens.begin(), vocab.tokens.end());
  std::ranges::sort(sorted);
  const auto twin = std::ranges::adjacent_find(sorted);
  if (twin != sorted.end()) vocab::fail(file, "pieces", "every text once", quote(*twin) + " twice");
}

void set_ids(const TrainerSpec& spec, const std::string& file, Vocab& vocab) {
  const auto n = static_cast<int64_t>(vocab.tokens.size());
  const auto checked = [&](const char* field, int64_t id) {
    if (id < -1 || id >= n) {
      vocab::fail(file, std::string("trainer_spec.") + field, "-1 to " + std::to_string(n - 1),
                  std::to_string(id));
    }
    return static_cast<int32_t>(id);
  };
  vocab.unk_id = checked("unk_id", spec.unk_id);
  vocab.bos_id = checked("bos_id", spec.bos_id);
  vocab.eos_id = checked("eos_id", spec.eos_id);
  checked("pad_id", spec.pad_id);
  if (vocab.unk_id >= 0 && vocab::type_of(vocab, vocab.unk_id) != TokenType::kUnknown) {
    vocab::fail(file, "trainer_spec.unk_id", "the unknown piece", std::to_string(vocab.unk_id));
  }
  vocab.add_bos = vocab.bos_id >= 0;
}

}  // namespace

Vocab parse_sentencepiece(std::span<const uint8_t> bytes, const std::string& name) {
  Vocab vocab;
  vocab.model = VocabModel::kSpm;
  TrainerSpec trainer;
  NormalizerSpec normalizer;
  ProtobufReader reader(bytes, name);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case kPieces:
        if (static_cast<int64_t>(vocab.tokens.size()) == vocab::kMaxTokens) {
          reader.fail("pieces", "at most " + std::to_string(vocab::kMaxTokens), "more");
        }
        read_piece(reader.message(*field, "pieces"), name, vocab);
        break;
      case kTrainerSpec:
        read_trainer_spec(reader.message(*field, "trainer_spec"), name, trainer);
        break;
      case kNormalizerSpec:
        read_normalizer_spec(reader.message(*field, "normalizer_spec"), name, normalizer);
        break;
      default:;  // self-test data, denormaliser, extensions
    }
  }
  if (vocab.tokens.empty()) reader.fail("pieces", "at least one", "none");
  check_supported(trainer, normalizer, name);
  check_unique(vocab, name);
  set_ids(trainer, name, vocab);
  vocab.add_space_prefix = normalizer.add_dummy_prefix;
  return vocab;
}

Vocab read_sentencepiece(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxSentencePieceBytes);
  return parse_sentencepiece(bytes.span(), path.string());
}

}  // namespace onebit
