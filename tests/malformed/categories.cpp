#include "catalogue.h"

namespace onebit::malformed {

std::span<const Category> categories() {
  static const Category kCategories[] = {
      {"gguf_truncations", gguf::truncations, 3000},
      {"gguf_header_integers", gguf::header_integers, 1000},
      {"gguf_value_types", gguf::value_types, 400},
      {"gguf_keys", gguf::keys, 30},
      {"gguf_values", gguf::values, 30},
      {"gguf_tensors", gguf::tensors, 100},
      {"gguf_hyper_parameters", gguf::hyper_parameters, 20},
      {"gguf_vocabulary", gguf::vocabulary, 20},
      {"gguf_sentencepiece", gguf::sentencepiece, 20},
      {"gguf_preamble", gguf::preamble, 8},
      {"gguf_parts", gguf::parts, 40},
      {"gguf_panels", gguf::panels, 100},
      {"safetensors_truncations", safetensors::truncations, 1000},
      {"safetensors_header_integers", safetensors::header_integers, 1000},
      {"safetensors_headers", safetensors::headers, 100},
      {"safetensors_indexes", safetensors::indexes, 50},
      {"folder_configs", folders::configs, 400},
      {"folder_tokenizers", folders::tokenizers, 600},
      {"fixtures_gguf", fixtures::gguf_files, 108},
      {"fixtures_folders", fixtures::folders, 34},
  };
  return kCategories;
}

}  // namespace onebit::malformed
