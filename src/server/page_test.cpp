#include "server/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

namespace onebit {
namespace {

const PageFile* find(std::string_view path) {
  const auto files = page_files();
  const auto found = std::ranges::find(files, path, &PageFile::path);
  return found == files.end() ? nullptr : &*found;
}

std::string text_of(std::string_view path) {
  const PageFile* const file = find(path);
  return file == nullptr ? "" : std::string(file->bytes);
}

TEST(Page, HasItsFiles) {
  std::set<std::string_view> paths;
  for (const PageFile& file : page_files()) {
    EXPECT_FALSE(file.bytes.empty()) << file.path;
    EXPECT_TRUE(file.path.starts_with('/')) << file.path;
    EXPECT_TRUE(paths.insert(file.path).second) << file.path;
  }
  EXPECT_TRUE(text_of("/").starts_with("<!doctype html>"));
  EXPECT_TRUE(text_of("/").ends_with("</html>\n"));
  EXPECT_EQ(find("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(find("/app.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_TRUE(text_of("/icon.svg").starts_with("<svg"));
  EXPECT_NE(text_of("/licenses.txt").find("dompurify"), std::string::npos);
}

TEST(Page, RefersOnlyToItsFiles) {
  const std::string index = text_of("/");
  const std::regex reference(R"re((?:src|href)="([^"]*)")re");
  int n = 0;
  for (std::sregex_iterator match(index.begin(), index.end(), reference), end; match != end;
       ++match, ++n) {
    const std::string target = (*match)[1];
    ASSERT_TRUE(target.starts_with("./")) << target;
    EXPECT_NE(find(target.substr(1)), nullptr) << target;
  }
  EXPECT_EQ(n, 3);
}

// What the Content-Security-Policy would refuse.
TEST(Page, HasNoInlineScriptOrStyle) {
  const std::string index = text_of("/");
  EXPECT_FALSE(std::regex_search(index, std::regex(R"(<style|\sstyle=|\son[a-z]+=)")));
  EXPECT_FALSE(std::regex_search(index, std::regex(R"(<script[^>]*>[^<])")));
  EXPECT_EQ(text_of("/app.css").find("url("), std::string::npos);
  EXPECT_EQ(text_of("/app.css").find("@import"), std::string::npos);
}

}  // namespace
}  // namespace onebit
