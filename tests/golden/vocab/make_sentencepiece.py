#!/usr/bin/env python3
"""Makes sentencepiece.model and sentencepiece.txt with Google's SentencePiece (Python package).

  make_sentencepiece.py TEXT    TEXT: some English text, e.g. a book of data/
"""
import shutil
import sys
import tempfile
from pathlib import Path

import sentencepiece as spm

CASES = [
    "Hello world",
    "It was the best of times, it was the worst of times.",
    " two  spaces   and\ttabs\nand lines\n",
    "",
    " ",
    "caf\u00e9, na\u00efve, \u4f60\u597d, \U0001f600!",
    "1234567890 3.14",
    "aaaaaaaaaaaaaaaaaaaaa",
    "<turn>the<turn> end",
    "<s> is text",
    "e\u0301\u2581x",
]


def main():
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text"
        text.write_text(Path(sys.argv[1]).read_text(encoding="utf-8")[:200_000], encoding="utf-8")
        spm.SentencePieceTrainer.train(
            input=str(text), model_prefix=folder + "/m", model_type="bpe", vocab_size=600,
            byte_fallback=True, normalization_rule_name="identity",
            remove_extra_whitespaces=False, split_digits=True, character_coverage=0.999,
            pad_id=3, user_defined_symbols=["<turn>"], num_threads=1)
        model = Path(folder + "/m.model").read_bytes().replace(str(text).encode(), b"x" * len(str(text)))
        model = model.replace((folder + "/m").encode(), b"x" * len(folder + "/m"))
        (here / "sentencepiece.model").write_bytes(model)
    sp = spm.SentencePieceProcessor(model_proto=model)
    lines = []
    for text in CASES:
        ids = sp.encode(text)
        lines.append(text.encode().hex() + "|" + " ".join(map(str, ids)))
    (here / "sentencepiece.txt").write_text("\n".join(lines) + "\n")


main()
