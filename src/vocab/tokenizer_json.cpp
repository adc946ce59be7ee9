#include "vocab/tokenizer_json.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "io/json_file.h"
#include "vocab/added_tokens.h"
#include "vocab/checks.h"
#include "vocab/json_cursor.h"
#include "vocab/pre_tokenizer_json.h"

namespace onebit {
namespace {

std::string_view view(const boost::json::string& s) {
  return {s.data(), s.size()};
}

void check_model(const JsonCursor& model) {
  const auto only = [&](const char* key, bool is_ours, const std::string& expected) {
    if (is_ours) return;
    const JsonCursor member = model.at(key);
    member.fail(expected, describe(member.value()), ErrorCode::kUnsupported);
  };
  only("type", model.string_or("type", "BPE") == "BPE", "BPE");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    only(key, model.string_or(key, "").empty(), "none");
  }
  // Dropout would make encoding random.
  const auto dropout = model.find("dropout");
  only("dropout", !dropout || dropout->value() == 0 || dropout->value() == 0.0, "none");
}

// Text -> id of the model's own tokens. Only their texts are looked up, so an object will do.
void read_tokens(const JsonCursor& model, Vocab& vocab) {
  const JsonCursor entries = model.at("vocab");
  const auto refuse = [&](const auto& entry, const std::string& expected) {
    entries.fail(expected, quote({entry.key().data(), entry.key().size()}, 40) + ": " +
                               describe(entry.value()));
  };
  int64_t max_id = -1;
  for (const auto& entry : entries.object()) {
    const int64_t* id = entry.value().if_int64();
    if (id == nullptr || *id < 0) refuse(entry, "an id from 0 for every token");
    max_id = std::max(max_id, *id);
  }
  if (max_id < 0) entries.fail("tokens", "none");
  vocab::make_room(vocab, max_id, entries.object().size(), entries.file(), entries.path());
  for (const auto& entry : entries.object()) {
    vocab::place_token(vocab, entry.value().get_int64(), {entry.key().data(), entry.key().size()},
                       TokenType::kNormal, entries.file(), entries.path());
  }
}

// Both spellings: "a b" and ["a", "b"]. The views are into the JSON value.
std::pair<std::string_view, std::string_view> merge_parts(const boost::json::value& value) {
  if (const auto* line = value.if_string()) {
    const std::string_view text = view(*line);
    const std::size_t space = text.find(' ', 1);
    if (space != text.npos) return {text.substr(0, space), text.substr(space + 1)};
  } else if (const auto* pair = value.if_array()) {
    if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string()) {
      return {view((*pair)[0].get_string()), view((*pair)[1].get_string())};
    }
  }
  return {};
}

// Calls take(index, left, right) for every merge in rank order.
template <typename Take>
void for_each_merge(const JsonCursor& model, Take take) {
  const JsonCursor merges = model.at("merges");
  const auto& array = merges.array();
  if (array.size() > static_cast<std::size_t>(vocab::kMaxMerges)) {
    merges.fail("at most " + std::to_string(vocab::kMaxMerges), std::to_string(array.size()));
  }
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto [left, right] = merge_parts(array[i]);
    if (left.empty() || right.empty()) merges.element(i).wrong_kind("\"A B\" or [\"A\", \"B\"]");
    take(i, left, right);
  }
}

void read_byte_level_merges(const JsonCursor& model, Vocab& vocab) {
  vocab.merges.reserve(model.at("merges").array().size());
  for_each_merge(model, [&](std::size_t i, std::string_view left, std::string_view right) {
    if (left.find(' ') != left.npos || right.find(' ') != right.npos) {  // not in the byte alphabet
      model.at("merges").element(i).fail("two parts without spaces",
                                         quote(left, 40) + " and " + quote(right, 40));
    }
    vocab.merges.emplace_back(left).append(" ").append(right);
  });
}

// SentencePiece merges the pair whose token scores highest; Hugging Face the pair of lowest rank.
// Such files come from a converter that lists every cut of every token into two tokens, by falling
// score of the whole. So all merges that make a token are neighbours, and ranks order tokens as
// their scores do: minus the lowest rank of a token is a score that merges alike. (Not alike: where
// two cuts of one token overlap in a text, ranks may prefer the right one, scores take the left;
// and in a file that omits cuts, which converters do not do, scores would use them.)
void read_scores(const JsonCursor& model, Vocab& vocab) {
  const auto& ids = model.at("vocab").object();
  const auto n_merges = static_cast<float>(model.at("merges").array().size());
  // What nothing makes is below all that something makes.
  vocab.scores.assign(vocab.tokens.size(), -n_merges);
  std::string whole;
  for_each_merge(model, [&](std::size_t i, std::string_view left, std::string_view right) {
    whole.assign(left).append(right);
    for (const std::string_view part : {left, right, std::string_view(whole)}) {
      if (!ids.contains({part.data(), part.size()})) {
        model.at("merges").element(i).fail("tokens", quote(part) + ", which is not in the vocab");
      }
    }
    float& score = vocab.scores[static_cast<std::size_t>(ids.at(whole).get_int64())];
    score = std::max(score, -static_cast<float>(i));
  });
}

