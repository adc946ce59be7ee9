// An answer as server-sent events.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <string_view>

#include "api/endpoint.h"

namespace onebit::api {

class EventStream {
 public:
  explicit EventStream(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}

  // False: nobody reads them. The first one begins the stream: until then a failure can still be
  // an answer with a status.
  bool send(const boost::json::value& data);
  bool send(std::string_view name, std::string_view json);  // on one line
  // "data: [DONE]", where the dialect has it, and the end.
  void done();
  void end() { sink_->end(); }
  // An error in place of what would come, and the end.
  void fail(const ApiError& error);
  bool has_begun() const { return has_begun_; }

 private:
  bool write(std::string bytes);

  std::shared_ptr<Sink> sink_;
  bool has_begun_ = false;
};

}  // namespace onebit::api
