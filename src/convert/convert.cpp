#include "convert/convert.h"

#include <algorithm>

#include "convert/encoder.h"

namespace onebit {
namespace {

void copy(const ModelFile& model, std::span<const uint8_t> bytes, const ByteSink& sink) {
  constexpr std::size_t kPart = std::size_t{4} << 20;
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(kPart, bytes.size()));
    sink(part);
    model.release(part);
    bytes = bytes.subspan(part.size());
  }
}

// The least loss that the tensor needs. Trying costs a pass over it, writing another.
Loss needed_loss(const RowReader& rows, const Format& target) {
  for (const Loss loss : {Loss::kNone, Loss::kScales}) {
    if (loss == Loss::kScales && target.weight_class == WeightClass::kFloat) break;
    try {
      encode(rows, target, loss, [](std::span<const uint8_t>) {});
      return loss;
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInvalidArgument) throw;
    }
  }
  return Loss::kQuantised;
}

void write_tensor(const ModelFile& model, const PlannedTensor& planned, const ByteSink& sink,
                  ConvertReport& report) try {
  const ModelTensor& t = *planned.source;
  if (planned.is_scale) {
    sink({reinterpret_cast<const uint8_t*>(&t.scale), sizeof t.scale});
    return;
  }
  if (planned.copied) {
    copy(model, t.bytes, sink);
    ++report.copied;
    return;
  }
  const RowReader rows(model, t, planned.interleaved_heads);
  const Loss loss = planned.allow_lossy ? needed_loss(rows, *planned.target) : Loss::kNone;
  if (loss != Loss::kNone) {
    report.losses.push_back("tensor " + quote(t.name) + ": " + describe(loss, *planned.target));
  }
  encode(rows, *planned.target, loss, sink);
  model.release(t.bytes);
} catch (const Error& e) {
  const bool lossy = e.code() == ErrorCode::kInvalidArgument && !planned.allow_lossy;
  throw Error(e.code(), "tensor " + quote(planned.name) + ": " + e.what() +
                            (lossy ? " (--allow-lossy would round it)" : ""));
}

}  // namespace

ConvertReport convert_model(const ModelFile& model, const std::filesystem::path& path,
                            const ConvertOptions& options,
                            const std::function<void(int64_t, int64_t)>& on_progress) {
  return write_plan(
      model, path, [&] { return plan_conversion(model, options); }, on_progress);
}

ConvertReport write_plan(const ModelFile& model, const std::filesystem::path& path,
                         const std::function<ConversionPlan()>& make_plan,
                         const std::function<void(int64_t, int64_t)>& on_progress) try {
  ConversionPlan plan = make_plan();
  GgufWriter writer(path, std::move(plan.metadata));
  int64_t total = 0;
  for (const PlannedTensor& t : plan.tensors) {
    writer.add_tensor(t.name, t.shape, t.target->id, t.bytes());
    total += t.bytes();
  }
  writer.begin();
  ConvertReport report;
  int64_t done = 0;
  const auto sink = [&](std::span<const uint8_t> bytes) {
    writer.write_part(bytes);
    done += static_cast<int64_t>(bytes.size());
    if (on_progress) on_progress(done, total);
  };
  for (const PlannedTensor& t : plan.tensors) {
    write_tensor(model, t, sink, report);
    ++report.tensors;
  }
  writer.commit();
  return report;
} catch (const Error& e) {
  const std::string what = e.what();
  const bool named = e.code() == ErrorCode::kIo || what.starts_with("cannot ") ||  // the output's
                     what.starts_with(model.name());
  throw Error(e.code(), named ? what : model.name() + ": " + what);
}

}  // namespace onebit
