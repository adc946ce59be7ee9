// The messages of a chat completion, made ready for templates.
#pragma once

#include <boost/json/value.hpp>
#include <ctime>
#include <vector>

#include "chat/request.h"

namespace onebit::api {

// Developers become systems, which every template knows, and the arguments of calls objects, as
// templates expect them. Throws ApiError, or Error(kInvalidArgument) of parse_messages.
std::vector<ChatMessage> read_messages(const boost::json::value& value);

std::tm local_time();

}  // namespace onebit::api
