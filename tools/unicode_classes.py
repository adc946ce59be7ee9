#!/usr/bin/env python3
"""Writes src/text/unicode_classes.inc from Python's own Unicode tables:

    tools/unicode_classes.py > src/text/unicode_classes.inc

src/text/unicode_test.cpp holds the result against PCRE2, for every code point.
"""
import unicodedata

# White_Space of PropList.txt, unchanged since Unicode 6.3. (str.isspace() has U+001C-1F as well.)
WHITE_SPACE = {*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
CLASSES = {"L": 0, "N": 1, "M": 2, "P": 3}  # general category -> bit of CharClass
SPACE, OTHER = 4, 5


def char_class(code):
    if code in WHITE_SPACE:
        return SPACE
    return CLASSES.get(unicodedata.category(chr(code))[0], OTHER)


runs, previous = [], None
for code in range(0x80, 0x110000):
    bit = char_class(code)
    if bit != previous:
        runs.append(f"0x{code << 8 | 1 << bit:x}")
    previous = bit

print(f"// Unicode {unicodedata.unidata_version}, by tools/unicode_classes.py. First code point of a run << 8 | CharClass.")
line = ""
for run in runs:
    if len(line) + len(run) + 2 > 100:
        print(line)
        line = ""
    line += ("" if not line else " ") + run + ","
print(line)
