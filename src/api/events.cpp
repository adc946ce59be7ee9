#include "api/events.h"

#include <utility>

#include "io/json_text.h"

namespace onebit::api {

bool EventStream::write(std::string bytes) {
  if (!std::exchange(has_begun_, true)) sink_->start_events();
  return sink_->write(std::move(bytes));
}

// JSON has no line ends outside strings, and inside they are escaped: one line of data is enough.
bool EventStream::send(const boost::json::value& data) {
  return write("data: " + json_text(data) + "\n\n");
}

bool EventStream::send(std::string_view name, std::string_view json) {
  return write("event: " + std::string(name) + "\ndata: " + std::string(json) + "\n\n");
}

void EventStream::done() {
  write("data: [DONE]\n\n");
  sink_->end();
}

void EventStream::fail(const ApiError& error) {
  if (!has_begun_) {
    sink_->respond(error.status, error.json());
    return;
  }
  write("data: " + error.json() + "\n\n");
  sink_->end();
}

}  // namespace onebit::api
