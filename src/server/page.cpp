#include "server/page.h"

#include <array>

// Of page.S.
#define PAGE_FILE(symbol, path, file, type)     \
  extern "C" const char onebit_page_##symbol[]; \
  extern "C" const char onebit_page_##symbol##_end[];
#include "server/page_files.inc"
#undef PAGE_FILE

namespace onebit {

std::span<const PageFile> page_files() {
#define PAGE_FILE(symbol, path, file, type) \
  PageFile{path, type, {onebit_page_##symbol, onebit_page_##symbol##_end}},
  static const std::array files{
#include "server/page_files.inc"
  };
#undef PAGE_FILE
  return files;
}

}  // namespace onebit
