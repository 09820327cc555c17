"""Holds the tokenizer's ids to those of the `tokenizers` package.

check_tokenizer.py TEXT_IDS MODEL.gguf [--data FOLDER] [--fuzz N] [--variants]
  TEXT_IDS  the test program tests/unit/text/text_ids.cpp, as built
Every sentence of every JSON file under FOLDER, then N fuzzed strings, each as plain text and with special tokens parsed, by
the GGUF file itself; with --variants also over other pre-tokenizers and normalizers. Exits with 1 where one text differs.
"""

import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def smollm_tokenizer(path):
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, k in zip(tokens, types) if k == 3])
    return tokenizer


def byte_level(use_regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def variants(base):
    """(name, tokenizer) with the same vocabulary and other steps."""

    def variant(pre_tokenizer, normalizer=None, ignore_merges=False):
        spec = json.loads(base.to_str())
        spec["model"]["ignore_merges"] = ignore_merges
        tokenizer = Tokenizer.from_str(json.dumps(spec))
        tokenizer.pre_tokenizer = pre_tokenizer
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        return tokenizer

    def split(pattern, behavior, invert=False):
        return pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, behavior, invert), byte_level(True)])

    yield "llama3", variant(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4), "isolated"), byte_level(False)]), ignore_merges=True)
    yield "qwen2", variant(
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(GPT4.replace("{1,3}", "")), "isolated"), byte_level(False)]), normalizers.NFC()
    )
    yield "prefix space", variant(pre_tokenizers.ByteLevel(add_prefix_space=True))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        yield behavior, variant(split("e", behavior))
        yield behavior + " inverted", variant(split(Regex(r"\w+|\d|\s"), behavior, True))
    yield "digits", variant(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False), byte_level(False)]))
    yield "punctuation", variant(pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), byte_level(True)]))
    yield "whitespace", variant(pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), byte_level(False)]))
    yield "whitespace split", variant(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), byte_level(False)]))
    for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase"):
        yield name, variant(byte_level(True), getattr(normalizers, name)())
    steps = [normalizers.Strip(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace("a", "bc"), normalizers.Prepend(">")]
    yield "normalizers", variant(byte_level(True), normalizers.Sequence(steps))
    added = variant(byte_level(True), normalizers.Lowercase())
    added.add_tokens(
        [
            AddedToken("New York", normalized=True),
            AddedToken("New York City", normalized=False),
            AddedToken("<left>", lstrip=True, normalized=False),
            AddedToken("<right>", rstrip=True, normalized=False),
            AddedToken("word", single_word=True, normalized=False),
            AddedToken("im_start", normalized=False),
            AddedToken("e e", lstrip=True, rstrip=True),
        ]
    )
    yield "added tokens", added


PIECES = [
    "New York City", "new york", "<left>", "<right>", "word", "e e", "im_start", "'s", "'LL", "don't", "\u017f", "'\u017f", "\u212a", "ffi", "\ufb01",
    "  ", "\n\n", "\t", "\r\n", " \n ", "\u00a0", "\u180e", "\u2003", "\u3000", "\u0085", "\x1c", "\u200b", "\u200d", "\ufeff", "\ufffd",
    "123", "4567890", "\u0663\u0664", "\u00bd", "\u2160", "\u4e09", "e\u0301", "\u0130", "\u03a3", "\u1e9b\u0323", "\uac00", "\u1100\u1161",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u65e5\u672c\u8a9e", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u05e9\u05b8", "the", " of", "Hello",
    "_", "__", "a_b", "!!!", "...", "{}", "\\n", "\x00", "\x04", "\x7f", "x" * 50, "    " * 10,
]  # fmt: skip
RANGES = [(0, 0x7F), (0x80, 0x24F), (0x300, 0x36F), (0x370, 0x10FF), (0x2000, 0x2BFF), (0x3000, 0x9FFF), (0xA000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x10FFFF)]  # fmt: skip


def fuzzed(count, specials, seed=1):
    rng = random.Random(seed)
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(0, 14)):
            kind = rng.random()
            if kind < 0.45:
                parts.append(rng.choice(PIECES))
            elif kind < 0.6:
                special = rng.choice(specials)
                parts.append(special if rng.random() < 0.7 else special[: rng.randint(1, len(special))])
            else:
                low, high = rng.choice(RANGES)
                points = [rng.randint(low, high) for _ in range(rng.randint(1, 6))]
                parts.append("".join(chr(c) for c in points if not 0xD800 <= c < 0xE000))
            if rng.random() < 0.3:
                parts.append(rng.choice(" \n"))
        yield "".join(parts)


def sentences(folder):
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.json"), recursive=True)):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        for record in content if isinstance(content, list) else []:
            if isinstance(record, dict) and "sentence" in record:
                yield record["sentence"]


def check(program, name, tokenizer, texts, path=None):
    differing = 0
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        file.write(tokenizer.to_str())
        file.flush()
        for parse_special in (False, True):
            lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
            command = [program, path or file.name] + ["--parse-special"] * parse_special
            output = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
            tokenizer.encode_special_tokens = not parse_special
            answers = output.split("\n")[:-1]
            assert len(answers) == len(texts)
            for text, line in zip(texts, answers):
                answer = json.loads(line)
                ids = tokenizer.encode(text, add_special_tokens=False).ids
                decoded = [tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)]
                if ids != answer["ids"] or decoded != [answer["text"], answer["skipped"]]:
                    differing += 1
                    if differing <= 3:
                        print(f"{name}: {text!r}\n  tokenizers {ids}\n  here       {answer['ids']}")
                        if ids == answer["ids"]:
                            print(f"  decoded {decoded!r} {[answer['text'], answer['skipped']]!r}")
    print(f"{name}: {len(texts)} texts, plain and parsed, {differing} differ", flush=True)
    return differing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--data")
    parser.add_argument("--fuzz", type=int, default=10000)
    parser.add_argument("--variants", action="store_true")
    arguments = parser.parse_args()
    base = smollm_tokenizer(arguments.model)
    specials = [t.content for t in base.get_added_tokens_decoder().values()]
    differing = 0
    if arguments.data:
        differing += check(arguments.program, "data", base, list(sentences(arguments.data)), arguments.model)
    differing += check(arguments.program, "fuzz", base, list(fuzzed(arguments.fuzz, specials)), arguments.model)
    if arguments.variants:
        texts = list(fuzzed(1500, specials, seed=2))
        for name, tokenizer in variants(base):
            differing += check(arguments.program, name, tokenizer, texts)
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
