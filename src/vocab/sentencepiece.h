// A vocabulary in SentencePiece's .model: a protobuf message
// (https://github.com/google/sentencepiece, src/sentencepiece_model.proto).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "text/vocab.h"

namespace onebit {

inline constexpr int64_t kMaxSentencePieceBytes = int64_t{64} << 20;

// Models of type BPE that do not normalise text (Llama 2, Mistral, Gemma): kSpm. Inputs begin with
// BOS if the model has one, as all these want. Throws Error(kUnsupported) for UNIGRAM, WORD and
// CHAR models and for normalisers, Error(kInvalidFile) "PATH: field: expected X, found Y" for what
// is not such a message, Error(kIo).
Vocab read_sentencepiece(const std::filesystem::path& path);
// The same from memory; `name` stands for the path in messages.
Vocab parse_sentencepiece(std::span<const uint8_t> bytes, const std::string& name);

}  // namespace onebit
