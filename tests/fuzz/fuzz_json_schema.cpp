// A JSON Schema, up to a text written under it, which is JSON when it is complete. The first byte
// chooses among tokens, what follows is the schema.
#include <memory>

#include "fuzz.h"
#include "fuzz_vocabulary.h"
#include "grammar/json_schema.h"
#include "io/json_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  if (size == 0) return 0;
  fuzz::expect_error_or_success([&] {
    const Grammar grammar = parse_json_schema(fuzz::text(data + 1, size - 1), "FILE");
    const auto written = fuzz::write_text(std::make_shared<const Automaton>(grammar), data[0]);
    if (!written) return;
    try {
      parse_json(*written, "TEXT");
    } catch (const Error& error) {  // the one thing that a grammar cannot keep out
      fuzz::require(std::string_view(error.what()).find("a new key") != std::string_view::npos);
    }
  });
  return 0;
}
