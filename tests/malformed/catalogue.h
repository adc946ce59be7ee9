// The catalogue of malformed input: every case is a small file, or a folder of files, that a loader
// meets, and what it has to make of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace onebit::malformed {

enum class Expect {
  kReject,  // an Error of one line that names the file
  kAccept,  // legal after all (an integer key in another integer type): loads, and decodes
  kEither,  // one or the other: a reader may be more or less strict there
};

struct Case {
  std::string name;
  Expect expect;
  // Names and contents. A "*.gguf" in front is what is loaded, otherwise the folder is.
  std::vector<std::pair<std::string, std::string>> files;
};
using Cases = std::vector<Case>;

struct Category {
  const char* name;
  Cases (*make)();
  std::size_t min_rejects;  // so that no edit empties a category unseen
};

std::span<const Category> categories();

// What one load did.
struct Outcome {
  std::string error;            // "" if the model loaded
  int64_t requested_bytes = 0;  // of every allocation, freed or not: a bound on any peak
  double seconds = 0;
};

// Writes the files of the case to a temporary folder, loads the model there and, if that works,
// decodes two tokens. Whatever is thrown but Error passes through.
Outcome load(const Case& c);

// Checks the outcome of a case against what it expects, and the limits: 1 s (with slack for a busy
// machine and sanitizers) and 32 MB. Failures are those of the running test.
void check(const Case& c, const Outcome& outcome);

// The categories' generators.
namespace gguf {
Cases truncations();
Cases header_integers();
Cases value_types();
Cases keys();
Cases values();
Cases tensors();
Cases hyper_parameters();
Cases vocabulary();
Cases sentencepiece();
Cases preamble();
Cases parts();
Cases panels();
}  // namespace gguf

namespace safetensors {
Cases truncations();
Cases header_integers();
Cases headers();
Cases indexes();
}  // namespace safetensors

namespace folders {
Cases configs();
Cases tokenizers();
}  // namespace folders

namespace fixtures {
Cases gguf_files();
Cases folders();
}  // namespace fixtures

}  // namespace onebit::malformed
