#include "vocab/folder.h"

#include "base/file.h"
#include "io/json_file.h"
#include "vocab/checks.h"
#include "vocab/sentencepiece.h"
#include "vocab/tiktoken.h"
#include "vocab/tokenizer_config.h"
#include "vocab/tokenizer_json.h"

namespace onebit {
namespace {

// A tokenizer_config.json lists all added tokens, some kilobytes to 2 MB.
constexpr int64_t kMaxConfigBytes = int64_t{16} << 20;

bool is_there(const std::filesystem::path& path) {
  std::error_code error;  // what is wrong with it, reading says better
  return std::filesystem::exists(path, error) || error;
}

// A SentencePiece model begins with the tag of a field below 16 (a control character), base64 does
// not.
Vocab read_tokenizer_model(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxSentencePieceBytes);
  if (bytes.size() > 0 && bytes[0] >= ' ') return read_tiktoken(path);
  return parse_sentencepiece(bytes.span(), path.string());
}

Vocab read_tokenizer(const std::filesystem::path& folder) {
  const auto json = folder / "tokenizer.json";
  if (is_there(json)) return read_tokenizer_json(json);
  const auto model = folder / "tokenizer.model";
  if (is_there(model)) return read_tokenizer_model(model);
  throw Error(ErrorCode::kInvalidFile, folder.string() +
                                           ": vocabulary: expected tokenizer.json or "
                                           "tokenizer.model, found neither");
}

template <typename Apply>
bool apply_json(const std::filesystem::path& path, Apply apply, Vocab& vocab) {
  if (!is_there(path)) return false;
  const boost::json::value root = read_json(path, kMaxConfigBytes);
  apply(JsonCursor(root, path.string()), vocab);
  return true;
}

}  // namespace

Vocab read_vocab_folder(const std::filesystem::path& folder) {
  Vocab vocab = read_tokenizer(folder);
  apply_json(folder / "tokenizer_config.json", apply_tokenizer_config, vocab);
  if (!apply_json(folder / "generation_config.json", apply_generation_config, vocab)) {
    apply_json(folder / "config.json", apply_generation_config, vocab);
  }
  const auto jinja = folder / "chat_template.jinja";
  if (is_there(jinja)) {
    const auto bytes = read_file(jinja, vocab::kMaxTemplateBytes);
    set_chat_template({bytes.begin(), bytes.end()}, jinja.string(), "template", vocab);
  }
  return vocab;
}

}  // namespace onebit
