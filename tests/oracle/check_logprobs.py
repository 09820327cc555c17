"""Holds `cogent logprobs` and `cogent generate --greedy` to transformers, in float32.

check_logprobs.py COGENT MODEL...   (MODEL: a GGUF file or a Hugging Face folder)   (needs torch, transformers, gguf)
The tiny models of tests/fixtures/models are always checked too. Log-probabilities may differ by 1e-4. Greedy tokens must be the
same up to the first near-tie: a token that transformers prefers to the next one by less than 1e-4. Both are told as
"compared N of M tokens". Exits with 1 where a case fails.
"""

import json
import pathlib
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
TOLERANCE = 1e-4
NEW_TOKENS = 48
TEXTS = {
    "sentence": "The quick brown fox jumps over the lazy dog.",
    "entities": "Anna met the minister in Geneva on 3 May 1998.\nEntities: Anna is a person, Geneva is a place.",
    "unicode": "Zürich, 東京 and Ελλάδα — naïve café, 12 345,67 € 🙂",
    "code": "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n",
    "long": "On the way from Coal Quay to the harbour office the pilots spoke of fog, tea and the tide. " * 10,
}
PROMPTS = {
    "capital": "The capital of Norway is",
    "story": "Once upon a time, a fisherman from Bergen",
    "list": "List of fruits: apple, banana,",
}
QUESTIONS = {
    "question": "Who met whom? Anna met the minister in Geneva on 3 May 1998.",
    "task": "Name the people and places in: Marie Curie worked in Paris.",
}


class Model:
    def __init__(self, path):
        self.path = path
        source, more = (path, {}) if path.is_dir() else (path.parent, {"gguf_file": path.name})
        self.net = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager", **more).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(source, **more)

    def ids(self, text):
        return self.tokenizer(text).input_ids

    def chat_ids(self, question):
        turn = [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)["input_ids"]


def ask(cogent, command, model, lines, *options):
    """One answer of `cogent COMMAND` a line."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    result = subprocess.run([cogent, command, "--model", model.path, *options], input=text, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"cogent {command} ended with {result.returncode}: {result.stderr}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def logprob_cases(cogent, model):
    """Yields (name, whether it holds, what was seen)."""
    cases = {name: model.ids(text) for name, text in TEXTS.items()}
    generator = torch.Generator().manual_seed(0)
    cases["random ids"] = torch.randint(0, model.net.config.vocab_size, (200,), generator=generator).tolist()
    limit = model.net.config.max_position_embeddings
    cases = {name: ids[:limit] for name, ids in cases.items()}
    answers = ask(cogent, "logprobs", model, [{"ids": ids} for ids in cases.values()])
    for (name, ids), answer in zip(cases.items(), answers, strict=True):
        with torch.no_grad():
            logits = model.net(torch.tensor([ids])).logits[0, :-1]
        theirs = torch.log_softmax(logits, -1).gather(1, torch.tensor(ids)[1:, None])[:, 0].double()
        ours = torch.tensor(answer["logprobs"], dtype=torch.float64)
        difference = (ours - theirs).abs().max().item() if len(ours) == len(theirs) else float("nan")
        yield f"logprobs {name}", difference <= TOLERANCE, f"{len(ids) - 1} tokens, largest difference {difference:.1e}"


def greedy_cases(cogent, model):
    cases = {name: model.ids(text) for name, text in PROMPTS.items()}
    cases |= {name: model.chat_ids(text) for name, text in QUESTIONS.items()}
    lines = [{"ids": ids} for ids in cases.values()]
    answers = ask(cogent, "generate", model, lines, "--greedy", "--max-tokens", str(NEW_TOKENS))
    for (name, ids), answer in zip(cases.items(), answers, strict=True):
        ours = answer["completions"][0]["ids"]
        output = model.net.generate(
            torch.tensor([ids]), do_sample=False, max_new_tokens=NEW_TOKENS, output_logits=True, return_dict_in_generate=True
        )
        theirs = output.sequences[0, len(ids) :].tolist()
        best = torch.stack([logits[0].topk(2).values for logits in output.logits])
        near = (best[:, 0] - best[:, 1] < TOLERANCE).nonzero()
        end = near[0].item() if len(near) else len(theirs)
        # Without a near-tie the completions must also end at the same token.
        same = ours[:end] == theirs[:end] and (end < len(theirs) or len(ours) == end)
        seen = f"compared {end} of {len(theirs)} tokens, smallest gap {(best[:, 0] - best[:, 1])[:end].min().item() if end else 0:.1e}"
        yield f"greedy {name}", same and end > 0, seen if same else f"{seen}: {ours} is not {theirs}"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    cogent = pathlib.Path(sys.argv[1]).resolve()
    paths = [pathlib.Path(path).resolve() for path in sys.argv[2:]] + sorted(path for path in FIXTURES.iterdir() if path.is_dir())
    failed = 0
    for path in paths:
        model = Model(path)
        for cases in (logprob_cases, greedy_cases):
            for name, holds, seen in cases(cogent, model):
                failed += not holds
                print(f"{'ok' if holds else 'FAILED':6} {path.name:30} {name:20} {seen}", flush=True)
    print(f"{failed} cases failed" if failed else "all cases hold")
    sys.exit(1 if failed else 0)


main()
