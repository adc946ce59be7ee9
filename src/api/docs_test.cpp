#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "api/endpoint.h"
#include "api/schema.h"

namespace onebit::api {
namespace {

// ONEBIT_WRITE_DOCS=1 build/tests/api_test --gtest_filter=Docs.* writes it anew.
TEST(Docs, AreThoseOfTheTables) {
  const std::string path = ONEBIT_SOURCE_DIR "/docs/api-fields.md";
  if (std::getenv("ONEBIT_WRITE_DOCS") != nullptr) std::ofstream(path) << field_docs();
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), field_docs()) << "see docs_test.cpp for how to write it";
}

TEST(Docs, EveryEndpointHasATable) {
  for (const Endpoint& endpoint : endpoints())
    EXPECT_EQ(schema_of(endpoint.path).path, endpoint.path);
  EXPECT_EQ(endpoints().size(), schemas().size());
}

TEST(Docs, FieldsAreThereOnce) {
  for (const Schema& schema : schemas()) {
    std::set<std::string_view> names;
    for (const auto fields : {schema.fields, schema.shared}) {
      for (const Field& field : fields) EXPECT_TRUE(names.insert(field.name).second) << field.name;
    }
  }
}

}  // namespace
}  // namespace onebit::api
