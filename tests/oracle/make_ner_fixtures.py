"""Writes tests/fixtures/ner/*.jsonl: the rules of docs/metric.md in plain Python, run over random and tricky cases.

Only the standard library is used. The reading of an answer is written from the table of cases, not from the C++.
Usage: python3 tests/oracle/make_ner_fixtures.py [FOLDER]
"""

import json
import random
import re
import string
import sys
import unicodedata
from pathlib import Path

DROPPED = {"", "na", "n a", "misc", "else", "other", "nan"}


class Raised(Exception):
    """The reference would raise here."""


def normalise(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def block(text, mark, end, rules, name):
    if mark not in text:
        return text
    match = re.search(re.escape(mark) + "(.*?)" + re.escape(end), text, re.S)
    if match:
        return match.group(1)
    if rules == "reference":
        raise Raised(name)
    return text.split(mark, 1)[1]


def extract(text, rules):
    if "<think>" in text or "</think>" in text:
        text = re.sub("<think>.*?</think>", "", text, flags=re.S)
        text = text.replace("<think>", "").replace("</think>", "")
    text = block(text, "<answer>", "</answer>", rules, "unclosed_answer")
    text = block(text, "```json", "```", rules, "unclosed_json")
    return text.strip()


def read_value(value, rules):
    """(mention texts, whether the corrected schema reward is lost)"""
    if isinstance(value, list):
        return [v for v in value if isinstance(v, str)], False
    if isinstance(value, str):
        return (list(value), False) if rules == "reference" else ([value], True)
    if isinstance(value, dict):
        return (list(value), False) if rules == "reference" else ([], True)
    if rules == "reference":
        raise Raised("label value")
    return [], True


def read_answer(text, schema, rules):
    """(mentions, schema reward, entities is an object)"""
    try:
        text = extract(extract(text, rules), rules)
    except Raised:
        return [], 0, False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return [], 0, False
    lenient = 1 if rules == "reference" else 0
    if not isinstance(value, dict) or "entities" not in value:
        return [], lenient, False
    if not isinstance(value["entities"], dict):
        return [], 0, False
    known = {s.lower().strip() for s in schema} - DROPPED
    mentions, reward = [], 1
    try:
        for label, members in value["entities"].items():
            texts, lost = read_value(members, rules)
            label = label.lower().strip()
            mentions += [(t.strip(), label) for t in texts]
            if lost or (texts and label not in known):
                reward = 0
    except Raised:
        return [], 0, False
    return mentions, reward, True


def f1_of(gold, mentions, is_object, rules):
    gold = {(normalise(t.strip()), l.lower().strip()) for t, l in gold if l.lower().strip() not in DROPPED}
    predicted = {(normalise(t), l) for t, l in mentions}
    if not gold and not predicted:
        return 1.0 if rules == "corrected" and is_object else 0.0
    hits = len(gold & predicted)
    p = hits / len(predicted) if predicted else 0
    r = hits / len(gold) if gold else 0
    return 2 * p * r / (p + r) if p + r else 0.0


TRICKY_TEXTS = [
    "", " ", "The Who", "the  a an", "An A-Team", "a\u0301 b", "THE\u00a0END", "ΟΔΥΣΣΕΥΣ", "Σ", "ΑΣ.", "ΑΣΑ", "İstanbul", "ǅungla",
    "O'Neill", "U.S.", "rock 'n' roll", "a_b the_c", "the１", "１a an", "ß ẞ", "ﬀ Ⅷ ⅷ", "\x1cx\x1f", "\u200bzero", "\u2028line",
    "𝐀 𐐀", "日本 a 国", "the日本", "é the é", "\ud800", "a\udfffb the", "AN̈ AN", "٣ the ٤", "½a the", "#a# the!", "Å", "\u3000a\u3000",
]
ALPHABET = "aAnNtThHeE the an a  \t\n.,'-_ßİΣςσ\u0301\u0345\u00ad\u00a0\u2003\u1680\x1d١²Ⅳ𝟘ªʰ\u02b0漢\U00010400\ud83d\U0001f600éÉ"


def strings(rng):
    cases = list(TRICKY_TEXTS)
    for _ in range(600):
        cases.append("".join(rng.choice(ALPHABET) for _ in range(rng.randrange(1, 14))))
    # Every cased, white, numeric or joining code point once; those younger than Unicode 14 are left out.
    points = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    picked = [c for c in points if c.lower() != c or c.isspace() or c.isnumeric() or unicodedata.category(c)[0] == "M"]
    for i in range(0, len(picked), 40):
        part = picked[i : i + 40]
        cases.append("".join("a" + c + " the" for c in part))
    return cases


VALUES = [
    '["Rome"]', '["rome", "Paris"]', "[]", '["the Rome!", "Rome"]', "null", "1", "1.5e3", "true", "NaN", "-Infinity", '"Rome"', '""', '" R "',
    '{"Rome": 1}', "{}", '[null, 3, "Rome", ["Paris"], {"a": 1}]', '["\\ud83d\\ude00", "\\ud83d", "x\\udc00"]', '[" Rome "]', '["", " "]',
    '["Rome", "Rome"]', '["ROME.", "a Rome"]', "[1e999, 12345678901234567890123]",
]
LABELS = ["person", "Person", " location ", "LOCATION", "misc", "other", "unknown", "", "nan", "date", "İ"]
SCHEMA = ["Location", "person", "misc", " Date ", "İ"]
GOLDS = [[], [["Rome", "location"]], [["Rome", "Location"], ["Paris", "person"], ["x", "misc"]], [["the Rome", " location"]], [["x", "other"]], [["", "person"]]]
WRAPS = [
    "{}", "<think>\nwhy\n</think>\n{}", "<think>a<think>b</think>{}", "</think>{}", "<think>{}", "<answer>{}</answer>", "x <answer> {} </answer> y",
    "<answer>{}", "```json\n{}\n```", "```json\n{}", "text ```json{}``` more ```json []```", "<answer>```json\n{}```</answer>", "\u3000{}\u2028", "{} tail", "\ufeff{}",
    "<think></think><answer><answer>{}</answer></answer>", "<th</think>ink>{}", "</answer>{}", "</answer><answer>{}", "<answer>{}</answer><answer>[]</answer>",
    "<think>{}</think>", "```\n{}\n```", "```json```json\n{}\n```", "<ans<think>wer>{}</answer>", "<answer><think>{}</think>", "{}\x1c\x85", "{}\x00", "{}\u200b",
]
BODIES = [
    "", "no", "[1,2]", "null", "3", '"s"', "true", "{}", '{"a": 1}', '{"entities": []}', '{"entities": null}', '{"entities": "x"}', '{"entities": 0}',
    '{"entities": {}}', '{"entities": {},}', '{"entities": {"person": ["A",]}}', "{'entities': {}}", '{"entities": {"person": ["a\nb"]}}', "NaN", "-Infinity", "-NaN",
    '{"entities": {"person": ["A"]}, "entities": {"location": ["Rome"]}}', '{"entities": {"person": ["A"], "person": ["B"]}}', "[" * 900 + "]" * 900, "[" * 3000 + "]" * 3000,
    "1" * 4300, "1" * 4301, "-" + "1" * 4300, "1" * 5000 + ".0", "01", "1.", ".5", "-", "1e", "1e+5", "0x1", "+1", '{"entities" : {"person"\t:\r\n["A"]}}', '{"entities": {"person": ["\\x"]}}',
    '{"entities": {"person": ["\\u12"]}}', '{"entities": {"person": ["\\ud800\\u0041"]}}', '{"entities": {"person": ["\\ud800\\ud83d\\ude00"]}}', '{"a": 1 "b": 2}', '{"a"}', "{1: 2}", '[1 2]', "[,]", "[1,,2]", '"open',
    '{"entities": {"location": ["\\ud83d\\ude00"]}}', "\u00a0{}", "{\u00a0}", '{"\\u0065ntities": {"location": ["Rome"]}}', "nul", "True", "Infinity", "1 2", "{}{}", '"\x7f"', '"\x1f"',
]


def answers(rng):
    texts = [wrap.replace("{}", body) for body in BODIES for wrap in ["{}"] + (rng.sample(WRAPS, 3) if len(body) < 900 else [])]
    bodies = ['{"entities": {"%s": %s}}' % (label, value) for label in LABELS for value in VALUES]
    for _ in range(500):
        pairs = ", ".join('"%s": %s' % (rng.choice(LABELS), rng.choice(VALUES)) for _ in range(rng.randrange(0, 4)))
        bodies.append('{"entities": {%s}}' % pairs)
    texts += [rng.choice(WRAPS).replace("{}", body) if rng.random() < 0.5 else body for body in bodies]
    for wrap in WRAPS:
        texts.append(wrap.replace("{}", '{"entities": {"location": ["Rome"]}}'))
    pieces = ["<think>", "</think>", "<answer>", "</answer>", "```json", "```", '{"entities": {"location": ["Rome"]}}', "<th", "ink>", " ", "x", "\n", "[]"]
    for _ in range(400):
        texts.append("".join(rng.choice(pieces) for _ in range(rng.randrange(1, 9))))
    return texts


def answer_case(rng, text):
    gold = rng.choice(GOLDS)
    case = {"completion": text, "schema": SCHEMA, "gold": gold}
    for rules in ("reference", "corrected"):
        mentions, reward, is_object = read_answer(text, SCHEMA, rules)
        case[rules] = {"mentions": mentions, "schema": reward, "f1": f1_of(gold, mentions, is_object, rules)}
    return case


def dump_case(rng):
    entities = [(rng.choice(TRICKY_TEXTS + ['q"uo\\te', "\b\f\n\r\t\x01\x7f", "é"]), rng.choice(LABELS)) for _ in range(rng.randrange(0, 5))]
    grouped = {}
    for text, label in entities:
        grouped.setdefault(label.lower().strip(), []).append(text.strip())
    return {"entities": entities, "json": json.dumps({"entities": grouped}, ensure_ascii=False, indent=2),
            "schema": json.dumps(sorted({l for _, l in entities for l in [l.lower().strip()] if l not in DROPPED}), ensure_ascii=False)}


def random_bytes(rng):
    tails = [b"\x80", b"\xbf", b"\xc2", b"\xe0", b"\xed\xa0\x80", b"\xf0\x90", b"\xf4\x90\x80\x80", b"\xf0\x9f\x98\x80", b"\xc0\x80", b"a", b"\xff", b"\xe2\x82", b"\xf8"]
    return b"".join(rng.choice(tails) for _ in range(rng.randrange(1, 8)))


def write(path, rows):
    # ASCII only, so that lone surrogates survive as escapes.
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows), encoding="ascii")


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "fixtures" / "ner")
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    write(folder / "normalised.jsonl", ({"text": s, "mention": normalise(s), "label": s.lower().strip()} for s in strings(rng)))
    write(folder / "answers.jsonl", (answer_case(rng, text) for text in answers(rng)))
    write(folder / "dumps.jsonl", (dump_case(rng) for _ in range(150)))
    raw = [random_bytes(rng) for _ in range(300)]
    write(folder / "repaired.jsonl", ({"hex": b.hex(), "text": b.decode("utf-8", "replace")} for b in raw))
    rounds = [rng.randrange(0, k + 1) / k * 100 for k in (3, 7, 8, 16, 200, 400, 800, 1600, 20000) for _ in range(30)]
    write(folder / "rounded.jsonl", ({"share": repr(v / 100), "percent": repr(round(v / 100 * 100, 2))} for v in rounds))


if __name__ == "__main__":
    main()
