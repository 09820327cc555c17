"""Checks an export against transformers: the weights that transformers itself reads from the same model, bit for bit.

Usage: python check_gguf.py EXPORT_MODEL MODEL   (MODEL: a GGUF file or a Hugging Face folder)   (needs torch, transformers, gguf)
EXPORT_MODEL is tests/export_model of a build folder.
"""

import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SAME = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "max_position_embeddings", "tie_word_embeddings", "rope_parameters", "bos_token_id")


def load(folder, **more):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more).eval()


def main():
    export_model, model = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as scratch:
        ours_path = pathlib.Path(scratch) / "ours"
        subprocess.run([export_model, model, ours_path], check=True)
        ours, theirs = load(ours_path), load(model) if model.is_dir() else load(model.parent, gguf_file=model.name)
        for key in SAME:
            left, right = getattr(ours.config, key, None), getattr(theirs.config, key, None)
            print(f"{'same' if left == right else 'DIFFERENT'} {key}: {left} {right if left != right else ''}")
        left, right = ours.state_dict(), theirs.state_dict()
        assert left.keys() == right.keys(), left.keys() ^ right.keys()
        for name in left:
            assert torch.equal(left[name], right[name]), f"{name} differs"
        print(f"{len(left)} tensors are equal bit for bit")

        tokenizer = AutoTokenizer.from_pretrained(ours_path)
        chat = [{"role": "user", "content": "Who is in Geneva?"}]
        ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            assert torch.equal(ours(ids).logits, theirs(ids).logits)
        print("eos ids:", AutoConfig.from_pretrained(ours_path).eos_token_id, "prompt ids:", ids[0].tolist())
        answer = ours.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1]:]
        print("answer:", tokenizer.decode(answer))


main()
