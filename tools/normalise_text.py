#!/usr/bin/env python3
"""Normalises a wrapped plain-text book for training: paragraphs on one line, ASCII punctuation.

Usage: normalise_text.py IN.txt > OUT.txt

A line longer than 50 characters is joined with the next one of its paragraph (verse has shorter
lines and keeps them). Curly quotes and dashes become ASCII, _italics_ lose their marks, runs of
blank lines become one newline.
"""
import re
import sys

PUNCTUATION = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2014": "--",
               "\u2013": "-", "\u2026": "...", "\u00a0": " ", "\ufeff": ""}


def normalise(text):
    for old, new in PUNCTUATION.items():
        text = text.replace(old, new)
    text = re.sub(r"_([^_\n]+(?:\n[^_\n]+)?)_", r"\1", text)
    lines = [re.sub(r"\s+", " ", line).strip() for line in text.split("\n")]
    out, joined = [], False
    for line in lines:
        if not line:
            joined = False
        elif joined:
            out[-1] += " " + line
            joined = len(line) > 50
        else:
            out.append(line)
            joined = len(line) > 50
    return "\n".join(out) + "\n"


sys.stdout.write(normalise(open(sys.argv[1], encoding="utf-8").read()))
