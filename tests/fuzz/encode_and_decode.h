// What a tokenizer from a fuzzed file has to keep: ids in range, and byte-level ones give the text
// back.
#pragma once

#include "fuzz.h"
#include "text/tokenizer.h"

namespace onebit::fuzz {

inline void encode_and_decode(const Tokenizer& tokenizer) {
  const Vocab& vocab = tokenizer.vocab();
  for (const std::string_view text :
       {"a ab  <s>ba\n", " \xff\xe2\x96\x81 <|im_end|> 12 \xc3\xa9"}) {
    for (const bool special : {false, true}) {
      try {
        const auto ids = tokenizer.encode(
            text, {.add_bos = special, .add_eos = special, .parse_special = special});
        for (const int32_t id : ids) require(id >= 0 && id < tokenizer.n_vocab());
        const std::string again = tokenizer.decode(ids, special);
        if (vocab.model == VocabModel::kBpe && vocab.strip.empty() && !special) {
          require(again == text);
        }
      } catch (const Error& e) {  // a character that the vocabulary has no token for
        require(e.code() == ErrorCode::kInvalidArgument);
      }
    }
  }
}

}  // namespace onebit::fuzz
