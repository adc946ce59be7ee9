// A GGUF file up to a working model: container, metadata, vocabulary, tensors, two tokens.
#include "engine/engine.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  fuzz::expect_error_or_success([&] {
    const auto file = open_gguf_model(GgufFile::parse(fuzz::buffer(data, size), "FILE"));
    for (const ModelTensor& tensor : file.tensors()) fuzz::touch(tensor.bytes);
    Engine engine(file, {.threads = 1, .context = 1, .isa = "scalar"});
    Sequence sequence(engine);
    sequence.append(std::vector<int32_t>{0});
    (void)engine.tokenizer().encode("a <s>\n\xff");
  });
  return 0;
}
