#include <charconv>
#include <cstdio>

#include "cli/cli.h"
#include "engine/pooling.h"

namespace onebit {
namespace {

struct EmbedFlags {
  ModelFlags engine;
  std::string pooling;
  bool jsonl = false;
};

// The text's vector [hidden_size], of length 1.
std::vector<float> embed(Sequence& sequence, const std::string& text, Pool pool) {
  const Tokenizer& tokenizer = sequence.engine().tokenizer();
  const auto tokens = tokenizer.encode(text, {.add_bos = true, .add_eos = true});
  if (tokens.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "expected text, found none");
  }
  Pooler pooler(pool, sequence.engine().config().hidden_size);
  sequence.clear();
  sequence.append_hidden(tokens, [&](int64_t, std::span<const float> rows) { pooler.add(rows); });
  return pooler.vector();
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
  const auto wanted =
      flags.pooling.empty() ? std::nullopt : std::optional<std::string_view>(flags.pooling);
  const Pool pool = choose_pool(wanted, engine.config(), "--pooling");
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
