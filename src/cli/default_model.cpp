#include "cli/default_model.h"

#include <cstring>

#ifdef ONEBIT_HAS_DEFAULT_MODEL
extern "C" const unsigned char onebit_default_model[];
extern "C" const unsigned char onebit_default_model_end[];
#endif

namespace onebit {

ModelFile open_default_model() {
#ifdef ONEBIT_HAS_DEFAULT_MODEL
  AlignedBuffer<uint8_t> bytes(onebit_default_model_end - onebit_default_model);
  std::memcpy(bytes.data(), onebit_default_model, static_cast<std::size_t>(bytes.size()));
  return open_gguf_model(GgufFile::parse(std::move(bytes), "default model"));
#else
  throw Error(ErrorCode::kUnsupported,
              "MODEL: this build carries no default model: give the path of a GGUF file");
#endif
}

}  // namespace onebit
