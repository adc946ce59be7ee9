// The mark "from user" through every operation that moves text.
#include <gtest/gtest.h>

#include "jinja/marked_string.h"
#include "jinja/test_util.h"

namespace onebit::jinja {
namespace {

// Renders with u = " us-Er " marked, t = "te" not, l = a list of both, d = {"k": u}.
std::string marked(const std::string& source) {
  const Value u = Value::string(" us-Er ", true);
  const Value t = Value::string("te");
  const Value context = Value::dict({{Value::string("u"), u},
                                     {Value::string("t"), t},
                                     {Value::string("l"), Value::list({u, t})},
                                     {Value::string("d"), Value::dict({{Value::string("k"), u}})}});
  return marked_text_of(Template(source).render(context));
}

TEST(MarkedString, RunsAndSlices) {
  MarkedString s("abc");
  s.append("DEF", true);
  s.append("");
  s.append("ghi");
  ASSERT_EQ(s.runs().size(), 3u);
  const MarkedString middle = s.slice(2, 7);
  EXPECT_EQ(middle.bytes(), "cDEFg");
  ASSERT_EQ(middle.runs().size(), 3u);
  EXPECT_EQ(middle.runs()[0].end, 1u);
  EXPECT_EQ(middle.runs()[1].end, 4u);
  EXPECT_TRUE(middle.runs()[1].from_user);
  EXPECT_EQ(s.slice(3, 6).runs().size(), 1u);
  EXPECT_TRUE(s.slice(4, 4).runs().empty());
  MarkedString joined = s.slice(0, 5);
  joined.append(s.slice(5, 9));
  EXPECT_EQ(joined.runs().size(), 3u);
  EXPECT_EQ(joined.bytes(), s.bytes());
}

TEST(Marks, Survive) {
  EXPECT_EQ(marked("a{{ u }}b"), "a⟦ us-Er ⟧b");
  EXPECT_EQ(marked("{{ '<' + u + '>' }}"), "<⟦ us-Er ⟧>");
  EXPECT_EQ(marked("{{ t ~ u ~ 1 }}"), "te⟦ us-Er ⟧1");
  EXPECT_EQ(marked("{{ (t ~ u)[1:4] }}"), "e⟦ u⟧");
  EXPECT_EQ(marked("{{ (t ~ u)[::-1] }}"), "⟦ rE-su ⟧et");
  EXPECT_EQ(marked("{{ u[1] }}{{ u|first }}{{ u|last }}"), "⟦u  ⟧");
  EXPECT_EQ(marked("{{ (t ~ u)|upper }}"), "TE⟦ US-ER ⟧");
  EXPECT_EQ(marked("{{ (t ~ u)|title }}{{ u.swapcase() }}"), "Te⟦ Us-Er  US-eR ⟧");
  EXPECT_EQ(marked("{{ ('<' ~ u ~ '>')|replace('s', 'XX') }}"), "<⟦ u⟧XX⟦-Er ⟧>");
  EXPECT_EQ(marked("{{ '[x]'|replace('x', u) }}{{ 'x'.replace('x', u) }}"), "[⟦ us-Er ⟧]⟦ us-Er ⟧");
  EXPECT_EQ(marked("{{ u|trim }}{{ u.strip() }}{{ u.lstrip(' u') }}"), "⟦us-Erus-Ers-Er ⟧");
  EXPECT_EQ(marked("{{ l|join('+') }}{{ '+'.join(l) }}{{ 'ab'|join(u) }}"),
            "⟦ us-Er ⟧+te⟦ us-Er ⟧+tea⟦ us-Er ⟧b");
  EXPECT_EQ(marked("{{ (t ~ u).split('-')|join('/') }}"), "te⟦ us⟧/⟦Er ⟧");
  EXPECT_EQ(marked("{{ u.rsplit('-', 1)[0] }}{{ u.partition('-')[2] }}{{ u.split()[0] }}"),
            "⟦ usEr us-Er⟧");
  EXPECT_EQ(marked("{{ (t ~ u) * 2 }}"), "te⟦ us-Er ⟧te⟦ us-Er ⟧");
  EXPECT_EQ(marked("{{ u|center(9) }}|{{ u.ljust(8) }}"), " ⟦ us-Er ⟧ |⟦ us-Er ⟧ ");
  EXPECT_EQ(marked("{{ '[%s]' % u }}{{ '[%s]'|format(u) }}"), "[⟦ us-Er ⟧][⟦ us-Er ⟧]");
  EXPECT_EQ(marked("{{ u|e }}{{ u|string }}{{ u|safe }}{{ u|default('x') }}"),
            "⟦ us-Er  us-Er  us-Er  us-Er ⟧");
  EXPECT_EQ(marked("{{ u|urlencode }}{{ u|truncate(5, true, '.', 0) }}"), "⟦%20us-Er%20 us-⟧.");
  EXPECT_EQ(marked("{{ (u ~ '\n' ~ u)|indent(2) }}"), "⟦ us-Er ⟧\n  ⟦ us-Er ⟧");
  EXPECT_EQ(marked("{% for c in u %}{{ c }}{% endfor %}"), "⟦ us-Er ⟧");
  EXPECT_EQ(marked("{% set x %}<{{ u }}>{% endset %}{{ x }}"), "<⟦ us-Er ⟧>");
  EXPECT_EQ(marked("{% filter upper %}a{{ u }}{% endfilter %}"), "A⟦ US-ER ⟧");
  EXPECT_EQ(marked("{% macro m(x) %}({{ x }}{{ caller() }}){% endmacro %}"
                   "{% call m(u) %}<{{ u }}>{% endcall %}"),
            "(⟦ us-Er ⟧<⟦ us-Er ⟧>)");
  EXPECT_EQ(marked("{% set ns = namespace(x='') %}{% for i in l %}{% set ns.x = ns.x ~ i %}"
                   "{% endfor %}{{ ns.x }}"),
            "⟦ us-Er ⟧te");
  EXPECT_EQ(marked("{{ l|map('upper')|join }}{{ l|sort|first }}{{ [u]|map('trim')|first }}"),
            "⟦ US-ER ⟧TE⟦ us-Er us-Er⟧");
  EXPECT_EQ(marked("{{ d.k }}{{ d['k'] }}{{ d.get('k') }}{{ d.values()|first }}"),
            "⟦ us-Er  us-Er  us-Er  us-Er ⟧");
  EXPECT_EQ(marked("{{ (l|groupby(0))[0][1]|first }}{{ l|max }}"), "⟦ us-Er ⟧te");
}

TEST(Marks, StructureOfUserDataIsTheUsersToo) {
  EXPECT_EQ(marked("<{{ d|tojson }}>"), "<⟦{\"k\": \" us-Er \"}⟧>");
  EXPECT_EQ(marked("<{{ l }}>{{ d|string }}"), "<⟦[' us-Er ', 'te']⟧>⟦{'k': ' us-Er '}⟧");
  EXPECT_EQ(marked("{{ [t, 1]|tojson }}{{ [t] }}"), "[\"te\", 1]['te']");
}

}  // namespace
}  // namespace onebit::jinja
