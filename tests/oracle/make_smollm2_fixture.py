"""Writes tests/fixtures/models/smollm2_cases.json: log-probabilities of SmolLM2-135M-Instruct as transformers computes them.

Usage: python make_smollm2_fixture.py MODEL.gguf [FIXTURES]   (needs torch, transformers, gguf)

{"cases": [{"tokens": [T ids], "logprobs": [T-1 log-probabilities of token t+1 after tokens 0..t]}]}, float32 arithmetic on the
GGUF's weights.
"""

import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "<|im_start|>user\nList the people and places: Anna met the minister in Geneva on 3 May 1998.<|im_end|>\n<|im_start|>assistant\n"
    "People: Anna. Places: Geneva.<|im_end|>\n",
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)\n" * 4,
]


def main():
    gguf = pathlib.Path(sys.argv[1])
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[1] / "fixtures")
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    sequences = [tokenizer(text).input_ids for text in TEXTS]
    torch.manual_seed(0)
    sequences.append(torch.randint(0, model.config.vocab_size, (300,)).tolist())
    cases = []
    for tokens in sequences:
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
        logprobs = torch.log_softmax(logits, -1)[:-1].gather(1, torch.tensor(tokens)[1:, None])[:, 0]
        cases.append({"tokens": tokens, "logprobs": [float(f"{value:.7g}") for value in logprobs.tolist()]})
    (root / "models" / "smollm2_cases.json").write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


main()
