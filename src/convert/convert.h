// Any model that can be read into one GGUF v3 file. Lossless, or an error that names the tensor.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "convert/plan.h"

namespace onebit {

struct ConvertReport {
  int64_t tensors = 0;
  int64_t copied = 0;  // of them, byte for byte
  std::vector<std::string>
      losses;  // what was lost, one line a tensor (ConvertOptions::allow_lossy)
};

// Writes `model` to `path`, a few MB at a time. on_progress(bytes done, bytes in all). Throws
// Error(kInvalidArgument) that names tensor and value for a step that would lose something and is
// not allowed to, Error(kInvalidFile) for broken tensors, Error(kIo). Nothing is written then.
ConvertReport convert_model(const ModelFile& model, const std::filesystem::path& path,
                            const ConvertOptions& options,
                            const std::function<void(int64_t, int64_t)>& on_progress = {});

// The same for any plan; make_plan's errors get the model's name in front.
ConvertReport write_plan(const ModelFile& model, const std::filesystem::path& path,
                         const std::function<ConversionPlan()>& make_plan,
                         const std::function<void(int64_t, int64_t)>& on_progress);

}  // namespace onebit
