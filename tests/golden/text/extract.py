#!/usr/bin/env python3
"""Writes a golden tokeniser file: extract.py VOCAB.gguf OUT.txt CASES...

CASES: files of JSON ({"cases": [{text, ids, ids_parse, ids_bos, ids_bos_parse}]}), or llama.cpp's
ggml-vocab-*.gguf.inp with its .out beside it. Only tokens that occur in the cases are kept, with
their ids: no other token can ever be produced from them, and no other merge can ever apply.
"""
import json
import struct
import sys


def read_metadata(path):
    data, at = open(path, "rb").read(), 8
    scalar = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def number(fmt):
        nonlocal at
        at += struct.calcsize("<" + fmt)
        return struct.unpack_from("<" + fmt, data, at - struct.calcsize("<" + fmt))[0]

    def value(kind):
        nonlocal at
        if kind == 8:
            size = number("Q")
            at += size
            return data[at - size : at]
        if kind == 9:
            kind, count = number("I"), number("Q")
            return [value(kind) for _ in range(count)]
        return number(scalar[kind])

    _, n_keys = number("Q"), number("Q")
    return {value(8).decode(): value(number("I")) for _ in range(n_keys)}


def read_cases(path):
    if path.endswith(".inp"):
        texts = open(path, "rb").read().split(b"\n__ggml_vocab_test__\n")
        lines = open(path[:-4] + ".out").read().split("\n")
        return [(text, [[int(i) for i in line.split()]]) for text, line in zip(texts, lines)]
    kinds = ("ids", "ids_parse", "ids_bos", "ids_bos_parse")
    return [(c["text"].encode(), [c[k] for k in kinds]) for c in json.load(open(path))["cases"]]


def main():
    vocab, out, *case_files = sys.argv[1:]
    meta = {k.rsplit("ggml.")[-1]: v for k, v in read_metadata(vocab).items() if "tokenizer" in k}
    cases = [case for path in case_files for case in read_cases(path)]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in printable]
    byte_of = {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(moved)}
    spm = meta["model"] == b"llama"
    all_text = b"\0".join(text for text, _ in cases)
    if spm:  # a space comes before each text and after each special token
        all_text = all_text.replace(b" ", "\u2581".encode())

    def kept(token, kind):
        if spm:
            return kind != 1 or token.removeprefix("\u2581".encode()) in all_text
        raw = bytes(byte_of[c] for c in token.decode()) if kind == 1 else token
        return len(raw) == 1 or raw in all_text or (kind != 1 and len(meta["tokens"]) < 1000)

    pre = meta["pre"].decode()
    lines = [f"model {'spm' if spm else 'bpe'}", f"pre {pre}", f"bos {meta.get('bos_token_id', -1)}", f"eos {meta.get('eos_token_id', -1)}",
             f"n_vocab {len(meta['tokens'])}",
             f"add_bos {int(meta.get('add_bos_token', spm))}", f"ignore_merges {int(pre == 'llama-bpe')}"]
    ids = {}
    for i, (token, kind) in enumerate(zip(meta["tokens"], meta["token_type"])):
        if kept(token, kind) or i in (meta.get("bos_token_id"), meta.get("eos_token_id")):
            ids[token] = i
            lines.append(f"t {i} {kind} {token.hex()}" + (f" {meta['scores'][i]:g}" if spm else ""))
    for merge in meta.get("merges", []):
        space = merge.index(b" ", 1)
        left, right = merge[:space], merge[space + 1 :]
        if left + right in ids:
            lines.append(f"m {ids[left]} {ids[right]}")
    for text, lists in cases:
        columns = [" ".join(map(str, x)) for x in lists]
        if len(columns) == 4:
            bos = [str(meta["bos_token_id"])] if meta.get("add_bos_token", spm) else []
            plain, parse, plain_bos, parse_bos = columns
            columns[1] = "=" if parse == plain else parse
            columns[2] = "+" if plain_bos.split() == [*bos, *plain.split()] else plain_bos
            columns[3] = "+" if parse_bos.split() == [*bos, *parse.split()] else parse_bos
        lines.append("c " + "|".join([text.hex(), *columns]))
    open(out, "w").write("\n".join(lines) + "\n")


main()
