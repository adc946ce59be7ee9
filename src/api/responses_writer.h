// Answers of /v1/responses.
#pragma once

#include <boost/json/object.hpp>
#include <memory>

#include "api/generation.h"

namespace onebit::api {

// `echoed`: the members of a response that say what was asked for.
std::unique_ptr<Writer> make_response_writer(const Service& service, bool stream,
                                             const boost::json::object& echoed,
                                             std::shared_ptr<Sink> sink);

}  // namespace onebit::api
