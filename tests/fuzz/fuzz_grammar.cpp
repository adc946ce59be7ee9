// A grammar in GBNF, up to a text written under it: every token that a mask allows is taken, and
// the text can always go on or end. The first byte chooses among tokens, what follows is GBNF.
#include <memory>

#include "base/rng.h"
#include "fuzz.h"
#include "fuzz_vocabulary.h"
#include "grammar/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  if (size == 0) return 0;
  fuzz::expect_error_or_success([&] {
    const Grammar grammar = parse_gbnf(fuzz::text(data + 1, size - 1), "FILE");
    fuzz::write_text(std::make_shared<const Automaton>(grammar), data[0]);
  });
  return 0;
}
