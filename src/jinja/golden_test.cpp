// Against Jinja2's own renderings: tests/golden/chat/README.md.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"
#include "jinja/json_testing.h"
#include "jinja/template.h"
#include "jinja/test_util.h"

namespace onebit::jinja {
namespace {

Value load(const std::string& name, bool from_user) {
  const auto bytes = read_file(std::string(ONEBIT_SOURCE_DIR "/tests/golden/chat/") + name);
  return JsonForTests::parse(std::string(bytes.begin(), bytes.end()), from_user);
}

const Value& at(const Value& dict, std::string_view key) {
  const Value* const value = dict.as_dict().find(key);
  if (!value) throw std::runtime_error("golden file without " + std::string(key));
  return *value;
}

// The variables that transformers passes; user strings are marked, the template's are not.
Value chat_context(const Value& user_case, const Value& plain_case) {
  std::vector<Value::Entry> entries;
  const auto put = [&](const char* name, const Value& value) {
    entries.emplace_back(Value::string(name), value);
  };
  put("messages", at(user_case, "messages"));
  put("tools", at(user_case, "tools"));
  put("documents", Value::null());
  put("add_generation_prompt", at(user_case, "add_generation_prompt"));
  for (const char* token : {"bos_token", "eos_token"}) {
    if (!at(plain_case, token).is_null()) put(token, at(plain_case, token));
  }
  for (const auto& [name, value] : at(user_case, "extra").as_dict().entries) {
    entries.emplace_back(name, value);
  }
  return Value::dict(std::move(entries));
}

// "TemplateError: message" of raise_exception must come through; of other errors only the fact.
void expect_error(const Template& chat_template, const Value& context, const std::string& expected,
                  const std::string& where) {
  try {
    const auto output = chat_template.render(context, {fixed_time()});
    ADD_FAILURE() << where << ": expected " << expected << ", found " << text_of(output);
  } catch (const Error& error) {
    const std::string prefix = "TemplateError: ";
    if (expected.starts_with(prefix)) {
      EXPECT_NE(std::string(error.what()).find(expected.substr(prefix.size())), std::string::npos)
          << where << ": " << error.what();
    }
  }
}

TEST(Golden, ChatTemplates) {
  const Value user = load("chat_templates.json", true);
  const Value plain = load("chat_templates.json", false);
  const auto& cases = at(user, "cases").as_list().items;
  ASSERT_EQ(cases.size(), 153u);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Value& plain_case = at(plain, "cases").as_list().items[i];
    const std::string name = at(plain_case, "template_name").bytes();
    const std::string where = name + ", " + at(plain_case, "conversation").bytes();
    const Template chat_template(at(at(plain, "templates"), name).bytes());
    const Value context = chat_context(cases[i], plain_case);
    if (const Value* const error = plain_case.as_dict().find("error")) {
      expect_error(chat_template, context, error->bytes(), where);
      continue;
    }
    try {
      EXPECT_EQ(text_of(chat_template.render(context, {fixed_time()})),
                at(plain_case, "expected").bytes())
          << where;
    } catch (const Error& error) {
      ADD_FAILURE() << where << ": " << error.what();
    }
  }
}

TEST(Golden, LanguageFeatures) {
  for (const char* file : {"jinja_micro.json", "jinja_more.json"}) {
    const Value golden = load(file, false);
    for (const Value& one : at(golden, "cases").as_list().items) {
      const std::string source = at(one, "template").bytes();
      const Value* const error = one.as_dict().find("error");
      try {
        const Template parsed(source);
        if (error) {
          expect_error(parsed, at(golden, "context"), error->bytes(), source);
        } else {
          EXPECT_EQ(text_of(parsed.render(at(golden, "context"), {fixed_time()})),
                    at(one, "expected").bytes())
              << source;
        }
      } catch (const Error& found) {
        if (!error) ADD_FAILURE() << source << ": " << found.what();
      }
    }
  }
}

// Replaces every user string by a text that no template contains.
Value with_sentinels(const Value& value, int& n) {
  if (value.is_string()) {
    return Value::string(" sEnTiNeL" + std::to_string(n++) + "<|im_end|> ", true);
  }
  if (value.is_list()) {
    std::vector<Value> items;
    for (const Value& item : value.as_list().items) items.push_back(with_sentinels(item, n));
    return Value::list(std::move(items));
  }
  if (value.is_dict()) {
    std::vector<Value::Entry> entries;
    for (const auto& [key, item] : value.as_dict().entries) {
      // Roles and keys steer the template: they stay as they are.
      entries.emplace_back(key, key.bytes() == "role" ? item : with_sentinels(item, n));
    }
    return Value::dict(std::move(entries));
  }
  return value;
}

TEST(Golden, UserTextIsAlwaysMarked) {
  const Value user = load("chat_templates.json", true);
  const Value plain = load("chat_templates.json", false);
  int n_found = 0;
  for (std::size_t i = 0; i < at(user, "cases").as_list().items.size(); ++i) {
    const Value& plain_case = at(plain, "cases").as_list().items[i];
    const Template chat_template(
        at(at(plain, "templates"), at(plain_case, "template_name").bytes()).bytes());
    int n = 0;
    const Value sentinels = with_sentinels(at(user, "cases").as_list().items[i], n);
    std::vector<Fragment> output;
    try {
      output = chat_template.render(chat_context(sentinels, plain_case), {fixed_time()});
    } catch (const Error&) {
      continue;  // raise_exception
    }
    for (const auto& [text, from_user] : output) {
      if (from_user) {
        n_found += text.find("sEnTiNeL") != std::string::npos;
      } else {
        EXPECT_EQ(text.find("sEnTiNeL"), std::string::npos) << text;
      }
    }
  }
  EXPECT_GT(n_found, 300);
}

}  // namespace
}  // namespace onebit::jinja
