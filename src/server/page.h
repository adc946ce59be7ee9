// The page for people: the files of web/dist, in the binary.
#pragma once

#include <span>
#include <string_view>

namespace onebit {

struct PageFile {
  std::string_view path;  // "/", "/app.js"
  std::string_view content_type;
  std::string_view bytes;
};

std::span<const PageFile> page_files();

}  // namespace onebit
