"""`transformers` at the work of rollout_bench: python tests/bench/generate_peer.py MODEL.gguf [PROMPTS GROUP PROMPT_TOKENS NEW_TOKENS]

The same prompts, completions of the same length, temperature 0.9, float32, on the threads of OMP_NUM_THREADS.
"""

import statistics
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM


def main():
    path = Path(sys.argv[1])
    prompts, group, length, new_tokens = (int(value) for value in (sys.argv[2:6] or (8, 8, 170, 192)))
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32).eval()
    rows = [[(i * 31 + t * 7919 + 11) % 40000 for t in range(length)] for i in range(prompts) for _ in range(group)]
    ids = torch.tensor(rows)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                temperature=0.9,
                top_k=0,
                top_p=1.0,
                min_new_tokens=new_tokens,
                max_new_tokens=new_tokens,
                pad_token_id=0,
            )
        times.append(time.perf_counter() - start)
        assert out.shape[1] == length + new_tokens
    print(f"transformers: {len(rows) * new_tokens / statistics.median(times):.1f} new tokens/s")


if __name__ == "__main__":
    main()
