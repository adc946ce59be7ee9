// Training state on disk: everything that the next step depends on, to the bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/adamw.h"
#include "train/network.h"

namespace onebit {

struct CheckpointInfo {
  int64_t step = 0;          // updates done
  double best_val_loss = 0;  // so far; infinity if none
  int64_t threads = 0;
  std::string isa;
  std::string config_json;  // TrainConfig
  uint64_t tokenizer_hash = 0;
};

// Writes DIR/checkpoint-STEP.gguf (latents, and moments under "m." and "v." names, all F32) and
// removes all but the newest two. A reader sees a whole file or none.
void save_checkpoint(const std::filesystem::path& dir, const CheckpointInfo& info,
                     const Network& network, AdamW& optimizer);

bool has_checkpoint(const std::filesystem::path& dir);

// The newest readable checkpoint of DIR into network and optimizer (the network is refreshed);
// nothing if there is none. `notes` gets a line for each unreadable one. Throws Error(kInvalidFile)
// when the newest readable one belongs to a model of another shape or an older quantiser.
std::optional<CheckpointInfo> load_checkpoint(const std::filesystem::path& dir, Network& network,
                                              AdamW& optimizer, std::vector<std::string>& notes);

}  // namespace onebit
