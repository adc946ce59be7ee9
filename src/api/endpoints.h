// What endpoints() lists.
#pragma once

#include "api/endpoint.h"

namespace onebit::api {

Call prepare_chat(const Service& service, const boost::json::object& body,
                  const std::string& tenant, std::shared_ptr<Sink> sink);
Call prepare_completion(const Service& service, const boost::json::object& body,
                        const std::string& tenant, std::shared_ptr<Sink> sink);
Call prepare_response(const Service& service, const boost::json::object& body,
                      const std::string& tenant, std::shared_ptr<Sink> sink);
Call prepare_embeddings(const Service& service, const boost::json::object& body,
                        const std::string& tenant, std::shared_ptr<Sink> sink);
Call prepare_tokenize(const Service& service, const boost::json::object& body,
                      const std::string& tenant, std::shared_ptr<Sink> sink);
Call prepare_detokenize(const Service& service, const boost::json::object& body,
                        const std::string& tenant, std::shared_ptr<Sink> sink);

}  // namespace onebit::api
