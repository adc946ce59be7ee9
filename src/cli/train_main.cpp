// onebit-train: the trainer's command line. Alone in linking libtorch; `onebit train` runs it.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include "cli/cli.h"
#include "eval/perplexity.h"
#include "text/bpe_trainer.h"
#include "train/dataset.h"
#include "train/progress.h"
#include "train/stop_signal.h"
#include "train/trainer.h"

namespace onebit {
namespace {

namespace fs = std::filesystem;

constexpr char kEndOfText[] = "<|endoftext|>";

struct TrainFlags {
  std::string preset = "shakespeare-char";
  std::vector<std::string> texts;
  std::string out = "run";
  std::string tokenizer;  // bpe or char; empty: the preset's
  int64_t vocab_size = 4096;
  double val_fraction = 0.1;
  bool resume = false;
  bool dry_run = false;
  std::map<std::string, std::string> options;  // TrainConfig fields by name
};

Vocab make_vocab(const TrainFlags& flags) {
  std::string corpus;
  for (const auto& path : flags.texts) corpus += read_text(path);
  const bool characters = flags.tokenizer.empty() ? flags.preset.find("char") != std::string::npos
                                                  : flags.tokenizer == "char";
  if (characters) return char_vocab(corpus);
  ProgressBar bar("tokenizer");
  BpeTrainerOptions options;
  options.vocab_size = flags.vocab_size;
  options.special_tokens = {kEndOfText};
  options.progress = [&](int64_t done, int64_t total) { bar.update(done, total); };
  Vocab vocab = train_bpe(corpus, options);
  vocab.eos_id = static_cast<int32_t>(vocab.tokens.size()) - 1;  // special tokens come last
  return vocab;
}

void prepare(const TrainFlags& flags, const fs::path& data) {
  const Vocab vocab = make_vocab(flags);
  const Tokenizer tokenizer{Vocab(vocab)};
  const std::vector<fs::path> texts(flags.texts.begin(), flags.texts.end());
  const auto info = prepare_dataset(
      texts, vocab, [&](std::string_view text) { return tokenizer.encode(text); }, data,
      flags.val_fraction);
  std::fprintf(stderr,
               "data: %zu texts, %lld tokens for training, %lld for validation, vocabulary "
               "%lld\n",
               texts.size(), static_cast<long long>(info.train_tokens),
               static_cast<long long>(info.val_tokens), static_cast<long long>(info.vocab_size));
}

int run(const TrainFlags& flags) {
  const fs::path saved = fs::path(flags.out) / "config.json";
  TrainConfig config = flags.resume && fs::exists(saved)
                           ? train_config_from_json(read_text(saved.string()), saved.string())
                           : train_preset(flags.preset);
  for (const auto& [key, value] : flags.options) set_train_option(config, key, value);
  const fs::path data = fs::path(flags.out) / "data";
  config.data_dir = data.string();
  config.out_dir = flags.out;
  config.resume = flags.resume;
  finish_config(config);
  if (flags.dry_run) {
    std::printf("%s\n", to_json(config).c_str());
    return 0;
  }
  if (flags.resume && !fs::exists(saved)) {
    throw Error(ErrorCode::kInvalidArgument,
                "--resume: expected a run in " + flags.out + ", found no config.json");
  }
  if (!flags.resume) require_no_checkpoint(flags.out);
  if (!flags.texts.empty()) {
    if (flags.resume) {
      throw Error(ErrorCode::kInvalidArgument,
                  "--resume: expected no --text (the run has its data), found one");
    }
    fs::create_directories(data);
    prepare(flags, data);
  } else if (!fs::exists(data / "data.json")) {
    throw Error(ErrorCode::kInvalidArgument, "--text: expected at least one text file, found none");
  }

  catch_stop_signals();
  Progress progress(stderr);
  TrainCallbacks callbacks;
  callbacks.evaluate = [&](const fs::path& model, std::span<const int32_t> tokens,
                           int64_t context) {
    EngineOptions options;
    options.threads = static_cast<int>(config.threads);
    options.context = context;
    Engine engine(ModelFile::open(model), options);
    return perplexity(engine, tokens, context).mean_nll;
  };
  callbacks.on_step = [&](const StepReport& report) { progress.update(report); };
  callbacks.note = [](const std::string& line) {
    std::fprintf(stderr, "note: %s\n", line.c_str());
  };
  callbacks.stop_requested = stop_signal_received;
  const auto result = train(config, callbacks);
  progress.finish();
  if (result.stopped) {
    std::fprintf(stderr, "stopped after %lld updates; go on with --out %s --resume\n",
                 static_cast<long long>(result.steps_done), flags.out.c_str());
    return 0;
  }
  std::printf("%s: %lld updates", result.model.c_str(), static_cast<long long>(result.steps_done));
  if (result.train_loss) std::printf(", training loss %.4f", *result.train_loss);
  if (result.val_loss) std::printf(", validation loss of the packed model %.4f", *result.val_loss);
  std::printf(" nats/token; %ju bytes\n", static_cast<uintmax_t>(fs::file_size(result.model)));
  return 0;
}

void add_options(CLI::App& app, TrainFlags& flags) {
  app.add_option("--preset", flags.preset, "Recipe to start from")
      ->check(CLI::IsMember(train_preset_names()))
      ->capture_default_str();
  app.add_option("--text", flags.texts, "Text files to learn from");
  app.add_option("--out", flags.out, "Folder of the run: data, log, checkpoints, model.gguf")
      ->capture_default_str();
  app.add_option("--tokenizer", flags.tokenizer, "bpe or char (default: the preset's)")
      ->check(CLI::IsMember({"bpe", "char"}));
  app.add_option("--vocab-size", flags.vocab_size, "Tokens of a bpe vocabulary")
      ->check(CLI::Range(int64_t{257}, int64_t{1} << 20))
      ->capture_default_str();
  app.add_option("--val-fraction", flags.val_fraction, "Share of each text kept for validation")
      ->check(CLI::Range(0.001, 0.9))
      ->capture_default_str();
  app.add_flag("--resume", flags.resume, "Go on from the newest checkpoint of --out, by its recipe")
      ->excludes("--preset");
  app.add_flag("--dry-run", flags.dry_run, "Print the configuration and stop");
  for (const auto& option : train_options(train_preset("shakespeare-char"))) {
    std::string flag = option.key;
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (app.get_option_no_throw("--" + flag) != nullptr || flag == "data-dir" ||
        flag == "out-dir") {
      continue;  // set by the flags above
    }
    app.add_option_function<std::string>(
           "--" + flag,
           [&flags, key = option.key](const std::string& value) { flags.options[key] = value; },
           option.help)
        ->group("Recipe (defaults by preset: --dry-run shows them)");
  }
  app.footer(
      "Examples:\n"
      "  onebit train --preset shakespeare-char --mode w1.58a8 --text input.txt --out run\n"
      "  onebit train --out run --resume\n"
      "  onebit train --preset books --text a.txt b.txt --steps 500 --lr 0.002 --out books");
}

}  // namespace
}  // namespace onebit

int main(int argc, char** argv) {
  using namespace onebit;
  CLI::App app{"Train a 1-bit language model and pack it.", "onebit train"};
  app.failure_message([](const CLI::App*, const CLI::Error& e) {
    return std::string("onebit train: ") + e.what() + " (see onebit train --help)\n";
  });
  TrainFlags flags;
  try {
    add_options(app, flags);
    app.parse(argc, argv);
    const int code = run(flags);
    flush_stdout();
    return code;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const Error& e) {
    std::fprintf(stderr, "onebit train: %s\n", e.what());
    return exit_code(e);
  } catch (const std::exception& e) {  // libtorch, the file system
    const std::string text = e.what();
    std::fprintf(stderr, "onebit train: %s\n", text.substr(0, text.find('\n')).c_str());
    return 1;
  }
}
