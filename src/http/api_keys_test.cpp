#include "http/api_keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace onebit::http {
namespace {

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(ApiKeys, TenantIsTheSha256OfTheKey) {
  const auto keys = ApiKeys::from_text("# of the team\n\n  sk-first-key \r\nsk-second-key", "KEYS");
  EXPECT_FALSE(keys.empty());
  // printf %s sk-second-key | sha256sum
  EXPECT_EQ(keys.tenant("sk-second-key"),
            "411459502c9d7bb257c378d48f51704b1bd7e7bd8aaee95454b78e7d946880a2");
  EXPECT_TRUE(keys.tenant("sk-first-key").has_value());
  EXPECT_NE(keys.tenant("sk-first-key"), keys.tenant("sk-second-key"));
}

TEST(ApiKeys, KnowsNoOtherKey) {
  const auto keys = ApiKeys::from_text("sk-first-key\n", "KEYS");
  for (const char* wrong :
       {"", "sk-first-ke", "sk-first-key ", "sk-first-keyx", "SK-FIRST-KEY", "# of the team"}) {
    EXPECT_FALSE(keys.tenant(wrong).has_value()) << wrong;
  }
  EXPECT_FALSE(ApiKeys().tenant("sk-first-key").has_value());
  EXPECT_FALSE(ApiKeys().tenant("").has_value());
}

TEST(ApiKeys, RefusesWhatIsNoKeyWithoutShowingIt) {
  for (const std::string wrong : {"secret1", "secret with spaces", "secret\x01hidden",
                                  "s\xc3\xa9"
                                  "cret-key"}) {
    const auto message = message_of([&] { ApiKeys::from_text("# keys\n" + wrong + "\n", "KEYS"); });
    EXPECT_NE(message.find("KEYS, line 2: expected an API key"), std::string::npos) << message;
    EXPECT_EQ(message.find("cret"), std::string::npos) << message;
  }
  EXPECT_NE(message_of([] { ApiKeys::from_text(std::string(257, 'k'), "KEYS"); }), "");
  EXPECT_NE(message_of([] { ApiKeys::from_text("# none\n\n", "KEYS"); }).find("found none"),
            std::string::npos);
}

TEST(ApiKeys, FileIsNotForEverybody) {
  const auto path =
      std::filesystem::temp_directory_path() / ("onebit_api_keys_" + std::to_string(::getpid()));
  std::ofstream(path) << "sk-first-key\n";
  ::chmod(path.c_str(), 0600);
  EXPECT_TRUE(ApiKeys::from_file(path).tenant("sk-first-key").has_value());
  for (const mode_t mode : {0604, 0602, 0666}) {
    ::chmod(path.c_str(), mode);
    EXPECT_NE(message_of([&] { ApiKeys::from_file(path); }).find(path.string()), std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_NE(message_of([&] { ApiKeys::from_file(path); }), "");
  EXPECT_NE(message_of([&] { ApiKeys::from_file("/dev/null"); }), "");
}

}  // namespace
}  // namespace onebit::http
