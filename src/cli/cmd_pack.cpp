#include <cstdio>

#include "cli/cli.h"
#include "convert/pack.h"

namespace onebit {
namespace {

struct PackFlags {
  std::string model;
  OpenOptions open;
  std::string out;
  std::string head;
};

void pack(const PackFlags& flags) {
  const ModelFile model = ModelFile::open(flags.model, flags.open);
  ProgressBar bar("pack");
  const auto report =
      pack_model(model, flags.out, {.head = parse_head(flags.head)},
                 [&](int64_t done, int64_t total) { bar.update(done >> 20, total >> 20, "MiB"); });
  bar.finish();
  for (const std::string& loss : report.losses) std::fprintf(stderr, "note: %s\n", loss.c_str());
  std::printf("%s: %lld tensors, %lld of them copied as they are, %ju bytes\n", flags.out.c_str(),
              static_cast<long long>(report.tensors), static_cast<long long>(report.copied),
              static_cast<uintmax_t>(std::filesystem::file_size(flags.out)));
}

}  // namespace

void add_pack(CLI::App& app) {
  auto flags = std::make_shared<PackFlags>();
  auto& c = *app.add_subcommand("pack", "Write a model as it lies in memory, to be mapped");
  add_model_argument(c, flags->model, true);
  c.add_option("-o,--output", flags->out, "GGUF file to write")->required();
  add_head_flag(c, flags->head);
  add_open_flags(c, flags->open);
  c.footer(
      "Examples:\n"
      "  onebit pack model.gguf -o packed.gguf\n"
      "  onebit run packed.gguf -p \"Once upon a time\"     starts at once\n"
      "  onebit convert packed.gguf -o again.gguf --type i2_s\n"
      "A packed file gives the same logits as its source, on every CPU.");
  c.callback([flags] { pack(*flags); });
}

}  // namespace onebit