void check_split(const MetaspaceRule& rule, const Vocab& vocab, const JsonCursor& file) {
  if (!rule.split) return;
  // A SentencePiece model does not cut at U+2581; where no token has one inside, that is the same.
  for (const std::string& token : vocab.tokens) {
    if (token.find("\xe2\x96\x81", 1) != token.npos) {
      file.at("pre_tokenizer")
          .fail("split = false, as there are tokens like " + quote(token, 40), "true",
                ErrorCode::kUnsupported);
    }
  }
}

void read_sentencepiece(const JsonCursor& file, const JsonCursor& model, Vocab& vocab) {
  const MetaspaceRule rule = read_metaspace(file);
  read_tokens(model, vocab);
  read_scores(model, vocab);
  check_split(rule, vocab, file);
  vocab.add_space_prefix = rule.add_prefix;
  if (model.bool_or("byte_fallback", false)) {
    for (std::size_t id = 0; id < vocab.tokens.size(); ++id) {
      if (!vocab::is_byte_token(vocab.tokens[id])) continue;
      vocab::set_type(vocab, static_cast<int64_t>(id), TokenType::kByte);
    }
  }
  if (const auto unk = model.find("unk_token")) {
    const auto* id = model.at("vocab").object().if_contains(unk->string());
    if (id == nullptr) unk->wrong_kind("a token of the vocab");
    vocab.unk_id = static_cast<int32_t>(id->get_int64());
    vocab::set_type(vocab, vocab.unk_id, TokenType::kUnknown);
  }
}

// The one id of a special token in a template.
int32_t template_id(const JsonCursor& processor, const JsonCursor& special, const Vocab& vocab) {
  const JsonCursor ids = processor.at("special_tokens").at(special.at("id").string()).at("ids");
  if (ids.array().size() != 1) {
    ids.fail("one id", std::to_string(ids.array().size()), ErrorCode::kUnsupported);
  }
  const auto last = static_cast<int64_t>(vocab.tokens.size()) - 1;
  return static_cast<int32_t>(ids.element(0).integer(0, last));
}

// TemplateProcessing: at most one token before the text (BOS) and one after it (EOS).
void read_template(const JsonCursor& processor, Vocab& vocab) {
  const JsonCursor single = processor.at("single");
  bool after_text = false;
  for (std::size_t i = 0; i < single.array().size(); ++i) {
    const JsonCursor item = single.element(i);
    const auto special = item.find("SpecialToken");
    bool& is_set = after_text ? vocab.add_eos : vocab.add_bos;
    if (special && !is_set) {
      is_set = true;
      (after_text ? vocab.eos_id : vocab.bos_id) = template_id(processor, *special, vocab);
    } else if (!special && !after_text && item.find("Sequence")) {
      after_text = true;
    } else {
      item.fail("[BOS] text [EOS]", special ? "another token" : "another text",
                ErrorCode::kUnsupported);
    }
  }
  if (!after_text) single.fail("a Sequence", "none");
}

void read_post_processor(const JsonCursor& processor, Vocab& vocab) {
  const std::string type = processor.at("type").string();
  if (type == "Sequence") {
    const JsonCursor parts = processor.at("processors");
    for (std::size_t i = 0; i < parts.array().size(); ++i) {
      read_post_processor(parts.element(i), vocab);  // as deep as the JSON reader allows
    }
  } else if (type == "TemplateProcessing") {
    read_template(processor, vocab);
  } else if (type != "ByteLevel") {  // which only moves offsets
    processor.fail("TemplateProcessing or ByteLevel", quote(type), ErrorCode::kUnsupported);
  }
}

}  // namespace

Vocab parse_tokenizer_json(std::string_view text, const std::string& name) {
  const boost::json::value root = parse_json(text, name);
  const JsonCursor file(root, name);
  const JsonCursor model = file.at("model");
  check_model(model);
  Vocab vocab;
  if (is_byte_level(file)) {
    check_byte_level_normalizer(file);
    vocab.pre = pre_tokenizer_name(file);
    vocab.ignore_merges = model.bool_or("ignore_merges", false);
    read_tokens(model, vocab);
    read_byte_level_merges(model, vocab);
  } else {
    vocab.model = VocabModel::kSpm;
    read_sentencepiece(file, model, vocab);
  }
  if (const auto added = file.find("added_tokens")) {
    add_tokens(read_added_tokens(*added), *added, vocab);
  }
  if (const auto processor = file.find("post_processor")) read_post_processor(*processor, vocab);
  return vocab;
}

Vocab read_tokenizer_json(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxTokenizerJsonBytes);
  return parse_tokenizer_json({reinterpret_cast<const char*>(bytes.data()), bytes.span().size()},
                              path.string());
}

}  // namespace onebit
