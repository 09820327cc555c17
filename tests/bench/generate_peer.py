"""`transformers` at the work of the sampler, float32, temperature 0.9, on the threads of OMP_NUM_THREADS:

    python tests/bench/generate_peer.py MODEL [PROMPTS GROUP PROMPT_TOKENS NEW_TOKENS]
    python tests/bench/generate_peer.py MODEL ROLLOUTS.jsonl

MODEL is a GGUF file or a Hugging Face directory. The first form is rollout_bench's work: completions of equal length. The second
draws a recorded step's groups again until their end tokens, at most as long as the longest of them; padding does not count.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


def load(path):
    if path.is_file():
        return AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32).eval()
    return AutoModelForCausalLM.from_pretrained(str(path), dtype=torch.float32).eval()


def equal_work(prompts, group, length, new_tokens):
    rows = [[(i * 31 + t * 7919 + 11) % 40000 for t in range(length)] for i in range(prompts) for _ in range(group)]
    return rows, {"min_new_tokens": new_tokens, "max_new_tokens": new_tokens}


def recorded_work(path):
    rows, longest = [], 0
    for line in path.read_text().splitlines():
        group = json.loads(line)
        rows += [group["prompt_ids"]] * len(group["completions"])
        longest = max(longest, *(len(completion["ids"]) for completion in group["completions"]))
    return rows, {"max_new_tokens": longest}


def useful_tokens(row, end_ids):
    for position, token in enumerate(row):
        if token in end_ids:
            return position + 1
    return len(row)


def main():
    model = load(Path(sys.argv[1]))
    work = sys.argv[2:] or ("8", "8", "170", "192")
    rows, bounds = recorded_work(Path(work[0])) if len(work) == 1 else equal_work(*(int(value) for value in work))
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    width = max(len(row) for row in rows)
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    rates = []
    for seed in range(3):
        torch.manual_seed(seed)
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                ids, attention_mask=mask, do_sample=True, temperature=0.9, top_k=0, top_p=1.0, pad_token_id=0, **bounds
            )
        seconds = time.perf_counter() - start
        lengths = [useful_tokens(row, ends if "min_new_tokens" not in bounds else ()) for row in out[:, width:].tolist()]
        rates.append(sum(lengths) / seconds)
        print(f"{sum(lengths)} tokens, longest {max(lengths)}, {seconds:.1f} s", flush=True)
    print(f"transformers: {statistics.median(rates):.1f} new tokens/s")


if __name__ == "__main__":
    main()
