// A tokenizer.json up to a tokenizer that encodes and decodes.
#include "encode_and_decode.h"
#include "vocab/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  fuzz::expect_error_or_success([&] {
    const Tokenizer tokenizer(parse_tokenizer_json(fuzz::text(data, size), "FILE"));
    fuzz::encode_and_decode(tokenizer);
  });
  return 0;
}
