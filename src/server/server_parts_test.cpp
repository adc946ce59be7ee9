// Metrics, keys and what the operating system is asked for.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/process.h"

namespace onebit {
namespace {

using namespace std::chrono_literals;

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("onebit_" + name + std::to_string(getpid())))
      .string();
}

TEST(Histogram, CountsUpToEachBound) {
  constexpr double kBounds[] = {0.1, 1};
  Histogram histogram(kBounds);
  for (const double seconds : {0.05, 0.1, 0.5, 7.0}) histogram.observe(seconds);
  std::string text;
  histogram.write(text, "x", "Help.");
  EXPECT_EQ(text,
            "# HELP x Help.\n# TYPE x histogram\nx_bucket{le=\"0.1\"} 2\nx_bucket{le=\"1\"} 3\n"
            "x_bucket{le=\"+Inf\"} 4\nx_sum 7.65\nx_count 4\n");
}

TEST(Metrics, EveryFamilyIsDeclaredOnce) {
  Metrics metrics;
  metrics.count_answer("/a", 200);
  metrics.count_answer("/a", 200);
  metrics.count_answer("/a", 400);
  const SchedulerStats stats;
  const std::string text = metrics.text({.scheduler = &stats, .phase = "ok"});
  EXPECT_NE(text.find("onebit_http_requests_total{path=\"/a\",code=\"200\"} 2\n"),
            std::string::npos);
  std::vector<std::string> families;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) families.push_back(line.substr(7, line.rfind(' ') - 7));
    if (line.starts_with('#')) continue;
    ASSERT_FALSE(families.empty());
    EXPECT_TRUE(line.starts_with(families.back())) << line;
  }
  std::ranges::sort(families);
  EXPECT_EQ(std::ranges::adjacent_find(families), families.end());
  EXPECT_EQ(metrics.text({.phase = "loading"}).find("kv_blocks"), std::string::npos);
}

TEST(Keys, TheEnvironmentForgetsThem) {
  setenv("ONEBIT_API_KEYS", "key-number-1, key-number-2", 1);
  const char* value = std::getenv("ONEBIT_API_KEYS");
  const http::ApiKeys keys = take_environment_keys();
  EXPECT_TRUE(keys.tenant("key-number-1") && keys.tenant("key-number-2"));
  EXPECT_FALSE(keys.tenant("key-number-3"));
  EXPECT_NE(keys.tenant("key-number-1"), keys.tenant("key-number-2"));
  EXPECT_EQ(std::getenv("ONEBIT_API_KEYS"), nullptr);
  EXPECT_EQ(value[0], '\0');
  EXPECT_TRUE(take_environment_keys().empty());
  for (const char* wrong : {" ", "#key-number-1,key-number-2", "key-number-1, #key-number-2"}) {
    setenv("ONEBIT_API_KEYS", wrong, 1);
    EXPECT_THROW(take_environment_keys(), Error) << wrong;
  }
}

TEST(Process, TellsItsSupervisor) {
  const std::string path = temporary("notify");
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  notify_supervisor("READY=1");
  unsetenv("NOTIFY_SOCKET");
  char text[32] = {};
  EXPECT_EQ(recv(fd, text, sizeof text, MSG_DONTWAIT), 7);
  EXPECT_STREQ(text, "READY=1");
  close(fd);
  std::filesystem::remove(path);
  notify_supervisor("READY=1");  // nobody listens
}

TEST(Process, WaitsForSignals) {
  const Signals signals;
  EXPECT_EQ(signals.wait(0ms), 0);
  signals.wake();
  EXPECT_EQ(signals.wait(60s), 0);
  kill(getpid(), SIGTERM);
  EXPECT_EQ(signals.wait(60s), SIGTERM);
  EXPECT_EQ(signals.wait(0ms), 0);
}

TEST(Process, EndsAtTheNextSignalWhateverItDoes) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          const Signals signals;
          kill(getpid(), signal);
          if (signals.wait(60s) != signal) _exit(2);
          signals.exit_on_next();
          std::this_thread::sleep_for(Signals::kSameSignal);
          kill(getpid(), signal);
          std::this_thread::sleep_for(60s);
        },
        testing::ExitedWithCode(1), "");
  }
}

TEST(Process, ASignalThatComesTwiceIsOne) {
  const auto status = [] {
    const pid_t child = fork();
    if (child == 0) {
      const Signals signals;
      kill(getpid(), SIGTERM);
      if (signals.wait(60s) != SIGTERM) _exit(2);
      signals.exit_on_next();
      kill(getpid(), SIGTERM);
      kill(getpid(), SIGINT);
      _exit(0);
    }
    int result = -1;
    waitpid(child, &result, 0);
    return result;
  };
  int found = status();
  // Where the machine stood still meanwhile, they were not the same.
  for (int i = 0; found != 0 && i < 10; ++i) found = status();
  EXPECT_EQ(found, 0);
}

}  // namespace
}  // namespace onebit
