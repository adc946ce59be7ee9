// The trained network as a model file that the engine runs.
#pragma once

#include <filesystem>

#include "text/vocab.h"
#include "train/network.h"

namespace onebit {

// Writes `network` as GGUF: linear layers in spec().format with the very codes and scales of the
// last refresh(), embedding (and head, if untied) in the embedding format, norms in F32.
void export_model(const Network& network, const Vocab& vocab, const std::filesystem::path& path);

}  // namespace onebit
