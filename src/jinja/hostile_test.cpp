// Templates from hostile files: an error of one line, quickly, whatever they do.
#include <gtest/gtest.h>

#include <chrono>

#include "base/error.h"
#include "jinja/budget.h"
#include "jinja/test_util.h"

namespace onebit::jinja {
namespace {

std::string repeat(const std::string& text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

// The error of parsing and rendering; "" if there is none.
std::string error_of(const std::string& source, const Value& context = Value::dict({})) {
  const auto start = std::chrono::steady_clock::now();
  std::string message;
  try {
    render(source, context);
  } catch (const Error& error) {
    message = error.what();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_LT(seconds.count(), 20) << source.substr(0, 100);  // 1 s without sanitizers
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

void expect_error(const std::string& source, const std::string& part) {
  const std::string message = error_of(source);
  EXPECT_NE(message.find(part), std::string::npos)
      << source.substr(0, 200) << "\n found: '" << message << "'";
  EXPECT_EQ(message.rfind("template line ", 0), 0u) << message;
}

TEST(Hostile, DeepSyntax) {
  const int n = 50'000;
  const std::pair<const char*, const char*> kBrackets[] = {
      {"(", ")"},  {"[", "]"},  {"{1:", "}"},  {"-", ""},           {"not ", ""},
      {"a(", ")"}, {"a[", "]"}, {"a|f(", ")"}, {"1 if 1 else ", ""}};
  for (const auto& [open, close] : kBrackets) {
    expect_error("{{ " + repeat(open, n) + "1" + repeat(close, n) + " }}",
                 "nested deeper than 128");
  }
  expect_error(repeat("{% if 1 %}", n), "nested deeper than 128");
  expect_error(repeat("{% for i in [] %}", n / 2), "nested deeper than 128");
  expect_error(repeat("{% macro f() %}", n / 2), "nested deeper than 128");
  expect_error("{% set " + repeat("(", n) + repeat(")", n) + " = 1 %}", "nested deeper than 128");
  expect_error("{% for " + repeat("(", n) + repeat(")", n) + " in 1 %}", "nested deeper than 128");
  for (const char* link : {"+1", "*1", "**1", " and 1", " or 1", "|abs", ".a", "[0]", "()",
                           " is odd", " if 1", "-1"}) {
    expect_error("{{ 1" + repeat(link, n) + " }}", "operators in a tag");
  }
  expect_error("{% if 1 %}" + repeat("{% elif 1 %}", n), "expected {% endif %}");
}

TEST(Hostile, AllowedDepthFitsTheStack) {
  EXPECT_EQ(render("{{ " + repeat("(", 120) + "1" + repeat(")", 120) + " }}"), "1");
  EXPECT_EQ(render("{{ 0" + repeat("+1", 790) + " }}"), "790");
  EXPECT_EQ(render(repeat("{% if 1 %}", 100) + "x" + repeat("{% endif %}", 100)), "x");
}

TEST(Hostile, Recursion) {
  expect_error("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper than");
  expect_error("{% macro f(n) %}{{ f(" + repeat("(", 100) + "n" + repeat(")", 100) +
                   ") }}{% endmacro %}{{ f(1) }}",
               "deeper than");
  expect_error("{% macro f(n) %}{{ 0" + repeat("+1", 300) +
                   " }}{{ 0+(0+(0+(f(1)|length))) }}{% endmacro %}{{ f(1) }}",
               "deeper than");
  expect_error("{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
               "deeper than");
  expect_error("{{ 'a'|map(*(['map'] * 4000))|list }}", "deeper than");
  EXPECT_EQ(render("{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{% else %}end{% endif %}"
                   "{% endmacro %}{{ f(100) }}"),
            "end");
}

TEST(Hostile, Steps) {
  const std::string loop = "{% for i in range(100000) %}";
  expect_error(loop + loop + "{% endfor %}{% endfor %}", "evaluation steps");
  expect_error(loop + "{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps");
  expect_error("{% set a = range(100000)|list %}" + loop + "{{ -1 in a }}{% endfor %}", "steps");
  expect_error("{% set a = range(100000)|list %}{% set b = range(100000)|list %}" + loop +
                   "{{ a == b }}{% endfor %}",
               "steps");
  expect_error("{% set a = range(100000)|list %}{{ a|unique|length }}", "steps");
  expect_error("{% set s = 'x' * 10000000 %}" + loop + "{{ s|length }}{% endfor %}", "steps");
  expect_error("{% set s = 'x' * 10000000 %}" + loop + "{{ 'y' in s }}{% endfor %}", "steps");
  expect_error(
      "{% set s = 'x' * 10000000 %}{% set t = s ~ '' %}" + loop + "{{ s == t }}{% endfor %}",
      "steps");
  // Searches that a naive loop would do in quadratic time.
  const std::string a = "{% set s = 'a' * 4000000 %}{% set t = 'a' * 2000000 ~ 'b' %}";
  EXPECT_EQ(render(a + "{{ t in s }} {{ s.count(t) }} {{ s.split(t)|length }}"), "False 0 1");
  expect_error(a + "{{ s.rfind(t) }}", "steps");
  expect_error(a + "{{ s.rsplit(t) }}", "steps");
  expect_error("{% set s = 'a' * 4000000 %}{{ s.strip('" + repeat("b", 1000) + "a') }}", "steps");
  // Values that are small, but exponential to walk.
  std::string bomb = "{% set a = [] %}{% set b = [] %}";
  for (int i = 0; i < 100; ++i) bomb += "{% set a = [a, a] %}{% set b = [b, b] %}";
  expect_error(bomb + "{{ a == b }}", "steps");
  expect_error(bomb + "{{ a < b }}", "steps");
  expect_error(bomb + "{{ a }}", "template needs more");
  expect_error(bomb + "{{ a|tojson }}", "template needs more");
  std::string literal = "{{ {";
  for (int i = 0; i < 60'000; ++i) literal += std::to_string(i) + ":1,";
  expect_error(literal + "} }}", "steps");
}

TEST(Hostile, Memory) {
  expect_error("{{ 'a' * 1000000000000 }}", "memory");
  expect_error("{{ 'a' * 9223372036854775807 }}", "memory");
  expect_error("{{ [1] * 1000000000000 }}", "memory");
  expect_error("{{ range(1000000000) }}", "range");
  expect_error("{{ range(-9223372036854775807, 9223372036854775807) }}", "range");
  expect_error("{{ 'a'.center(1000000000000) }}", "memory");
  expect_error("{{ 'a'|center(1000000000000) }}", "memory");
  expect_error("{{ 'a'.zfill(1000000000000) }}", "memory");
  expect_error("{{ 'a'|indent(1000000000000, true) }}", "memory");
  expect_error("{{ [1]|tojson(indent=1000000000000) }}", "memory");
  expect_error("{{ [1]|batch(1000000000000, 1) }}", "memory");
  expect_error("{{ [1]|slice(1000000000000) }}", "memory");
  expect_error("{{ '%1000000d' % 1 }}", "unsupported");
  expect_error("{{ '%999d' % 1 }}", "too wide");
  expect_error("{{ strftime_now('%1000000d') }}", "unsupported directive");
  expect_error(
      "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}"
      "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "memory");
  expect_error(
      "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}"
      "{% set ns.s = ns.s|replace('a', 'aaaaaaaa') %}{% endfor %}",
      "memory");
  expect_error(
      "{% set ns = namespace(s=[1, 2]) %}{% for i in range(100) %}"
      "{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "memory");
  expect_error("{% for i in range(100000) %}" + repeat("x", 1000) + "{% endfor %}", "output");
  expect_error(
      "{% set x %}{% for i in range(100000) %}" + repeat("x", 1000) + "{% endfor %}{% endset %}",
      "output");
  expect_error("{{ 'a' * 5000000 }}", "output");
  EXPECT_EQ(render("{{ 'a' * 4000000 }}").size(), 4'000'000u);
}

TEST(Hostile, ChainsAndCycles) {  // the sanitizer sees leaks, a full stack is a crash
  const std::string loop = "{% for i in range(60000) %}";
  expect_error("{% set ns = namespace(x=1) %}" + loop + "{% set ns.x = [ns.x] %}{% endfor %}",
               "nest deeper");
  expect_error("{% set ns = namespace(x=1) %}" + loop + "{% set ns.x = {'a': ns.x} %}{% endfor %}",
               "nest deeper");
  expect_error(
      "{% set ns = namespace(x=[]) %}" + loop + "{% set ns.x = [ns.x].count %}{% endfor %}",
      "nest deeper");
  expect_error("{% set ns = namespace(x=[]) %}" + loop +
                   "{% for j in [ns.x] %}{% set ns.x = loop %}{% endfor %}{% endfor %}",
               "nest deeper");
  expect_error(
      "{% set ns = namespace(x=[]) %}" + loop + "{% set ns.x = cycler(ns.x) %}{% endfor %}",
      "nest deeper");
  expect_error(
      "{% set ns = namespace(x=[]) %}" + loop + "{% set ns.x = joiner(ns.x) %}{% endfor %}",
      "nest deeper");
  error_of("{% set ns = namespace(x=1) %}" + loop +
           "{% set ns.x = namespace(y=ns.x) %}{% endfor %}");
  error_of("{% set ns = namespace() %}{% set ns.self = ns %}{% set ns.l = [ns] %}");
  error_of(
      "{% set ns = namespace(f=0) %}{% macro m(f) %}{% macro g() %}{{ f }}{% endmacro %}"
      "{% set ns.f = g %}{% endmacro %}" +
      loop + "{% set x = m(ns.f) %}{% endfor %}");
  error_of("{% for i in [1] %}{% set me = loop %}{{ loop.changed(loop) }}{% endfor %}");
}

TEST(Hostile, Numbers) {
  expect_error("{{ 9223372036854775807 + 1 }}", "64 bits");
  expect_error("{{ -9223372036854775807 - 2 }}", "64 bits");
  expect_error("{{ 9223372036854775807 * 2 }}", "64 bits");
  expect_error("{{ (-9223372036854775807 - 1) // -1 }}", "64 bits");
  expect_error("{{ -(-9223372036854775807 - 1) }}", "64 bits");
  expect_error("{{ (-9223372036854775807 - 1)|abs }}", "64 bits");
  expect_error("{{ 10 ** 10 ** 10 }}", "64 bits");
  expect_error("{{ 99999999999999999999 }}", "out of range");
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}"), "0");
  EXPECT_EQ(render("{{ [1, 2][9223372036854775807:] }}{{ [1, 2][::9223372036854775807] }}"),
            "[][1]");
  EXPECT_EQ(render("{{ [1, 2][-9223372036854775807:] }}{{ 'ab'[::-9223372036854775807] }}"),
            "[1, 2]b");
  EXPECT_EQ(render("{{ 1e308 * 10 }} {{ (1e308 * 10)|int(7) }} {{ [1]|first|round(400) }}"),
            "inf 7 1.0");
}

TEST(Hostile, EveryTruncationEndsWell) {
  const std::string source =
      "{%- macro f(a, b='x') -%}{{ a ~ b }}{%- endmacro -%}{# c #}{% raw %}r{% endraw %}"
      "{% for i, j in [(1, 2)] if i is odd %}{{ f(i, b=j)[::-1] | upper }}{% else %}{% endfor %}"
      "{% set ns = namespace(a={'k': [1.5, none]}) %}{% set ns.a = 'q\\n' %}{{ ns.a if ns else 1 "
      "}}";
  for (std::size_t n = 0; n <= source.size(); ++n) {
    error_of(source.substr(0, n));
    for (const char c : {'{', '}', '%', '(', '\'', '-', '\0', '\xff'}) {
      std::string damaged = source;
      if (n < source.size()) damaged[n] = c;
      error_of(damaged);
    }
  }
}

TEST(Hostile, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("a\n\n{{ 1 + }}"), "template line 3: expected an expression, found }}");
  EXPECT_EQ(error_of("a\n{{ x.y }}"), "template line 2: 'x' is undefined");
  EXPECT_EQ(error_of("\n\n{{ raise_exception('bo\nom') }}"), "template line 3: bo om");
  EXPECT_EQ(error_of("{% if 1 %}\n{{ 1|nope }}{% endif %}"),
            "template line 2: unknown filter 'nope'");
}

}  // namespace
}  // namespace onebit::jinja
