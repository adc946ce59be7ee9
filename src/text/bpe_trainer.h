// Makes vocabularies from text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocab.h"

namespace onebit {

struct BpeTrainerOptions {
  int64_t vocab_size = 0;  // exact, all tokens counted; at least 256 + special_tokens
  std::vector<std::string> special_tokens = {};
  std::string pre = "gpt-2";   // pre-tokeniser (text/pre_tokenizer.h)
  int64_t min_pair_count = 2;  // rarer pairs are never merged
  // Called now and then with the tokens made so far and vocab_size.
  std::function<void(int64_t n_tokens, int64_t vocab_size)> progress = {};
};

// Learns merges (Sennrich et al. 2016): the most frequent adjacent pair within a piece becomes a
// token, again and again. Ties: the pair with the smaller left id, then the smaller right id. The
// result depends on nothing but the arguments.
//
// Ids: 0..255 are the bytes in order, then the merged tokens in the order they were made, then the
// special tokens in the given order, as control tokens. bos_id, eos_id and add_bos are left to the
// caller. Special tokens found in `text` separate it and are not learnt from.
//
// Throws Error(kInvalidArgument) when the options are inconsistent, or when the text has too few
// frequent pairs for vocab_size tokens (the message says how many it gives).
Vocab train_bpe(std::string_view text, const BpeTrainerOptions& options);

// One token per distinct character of `text`, and one per distinct byte that belongs to no valid
// character; ids in byte order, then the special tokens as control tokens, which are looked for in
// `text` as above. No merges: one character is one token, always. Characters that the text lacks
// cannot be encoded later.
Vocab char_vocab(std::string_view text, const std::vector<std::string>& special_tokens = {});

}  // namespace onebit
