#include "engine/steps/state.h"

namespace onebit {

void keep_prefixes(SchedulerState& state) {
  if (!state.options.prefix_cache) return;
  for (Job& job : state.running) {
    if (!job.sequence || job.is_embedding()) continue;
    const int64_t full = job.sequence->length() / kKvBlock;
    if (full <= job.kept_blocks) continue;
    try {
      state.cache.insert(job.request.tenant, *job.sequence);
    } catch (const std::bad_alloc&) {  // who needs them reads them again
    }
    job.kept_blocks = full;
    if (job.generated == 0) state.has_new_room = true;  // for others with this prompt
  }
}

}  // namespace onebit
