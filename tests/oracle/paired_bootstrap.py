"""Compares two predictions files of the same examples and random numbers: reward and F1, with an interval.

    python tests/oracle/paired_bootstrap.py BEFORE.jsonl AFTER.jsonl [BEFORE AFTER ...]

A file is predictions/step-N.jsonl of a run folder (train.eval_every) or predictions/test.jsonl of `cogent evaluate`.
Rows are drawn with replacement, whole examples with all their samples; the interval is the middle 95 % of 10,000
draws. Several pairs (one a seed) are reported one by one and together, where each draw takes the same examples in all.
Standard library alone.
"""

import json
import random
import sys

DRAWS = 10_000


def by_row(path):
    """Mean reward and F1 of each example over its samples, by data row."""
    rows = {}
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            rows.setdefault(line["row"], []).append((line["reward"], 100 * line["f1"], line["tokens"], line["finish"] == "length"))
    return {row: [sum(column) / len(values) for column in zip(*values)] for row, values in rows.items()}


def interval(differences):
    """Middle 95 % of the mean over examples drawn with replacement."""
    draw = random.Random(1)
    count = len(differences)
    means = sorted(sum(draw.choices(differences, k=count)) / count for _ in range(DRAWS))
    return means[DRAWS // 40], means[DRAWS - DRAWS // 40 - 1]


def report(title, before, after):
    rows = sorted(before)
    print(f"{title}: {len(rows)} examples")
    for index, name in ((0, "reward"), (1, "F1 of a completion")):
        differences = [after[row][index] - before[row][index] for row in rows]
        low, high = interval(differences)
        mean = [sum(side[row][index] for row in rows) / len(rows) for side in (before, after)]
        print(f"  {name:20} {mean[0]:8.3f} -> {mean[1]:8.3f}  difference {mean[1] - mean[0]:+7.3f}, 95 % from {low:+7.3f} to {high:+7.3f}")
    for index, name in ((2, "tokens"), (3, "truncated share")):
        mean = [sum(side[row][index] for row in rows) / len(rows) for side in (before, after)]
        print(f"  {name:20} {mean[0]:8.3f} -> {mean[1]:8.3f}")


def main():
    paths = sys.argv[1:]
    if not paths or len(paths) % 2:
        sys.exit(__doc__)
    pairs = [(by_row(a), by_row(b)) for a, b in zip(paths[::2], paths[1::2])]
    for (before, after), name in zip(pairs, paths[1::2]):
        if before.keys() != after.keys():
            sys.exit(f"{name}: the two files hold {len(before)} and {len(after)} examples, not the same ones")
        report(name, before, after)
    if len(pairs) > 1:
        rows = pairs[0][0].keys()
        if any(before.keys() != rows for before, _ in pairs):
            sys.exit("the pairs hold different examples: compare them one by one")
        mean = [
            {row: [sum(column) / len(pairs) for column in zip(*(pair[side][row] for pair in pairs))] for row in rows} for side in (0, 1)
        ]
        report(f"all {len(pairs)} pairs", *mean)


if __name__ == "__main__":
    main()
