// Vocabularies in a well-formed container that do not fit the model or themselves.
#include <limits>

#include "gguf_editor.h"

namespace onebit::malformed::gguf {

Cases vocabulary() {
  Editor cases;
  const std::string t = "tokenizer.ggml.";
  using Strings = std::vector<std::string>;
  const Strings tokens = {"a", "b", "ab", "<s>", "</s>", "<0x0A>"};
  const auto with_tokens = [&](const std::string& name, Expect expect, auto edit) {
    Strings edited = tokens;
    edit(edited);
    cases.add(name, expect, [&](GgufDraft& draft) { draft.set(t + "tokens", edited); });
  };
  // The embedding has a row for each of six tokens.
  with_tokens("a token less", Expect::kReject, [](Strings& v) { v.pop_back(); });
  with_tokens("a token more", Expect::kReject, [](Strings& v) { v.push_back("c"); });
  with_tokens("no tokens", Expect::kReject, [](Strings& v) { v.clear(); });
  const auto resized = [&](const std::string& name, std::size_t n) {
    cases.add(name, Expect::kReject, [&](GgufDraft& draft) {
      Strings all = tokens;
      std::vector<int32_t> types = {1, 1, 1, 3, 3, 6};
      all.resize(n, "x");
      types.resize(n, 1);
      draft.set(t + "tokens", all);
      draft.set(t + "token_type", types);
    });
  };
  resized("fewer tokens than rows", 5);
  resized("more tokens than rows", 7);
  resized("no vocabulary", 0);
  for (const std::string byte : {"<0x-1>", "<0xZZ>", "<0x>", "<0x0>", "<0x000>", "<0x0A", "0x0A",
                                 "<0x0A> ", "<0X0A>", "<0x+1>", "<0x 1>", "", "\n"}) {
    with_tokens("byte token " + quote(byte), Expect::kReject, [&](Strings& v) { v[5] = byte; });
  }
  with_tokens("byte token in lower case", Expect::kEither, [](Strings& v) { v[5] = "<0x0a>"; });
  with_tokens("a token that is not UTF-8", Expect::kReject, [](Strings& v) { v[2] = "a\xff"; });
  with_tokens("an empty token", Expect::kReject, [](Strings& v) { v[2] = ""; });  // of a merge
  with_tokens("an empty special token", Expect::kEither, [](Strings& v) { v[3] = ""; });
  with_tokens("two equal tokens", Expect::kReject, [](Strings& v) { v[2] = "a"; });  // of a merge
  with_tokens("two equal special tokens", Expect::kEither, [](Strings& v) { v[4] = "<s>"; });
  with_tokens("a special token of 100 KB", Expect::kEither,
              [](Strings& v) { v[3] = std::string(100000, 's'); });
  cases.set(t + "token_type", Expect::kReject,
            std::vector<std::vector<int32_t>>{{1, 1, 1, 3, 3},
                                              {1, 1, 1, 3, 3, 6, 1},
                                              {},
                                              {1, 1, 1, 3, 3, 0},
                                              {1, 1, 1, 3, 3, 7},
                                              {1, 1, 1, 3, 3, -6},
                                              {1, 1, 1, 6, 3, 6},  // '<s>' as a byte
                                              {3, 1, 1, 3, 3, 6},  // a merge of a control token
                                              {1, 1, 5, 3, 3, 6},  // a merge to an unused token
                                              {-7, -7, -7, -7, -7, -7}});
  for (const std::string merge : {"", " ", "a", "a ", " b", "a  b", "a c", "c b", "b a", "ab a",
                                  "a b ", "a b c", "<s> a", "a\tb", "\xff a", "a \xff"}) {
    cases.set(t + "merges", Expect::kReject, std::vector<Strings>{{merge}, {"a b", merge}});
  }
  cases.set(t + "merges", Expect::kAccept, std::vector<Strings>{{}, {"a b", "a b"}});
  using U32s = std::vector<uint32_t>;
  for (const char* key : {"bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id",
                          "eot_token_id", "eom_token_id"}) {
    cases.set(t + key, Expect::kReject, U32s{6, 7, 1000000, 0x7fffffff, 0x80000000, ~0u});
    cases.set(t + key, Expect::kReject, std::vector<int32_t>{-2, -1000});
    cases.set(t + key, Expect::kReject,
              std::vector<uint64_t>{uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}});
  }
  cases.set(t + "model", Expect::kReject, Strings{"", "nosuch", "GPT2", "gpt2 ", "bert"});
  cases.set(t + "pre", Expect::kReject, Strings{"nosuch", "gpt-2 ", "\xff", "a\nb"});
  cases.add("BOS wanted but unknown", Expect::kReject, [&](GgufDraft& draft) {
    draft.set(t + "add_bos_token", true);
    std::erase_if(draft.entries, [&](const auto& e) { return e.key == t + "bos_token_id"; });
  });
  cases.set("onebit.tokenizer.stop_token_ids", Expect::kReject,
            std::vector<std::vector<int32_t>>{{-1}, {6}, {1, 1}, {0, 1, 2, 3, 4, 5, 0}});
  cases.set("onebit.tokenizer.strip", Expect::kReject,
            std::vector<std::vector<uint8_t>>{{}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}});
  cases.set("tokenizer.chat_template", Expect::kReject, Strings{std::string((1 << 20) + 1, 'x')});
  return cases.release();
}

Cases sentencepiece() {
  Editor cases(tiny_spm_model());
  const std::string t = "tokenizer.ggml.";
  cases.add("as it is", Expect::kAccept, [](GgufDraft&) {});
  const auto value = [&](const char* key, const char* what, const GgufValue& wrong) {
    cases.add(key + std::string(" ") + what, Expect::kReject,
              [&](GgufDraft& draft) { draft.set(t + key, wrong); });
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  cases.set(t + "scores", Expect::kReject,
            std::vector<std::vector<float>>{{},
                                            {0, 0, 0, 0, -1},
                                            {0, 0, 0, 0, -1, -2, -3},
                                            {0, 0, 0, 0, -1, nan},
                                            {0, 0, 0, 0, infinity, -2},
                                            {-infinity, 0, 0, 0, -1, -2}});
  value("scores", "as u8", std::vector<uint8_t>(6));
  value("scores", "as i32", std::vector<int32_t>(6));
  value("scores", "as f64", std::vector<double>(6));
  value("scores", "as strings", std::vector<std::string>(6));
  value("scores", "as one number", 0.0f);
  value("add_space_prefix", "as u8", uint8_t{1});
  value("add_space_prefix", "as i32", int32_t{1});
  value("remove_extra_whitespaces", "true", true);
  value("remove_extra_whitespaces", "as u8", uint8_t{0});
  for (const char* key : {"scores", "token_type", "tokens", "model"}) {
    cases.add(std::string("no ") + key, Expect::kReject, [&](GgufDraft& draft) {
      std::erase_if(draft.entries, [&](const auto& e) { return e.key == t + key; });
    });
  }
  for (const std::string byte : {"<0x-1>", "<0xZZ>", "<0x>", "<0x0A", "<0x100>", "<0x0A>x", ""}) {
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", byte, "\xe2\x96\x81", "a"};
    cases.add("byte token " + quote(byte), Expect::kReject,
              [&](GgufDraft& draft) { draft.set(t + "tokens", tokens); });
  }
  return cases.release();
}

}  // namespace onebit::malformed::gguf
