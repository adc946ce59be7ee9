// A text through every pre-tokeniser: the pieces are the text again, none is empty.
#include "fuzz.h"
#include "text/pre_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  static const auto splitters = [] {
    std::vector<PreTokenizer> all;
    for (const auto& spec : pre_tokenizers()) all.emplace_back(spec.names[0]);
    return all;
  }();
  const std::string_view text = fuzz::text(data, size);
  for (const PreTokenizer& splitter : splitters) {
    fuzz::expect_error_or_success([&] {
      std::size_t at = 0;
      for (const std::string_view piece : splitter.split(text)) {
        fuzz::require(!piece.empty() && piece.data() == text.data() + at);
        at += piece.size();
      }
      fuzz::require(at == text.size());
    });
  }
  return 0;
}
