"""Writes tests/fixtures/text: a tiny tokenizer, texts with the ids of `tokenizers`, conversations as `transformers` renders them.

make_text_fixtures.py MODEL.gguf OUT_FOLDER
"""

import json
import os
import sys

from gguf import GGUFReader
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.utils.chat_template_utils import render_jinja_template

from check_tokenizer import GPT4, byte_level, fuzzed, smollm_tokenizer
import text_templates

SENTENCES = [
    "Marie Curie was born in Warsaw in 1867 and moved to Paris.",
    "The protein p53 binds DNA; BRCA1 doesn't, and they've known it since 1994.",
    "In 2021 the IPCC met in Geneva, Switzerland, with 234 authors.",
    "Zürich, São Paulo, Москва and 東京 are cities.",
    "she said:  'I'll go', he'd answered \"no\"!\n\nthen\tnothing ...",
    "def f(x):\n    return x + 1  # a comment",
    "<think>\nThe sentence names one person.\n</think>\n{\n  \"entities\": {}\n}",
    "naïve café, cafe\u0301, 👩‍🔬 12,345.67 €",
]
CONVERSATIONS = [
    [("user", "Hello")],
    [("system", "Be brief."), ("user", "  Who wrote it? \n"), ("assistant", "<think>\nA guess.\n</think>\n\nDickens."), ("user", "Sure?\u00e9")],
    [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "<think>\nlast\n</think>\nd")],
    [("user", "q"), ("tool", "r1"), ("tool", "r2"), ("assistant", "")],
]


def train_tiny():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES * 4, trainer)
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("<word>", single_word=True, lstrip=True, rstrip=True)])
    return tokenizer


def cases(tokenizer, texts):
    for text in texts:
        case = {"text": text}
        for key, parse in (("plain", False), ("parsed", True)):
            tokenizer.encode_special_tokens = not parse
            case[key] = tokenizer.encode(text, add_special_tokens=False).ids
        case["decoded"] = tokenizer.decode(case["parsed"], skip_special_tokens=False)
        case["skipped"] = tokenizer.decode(case["parsed"], skip_special_tokens=True)
        yield case


def variants(tiny):
    """The tiny tokenizer with the steps of other families."""

    def variant(**members):
        tokenizer = Tokenizer.from_str(tiny.to_str())
        for name, value in members.items():
            setattr(tokenizer, name, value)
        return tokenizer

    yield "smollm", tiny
    split = pre_tokenizers.Split(Regex(GPT4), "isolated")
    yield "llama3", variant(pre_tokenizer=pre_tokenizers.Sequence([split, byte_level(False)]))
    yield "nfc", variant(pre_tokenizer=byte_level(True), normalizer=normalizers.NFC())
    yield "prefix space", variant(pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
    steps = [normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Prepend("> "), normalizers.Strip()]
    removed = pre_tokenizers.Sequence([pre_tokenizers.Split("e", "merged_with_next"), pre_tokenizers.Punctuation(), byte_level(False)])
    yield "steps", variant(pre_tokenizer=removed, normalizer=normalizers.Sequence(steps))


def render(template, messages, generation):
    arguments = dict(tools=None, documents=None, add_generation_prompt=generation, bos_token="<|begin|>", eos_token="<|end|>")
    rendered, _ = render_jinja_template([messages], chat_template=template, **arguments)
    return rendered[0]


def chat_cases(own):
    shapes = [own, text_templates.QWEN25, text_templates.QWEN3, text_templates.LLAMA31, text_templates.LLAMA2, text_templates.MACROS]
    for template in shapes:
        for conversation in CONVERSATIONS:
            for generation in (False, True):
                yield template, conversation, generation
    for template in text_templates.FEATURES + text_templates.BAD:
        yield template, CONVERSATIONS[1], True


def write_json(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    model, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    tiny = train_tiny()
    write_json(folder, "tiny_tokenizer.json", json.loads(tiny.to_str()))
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "<word>"]
    texts = SENTENCES + ["", " ", "<|im_start|>user\nHi<|im_end|>", " <word> a<word>", "a <|im_end|> <think> b"]
    texts += list(fuzzed(40, specials, seed=3))
    tiny_cases = []
    for name, tokenizer in variants(tiny):
        spec = json.loads(tokenizer.to_str())
        steps = {"name": name, "pre_tokenizer": spec["pre_tokenizer"], "normalizer": spec["normalizer"]}
        tiny_cases.append(steps | {"cases": list(cases(tokenizer, texts))})
    write_json(folder, "tiny_cases.json", tiny_cases)

    smollm = smollm_tokenizer(model)
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"]
    write_json(folder, "smollm_cases.json", list(cases(smollm, SENTENCES + list(fuzzed(200, specials, seed=4)))))

    own = GGUFReader(model).fields["tokenizer.chat_template"].contents()
    rendered = []
    for template, conversation, generation in chat_cases(own):
        messages = [{"role": role, "content": content} for role, content in conversation]
        case = {"template": template, "messages": messages, "generation": generation}
        try:
            case["text"] = render(template, messages, generation)
        except Exception as error:  # whatever Jinja raises: the case is one that must be refused
            case["error"] = str(error)
        rendered.append(case)
    write_json(folder, "chat_cases.json", rendered)


if __name__ == "__main__":
    main()
