#include "api/endpoints.h"

namespace onebit::api {

const std::vector<Endpoint>& endpoints() {
  static const std::vector<Endpoint> kEndpoints = {
      {"/v1/chat/completions", prepare_chat}, {"/v1/completions", prepare_completion},
      {"/v1/responses", prepare_response},    {"/v1/embeddings", prepare_embeddings},
      {"/tokenize", prepare_tokenize},        {"/detokenize", prepare_detokenize},
  };
  return kEndpoints;
}

}  // namespace onebit::api
