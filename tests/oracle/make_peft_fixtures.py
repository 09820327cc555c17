"""Writes tests/fixtures/peft: adapters that `peft` made over tests/fixtures/models, and what it computes with them.

Usage: python make_peft_fixtures.py [FIXTURES]   (needs torch, transformers, peft)

Each folder is an adapter as save_pretrained writes it (base_model_name_or_path: the base's folder under FIXTURES), with cases.json:
  {"base": name under models, "cases": [{"tokens": [T ids],
                                         "logprobs": [T-1 log-probabilities of token t+1 after tokens 0..t],
                                         "last_logits": [300 logits after the last token]}]}
All values are float32 results of float32 arithmetic, the adapter beside the base and not merged.
"""

import json
import pathlib
import shutil
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

SPECS = {
    "llama_all_linear": ("llama_gqa3_tied", dict(r=4, lora_alpha=6, target_modules="all-linear")),
    "qwen3_rslora": ("qwen3_qknorm", dict(r=3, lora_alpha=2, use_rslora=True, target_modules=r".*self_attn\.(q_proj|v_proj|o_proj)")),
}


def rounded(values):
    return [float(f"{value:.8g}") for value in values.tolist()]


def make_cases(model):
    cases = []
    for length in (2, 40):
        tokens = torch.randint(0, 300, (length,))
        with torch.no_grad():
            logits = model(input_ids=tokens[None]).logits[0].float()
        logprobs = torch.log_softmax(logits, -1)[:-1].gather(1, tokens[1:, None])[:, 0]
        cases.append({"tokens": tokens.tolist(), "logprobs": rounded(logprobs), "last_logits": rounded(logits[-1])})
    return cases


def main():
    fixtures = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "fixtures")
    for index, (name, (base, settings)) in enumerate(SPECS.items()):
        torch.manual_seed(index)
        folder = fixtures / "peft" / name
        shutil.rmtree(folder, ignore_errors=True)
        net = AutoModelForCausalLM.from_pretrained(fixtures / "models" / base, dtype=torch.float32, attn_implementation="eager")
        model = get_peft_model(net, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if "lora_" in parameter_name:
                    parameter.normal_(0, 0.15)
        model.peft_config["default"].base_model_name_or_path = f"models/{base}"
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        cases = {"base": base, "cases": make_cases(model)}
        (folder / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


main()
