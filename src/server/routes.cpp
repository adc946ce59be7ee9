// The routes of the backend: what each of them answers.
#include <algorithm>
#include <string>
#include <utility>

#include "server/backend.h"
#include "server/page.h"
#include "server/reply.h"
#include "server/routes.h"

namespace onebit {
namespace {

constexpr int64_t kMaxBody = int64_t{4} << 20;

http::Response page_response(const PageFile& file) {
  http::Response response;
  response.content_type = file.content_type;
  response.body = file.bytes;
  response.headers = {{"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::vector<http::Route> Backend::routes() {
  std::vector<http::Route> routes;
  const auto get = [&](const std::string& path, bool is_public,
                       std::function<http::Response()> respond) {
    routes.push_back({.method = "GET",
                      .path = path,
                      .handler = counted(path, std::move(respond)),
                      .is_public = is_public});
  };
  for (const api::Endpoint& endpoint : options_.endpoints) {
    routes.push_back({.method = "POST",
                      .path = std::string(endpoint.path),
                      .handler = posted(endpoint),
                      .max_body = kMaxBody});
  }
  get("/health", true, [this] { return health(); });
  get("/metrics", false, [this] { return metrics_page(); });
  get("/v1/models", false, [this] { return models(true); });
  // Clients write a slash of the name as %2F, or do not.
  const std::string name = options_.model.name;
  const std::string encoded = percent_encoded(name);
  get("/v1/models/" + name, false, [this] { return models(false); });
  if (encoded != name) get("/v1/models/" + encoded, false, [this] { return models(false); });
  if (options_.page) {
    for (const PageFile& file : page_files()) {
      get(std::string(file.path), true, [file] { return page_response(file); });
    }
  }
  return routes;
}

http::Handler Backend::counted(const std::string& path, std::function<http::Response()> respond) {
  return [this, path, respond = std::move(respond)](const http::ExchangePtr& exchange) {
    metrics_.count_answer(path, exchange->respond(respond()));
  };
}

http::Handler Backend::posted(const api::Endpoint& endpoint) {
  return [this, path = std::string(endpoint.path),
          prepare = endpoint.prepare](const http::ExchangePtr& exchange) {
    const auto served = model();
    if (phase_ != Phase::kReady || !served) {
      metrics_.count_answer(path, exchange->respond(unavailable()));
      return;
    }
    const auto reply = Reply::begin(exchange, path, metrics_);
    if (!preparation_->push({.reply = reply,
                             .prepare = prepare,
                             .service = &served->service(),
                             .scheduler = &served->scheduler()})) {
      refuse_as_busy(*reply);
    }
  };
}

http::Response Backend::health() const {
  http::Response response;
  const Phase phase = phase_;
  response.status = phase == Phase::kReady ? 200 : 503;
  response.body = std::string("{\"status\":\"") + phase_name() + "\"}";
  if (response.status != 200) response.headers.emplace_back("Retry-After", "1");
  return response;
}

http::Response Backend::unavailable() const {
  const bool loads = phase_ == Phase::kLoading;
  return error_response(
      {.status = 503,
       .message = loads ? "the model is being loaded" : "the server is shutting down",
       .type = "server_error",
       .param = {},
       .code = loads ? "model_loading" : "shutting_down"},
      {{"Retry-After", loads ? "1" : "5"}});
}

http::Response Backend::models(bool is_list) const {
  const auto served = model();
  if (!served) return unavailable();
  http::Response response;
  response.body =
      is_list ? "{\"object\":\"list\",\"data\":[" + served->card() + "]}" : served->card();
  return response;
}

http::Response Backend::metrics_page() const {
  const auto served = model();
  SchedulerStats stats;
  if (served) stats = served->scheduler().stats();
  http::Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.text({.scheduler = served ? &stats : nullptr,
                                 .queued = preparation_->n_queued(),
                                 .connections = counters_(),
                                 .phase = phase_name()});
  return response;
}

}  // namespace onebit
