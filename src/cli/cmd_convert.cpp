#include <cstdio>

#include "cli/cli.h"
#include "convert/convert.h"

namespace onebit {
namespace {

struct ConvertFlags {
  std::string model;
  OpenOptions open;
  std::string out;
  std::string type, embedding_type, output_type;
  bool allow_lossy = false;
};

void convert(const ConvertFlags& flags) {
  const auto chosen = [](const std::string& name) {
    return name.empty() ? nullptr : &writable_format(name);
  };
  const ConvertOptions options{.type = chosen(flags.type),
                               .embedding_type = chosen(flags.embedding_type),
                               .output_type = chosen(flags.output_type),
                               .allow_lossy = flags.allow_lossy};
  const ModelFile model = ModelFile::open(flags.model, flags.open);
  ProgressBar bar("convert");
  const auto report = convert_model(model, flags.out, options, [&](int64_t done, int64_t total) {
    bar.update(done >> 20, total >> 20, "MiB");
  });
  bar.finish();
  for (const std::string& loss : report.losses) std::fprintf(stderr, "note: %s\n", loss.c_str());
  std::printf("%s: %lld tensors, %lld of them copied as they are, %ju bytes\n", flags.out.c_str(),
              static_cast<long long>(report.tensors), static_cast<long long>(report.copied),
              static_cast<uintmax_t>(std::filesystem::file_size(flags.out)));
}

}  // namespace

void add_convert(CLI::App& app) {
  auto flags = std::make_shared<ConvertFlags>();
  auto& c = *app.add_subcommand("convert", "Write a model as one GGUF file, in other tensor types");
  add_model_argument(c, flags->model, true);
  c.add_option("-o,--output", flags->out, "GGUF file to write")->required();
  c.add_option("--type", flags->type,
               "Type of the linear layers: i2_s, tq1_0, tq2_0, q1_0, q2_0, pq2_0, ptq1_0, iq1_bn, "
               "iq2_bn, q8_0, q4_0, f16, bf16, f32 (default: as they are)");
  c.add_option("--embedding-type", flags->embedding_type, "Type of the token embedding");
  c.add_option("--output-type", flags->output_type, "Type of the output layer");
  c.add_flag("--allow-lossy", flags->allow_lossy,
             "Round what a type does not hold exactly, in place of refusing it");
  add_open_flags(c, flags->open);
  c.footer(
      "Examples:\n"
      "  onebit convert bitnet-b1.58-2B-4T/ -o model.gguf           a Hugging Face folder\n"
      "  onebit convert model.gguf -o small.gguf --type tq1_0 --allow-lossy\n"
      "  onebit convert model-00001-of-00003.gguf -o whole.gguf     a split file\n"
      "Codes and scales are carried exactly or the tensor is refused. A BitNet master becomes "
      "I2_S;\n"
      "other floats become 1-bit types by absmean, with --type and --allow-lossy.");
  c.callback([flags] { convert(*flags); });
}

}  // namespace onebit
