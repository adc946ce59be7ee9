// Text <-> token ids for vocabularies of byte-level BPE and of SentencePiece BPE.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/special_tokens.h"
#include "text/token_index.h"
#include "text/vocab.h"

namespace onebit {

struct ByteRange {
  std::size_t begin;
  std::size_t end;  // not included
};

struct EncodeOptions {
  // BOS in front if the vocabulary asks for it (Vocab::add_bos), even before a text that already
  // begins with it; EOS at the end likewise. Both together are the add_special of other engines.
  bool add_bos = false;
  bool add_eos = false;
  // Read the text of control tokens as the token. Only for text that this program wrote (chat
  // templates): in a user's text "<|im_end|>" is ten characters and must stay so.
  bool parse_special = false;
  // What a user wrote within the text, ascending and disjoint. Tokens are taken out of what lies
  // between as parse_special says; from a byte of these no control or unknown token, and no
  // user-defined one that ends a turn or looks like "<|...|>". Merges see no border.
  std::span<const ByteRange> user_ranges = {};
};

// Immutable after construction: any number of threads may use one.
class Tokenizer {
 public:
  static constexpr std::size_t kMaxTokens = std::size_t{1} << 21;
  static constexpr std::size_t kMaxMerges = std::size_t{1} << 24;
  static constexpr std::size_t kMaxTextBytes = (std::size_t{1} << 31) - 1;

  // Checks everything that a file can get wrong: sizes and ids, token types, "<0xHH>" bytes, the
  // byte alphabet, scores, merges (both parts and the result must be tokens that text can produce).
  // Throws Error(kInvalidFile) that names the token or merge, Error(kUnsupported) for an unknown
  // pre-tokeniser. Of tokens with the same bytes a normal one is produced before any other, and
  // the lowest id before higher ones.
  explicit Tokenizer(Vocab vocab);
  Tokenizer(Tokenizer&&) = default;
  Tokenizer& operator=(Tokenizer&&) = default;

  // User-defined tokens (and control and unknown ones under parse_special) are taken out first,
  // leftmost and longest first, with the white space that they strip; the rest is cut by the
  // pre-tokeniser and merged. kSpm: U+2581 counts as a space, a space is put before the text and
  // after each special token if add_space_prefix, and characters that are no tokens become byte
  // tokens or, without those, one unk_id for a run of them in a word. Any bytes are welcome, and
  // decode() gives them back (but for stripped white space, U+2581 and unk_id). Time is n log n in
  // the text. Throws Error(kInvalidArgument) for a byte or character that the vocabulary has no
  // token for, and for texts of 2 GiB and more.
  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;

  // The raw bytes of a token; one character may be spread over several tokens. Control and unknown
  // tokens give their text `with_special`, else nothing; unused ones give nothing. Valid as long
  // as the tokenizer. Throws Error(kInvalidArgument) for an id out of range.
  std::string_view token_bytes(int32_t id, bool with_special = false) const;

  // The concatenated bytes, less the spaces that encode() put there: not necessarily valid UTF-8
  // (for that: text/stream_decoder.h).
  std::string decode(std::span<const int32_t> ids, bool with_special = false) const;

  // One step of decode: what `id` adds. `at_start` is true at the beginning and then carried from
  // step to step: whether encode() would put a space here.
  std::string_view decode_next(int32_t id, bool& at_start, bool with_special = false) const;

  const Vocab& vocab() const { return vocab_; }
  int64_t n_vocab() const { return static_cast<int64_t>(vocab_.tokens.size()); }

  // The id of the control, unknown or user-defined token with this text, -1 if there is none.
  int32_t special_id(std::string_view text) const { return all_.find(text); }

  // Whether a token ends generation: eos_id, stop_ids, and control and user-defined tokens known by
  // name to end a turn ("<|im_end|>", "<|eot_id|>", ...), which files often leave unmarked.
  bool is_stop(int32_t id) const;

 private:
  struct Scratch;  // of one call of encode
  void read_tokens();
  void index_tokens();
  void read_merges();
  void prepare_spm();
  void collect_stops();
  void find_user_tokens();
  TokenType type_of(int32_t id) const {
    return static_cast<TokenType>(vocab_.types[static_cast<std::size_t>(id)]);
  }
  bool is_spm() const { return vocab_.model == VocabModel::kSpm; }
  std::vector<SpecialTokens::Part> take_out(std::string_view text,
                                            const EncodeOptions& options) const;
  void encode_text(std::string_view text, Scratch& scratch, std::vector<int32_t>& ids) const;
  void encode_piece(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const;
  void merge_bytes(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const;
  void merge_characters(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const;
  void spell(std::string_view character, std::size_t first, std::vector<int32_t>& ids) const;

  Vocab vocab_;
  PreTokenizer pre_tokenizer_;
  TokenIndex tokens_;     // by id what the token stands for; finds what text can produce
  int32_t byte_id_[256];  // -1: no such token
  MergeTable merges_;
  SpecialTokens always_;  // user-defined
  SpecialTokens all_;     // those, control and unknown
  SpecialTokens users_;   // of those that may be in a user_range
  std::vector<bool> is_stop_;
};

}  // namespace onebit
