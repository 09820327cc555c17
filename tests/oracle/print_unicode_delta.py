"""Prints the rows of core/text/unicode_delta.cpp: code points that `tokenizers` knows and Unicode 14 does not.

PCRE2 carries the tables of Unicode 14; the regular expressions of `tokenizers` those of a later version. Run with a Python whose
unicodedata is of version 14 (3.11).
"""

import unicodedata

from tokenizers import Regex, pre_tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So".split()


def matched(pattern, text):
    kept = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text)
    return set(text) - set("".join(piece for piece, _ in kept))


def main():
    assert unicodedata.unidata_version.startswith("14."), unicodedata.unidata_version
    text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    for category in CATEGORIES:
        runs = []
        for c in sorted(ord(c) for c in matched(rf"\p{{{category}}}", text) if unicodedata.category(c) != category):
            if runs and runs[-1][1] == c - 1:
                runs[-1][1] = c
            else:
                runs.append([c, c])
        for low, high in runs:
            print(f'    {{"{category}", {low:#x}, {high:#x}}},')


if __name__ == "__main__":
    main()
