// What a client sends on one connection: requests up to their handlers or refusals, by parser,
// guard and routes. The first byte says in what pieces the bytes arrive, which must not matter.
#include <algorithm>
#include <string>
#include <vector>

#include "fuzz.h"
#include "http/answer.h"
#include "http/intake.h"
#include "io/json_file.h"

namespace onebit::http {
namespace {

constexpr int64_t kMaxBody = 256;

const Policy& policy() {
  static const Policy policy = [] {
    GuardOptions options;
    options.hosts = {"box.example"};
    options.origins = {"https://app.example"};
    options.keys = ApiKeys::from_text("sk-first-key", "KEYS");
    return Policy{Guard(std::move(options)), Router({{"GET", "/", nullptr, 0, true},
                                                     {"GET", "/health", nullptr, 0, true},
                                                     {"POST", "/open", nullptr, kMaxBody, true},
                                                     {"GET", "/both", nullptr, 0, false},
                                                     {"POST", "/both", nullptr, kMaxBody, false}})};
  }();
  return policy;
}

void check_answer(const Response& answer) {
  fuzz::require(answer.status == 204 || (answer.status >= 400 && answer.status <= 505));
  fuzz::require(answer.status != 500);
  if (answer.status >= 400) parse_json(answer.body, "ANSWER").at("error").at("message").as_string();
  // Nothing that a client sent may become a line of the answer.
  const std::string head = head_text(answer, {});
  fuzz::require(head.ends_with("\r\n\r\n"));
  const auto lines = std::count(head.begin(), head.end(), '\n');
  fuzz::require(lines <= 8 + static_cast<int64_t>(answer.headers.size()));
  fuzz::require(std::count(head.begin(), head.end(), '\r') == lines);
}

// All that comes of the bytes, in words.
std::string receive(std::string_view bytes, std::size_t step, bool is_local) {
  std::string result;
  std::string in;
  std::optional<Intake> intake;
  for (;;) {
    if (!intake) intake.emplace(policy(), is_local);
    const auto taken = intake->feed(in);
    fuzz::require(taken <= in.size());
    in.erase(0, taken);
    switch (intake->state()) {
      case Intake::State::kHead:
      case Intake::State::kBody: {
        fuzz::require(intake->body_size() <= kMaxBody);
        if (bytes.empty()) return result + (intake->has_begun() ? "unfinished" : "end");
        const auto count = std::min(step, bytes.size());
        in += bytes.substr(0, count);
        bytes.remove_prefix(count);
        continue;
      }
      case Intake::State::kRequest: {
        const Request request = intake->take_request();
        fuzz::require(request.path.starts_with('/') &&
                      static_cast<int64_t>(request.body.size()) <= intake->route().max_body);
        fuzz::require(request.path == intake->route().path);
        fuzz::require(intake->route().is_public == request.tenant.empty());
        result += request.method + " " + request.path + "?" + request.query + " " + request.body;
        break;
      }
      case Intake::State::kAnswer: {
        const Response answer = intake->take_answer();
        check_answer(answer);
        result += std::to_string(answer.status) + answer.body;
        break;
      }
    }
    result += intake->keep_alive() ? " next\n" : " close\n";
    if (!intake->keep_alive()) return result;
    intake.reset();
  }
}

}  // namespace
}  // namespace onebit::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace onebit;
  if (size == 0) return 0;
  const auto bytes = fuzz::text(data + 1, size - 1);
  const bool is_local = (data[0] & 0x80) != 0;
  const std::size_t step = 1 + (data[0] & 0x7f);
  const auto split = http::receive(bytes, step, is_local);
  fuzz::require(split == http::receive(bytes, bytes.size() + 1, is_local));
  return 0;
}
