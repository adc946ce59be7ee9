// API keys of the environment. They are never on a command line, which all users of a machine see.
#pragma once

#include "http/api_keys.h"

namespace onebit {

// Those of ONEBIT_API_KEYS, separated by commas or white space; then it is overwritten and gone,
// from /proc/PID/environ too. None without it. Throws as http::ApiKeys::from_text, and for a key
// that begins with '#': a file's comments have no place here.
http::ApiKeys take_environment_keys();

}  // namespace onebit
