#include <charconv>
#include <cmath>
#include <cstdio>

#include "cli/cli.h"

namespace onebit {
namespace {

struct EmbedFlags {
  ModelFlags engine;
  std::string pooling;
  bool jsonl = false;
};

enum class Pool { kLast, kMean };

Pool choose_pooling(const EmbedFlags& flags, const ModelConfig& config) {
  if (flags.pooling == "last") return Pool::kLast;
  if (flags.pooling == "mean") return Pool::kMean;
  if (config.pooling == Pooling::kLast) return Pool::kLast;
  throw Error(ErrorCode::kInvalidArgument,
              "--pooling: expected last or mean (this is no embedding model), found none");
}

// The text's vector [hidden_size], of length 1.
std::vector<float> embed(Sequence& sequence, const std::string& text, Pool pool) {
  const Tokenizer& tokenizer = sequence.engine().tokenizer();
  const auto tokens = tokenizer.encode(text, {.add_bos = true, .add_eos = true});
  if (tokens.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "expected text, found none");
  }
  const auto width = static_cast<std::size_t>(sequence.engine().config().hidden_size);
  std::vector<double> sum(width);
  sequence.clear();
  sequence.append_hidden(tokens, [&](int64_t, std::span<const float> rows) {
    if (pool == Pool::kLast) {
      std::copy(rows.end() - static_cast<std::ptrdiff_t>(width), rows.end(), sum.begin());
      return;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) sum[i % width] += rows[i];
  });
  double square = 0;
  for (const double v : sum) square += v * v;
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) {
    throw Error(ErrorCode::kInvalidFile,
                "expected finite activations, found others: the model's weights are broken");
  }
  std::vector<float> vector;
  for (const double v : sum) vector.push_back(static_cast<float>(norm > 0 ? v / norm : 0));
  return vector;
}

void print(std::span<const float> vector) {
  std::string line = "[";
  for (const float v : vector) {
    char text[32];
    if (line.size() > 1) line += ',';
    line.append(text, std::to_chars(text, text + sizeof text, v).ptr);
  }
  line += "]\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  flush_stdout();
}

void embed_lines(const EmbedFlags& flags) {
  Engine engine = open_engine(flags.engine);
  const Pool pool = choose_pooling(flags, engine.config());
  Sequence sequence(engine);
  for_each_line([&](const std::string& line) {
    print(embed(sequence, flags.jsonl ? parse_json_string(line) : line, pool));
  });
}

}  // namespace

void add_embed(CLI::App& app) {
  auto flags = std::make_shared<EmbedFlags>();
  auto& c = *app.add_subcommand("embed", "Texts on stdin, one a line, to vectors on stdout");
  add_model_argument(c, flags->engine.model);
  c.add_option("--pooling", flags->pooling,
               "What stands for the text: the last token or the mean (default: the model's)")
      ->check(CLI::IsMember({"last", "mean"}));
  c.add_flag("--jsonl", flags->jsonl, "Each line is a JSON string");
  add_engine_flags(c, flags->engine);
  c.footer(
      "Examples:\n"
      "  echo \"a text\" | onebit embed embedding-model.gguf\n"
      "  onebit embed model.gguf --pooling mean < texts.txt\n"
      "One JSON array of floats a line, of length 1 (L2).");
  c.callback([flags] { embed_lines(*flags); });
}

}  // namespace onebit
