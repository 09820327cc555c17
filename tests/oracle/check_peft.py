"""Holds Cogent's LoRA adapters to `peft`, in float32.

check_peft.py COGENT   (needs torch, transformers, peft)
Over each tiny model of tests/fixtures/models:
  read     an adapter that peft made (random A and B), as `cogent logprobs --model ADAPTER` reads it, against peft's
           log-probabilities, for several sets of targets, ranks and scales, in float32 and bfloat16 files
  written  an adapter that `cogent sft` trained, from `cogent export RUN --adapter`, opened by peft, against
           `cogent logprobs --model RUN`
  merged   the same run by `cogent export RUN`, opened by transformers
  refused  adapters of other kinds end with status 8 and a sentence
Log-probabilities may differ by 1e-4; each adapter moves them by more than 1e-2. Exits with 1 where a case fails.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM
from transformers.utils import logging

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "tests" / "fixtures" / "models"
TOLERANCE = 1e-4
MOVED = 1e-2
READ = {
    "all-linear": dict(r=4, lora_alpha=6, target_modules="all-linear"),
    "q and v": dict(r=16, lora_alpha=32, target_modules=["q_proj", "v_proj"]),
    "rslora": dict(r=7, lora_alpha=3, use_rslora=True, target_modules=["down_proj", "o_proj", "k_proj"]),
    "regular expression": dict(r=1, lora_alpha=1, target_modules=r".*mlp\.(gate|up)_proj"),
    "dropout": dict(r=8, lora_alpha=8, lora_dropout=0.1, init_lora_weights="gaussian", target_modules=["q_proj"]),
}
REFUSED = {
    "DoRA": dict(r=4, use_dora=True, target_modules=["q_proj"]),
    "bias": dict(r=4, bias="lora_only", target_modules=["q_proj"]),
    "saved modules": dict(r=4, modules_to_save=["lm_head"], target_modules=["q_proj"]),
    "rank pattern": dict(r=4, rank_pattern={"q_proj": 2}, target_modules=["q_proj", "k_proj"]),
    "one layer": dict(r=4, layers_to_transform=[0], target_modules=["q_proj"]),
    "embedding": dict(r=4, target_modules=["embed_tokens", "q_proj"]),
}
TRAINED = {
    "all-linear": ["lora.rank=8", "lora.alpha=16"],
    "rslora": ["lora.rank=3", "lora.alpha=4", "lora.use_rslora=true", "lora.targets=[q_proj,up_proj]"],
}


def run(*command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)


def must(result):
    if result.returncode != 0:
        sys.exit(f"{' '.join(result.args)} ended with {result.returncode}: {result.stderr}")
    return result


def our_logprobs(cogent, model, ids):
    line = json.dumps({"ids": ids}) + "\n"
    return torch.tensor(json.loads(must(run(cogent, "logprobs", "--model", model, input=line)).stdout)["logprobs"], dtype=torch.float64)


def their_logprobs(model, ids):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
    return torch.log_softmax(logits, -1).gather(1, torch.tensor(ids)[1:, None])[:, 0].double()


def open_base(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def compare(ours, theirs, base):
    difference, moved = (ours - theirs).abs().max().item(), (theirs - base).abs().max().item()
    return difference <= TOLERANCE and moved > MOVED, f"largest difference {difference:.1e}, moved by {moved:.2f}"


def save_random(base, settings, folder, dtype=torch.float32):
    model = get_peft_model(open_base(base), LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(parameter.normal_(0, 0.15).to(dtype))
    model.peft_config["default"].base_model_name_or_path = str(base)
    (model.to(dtype) if dtype != torch.float32 else model).save_pretrained(folder)
    return model.float()


def read_cases(cogent, base, ids, scratch):
    plain = their_logprobs(open_base(base), ids)
    for index, (name, settings) in enumerate(READ.items()):
        folder = scratch / f"read-{index}"
        dtype = torch.bfloat16 if name == "q and v" and base.name == "qwen3_qknorm" else torch.float32
        save_random(base, settings, folder, dtype)
        theirs = their_logprobs(PeftModel.from_pretrained(open_base(base), folder).eval(), ids)
        yield f"read {name}", *compare(our_logprobs(cogent, folder, ids), theirs, plain)


def written_cases(cogent, base, ids, scratch, data):
    plain = their_logprobs(open_base(base), ids)
    quickstart = REPOSITORY / "configs" / "quickstart"
    for index, (name, keys) in enumerate(TRAINED.items()):
        folder = scratch / f"run-{index}"
        must(run(cogent, "sft", quickstart / "sft.yaml", f"model.path={base}", f"data.train={data}", "chat.template=own", "numerics=fast",
                 "train.steps=6", "sft.batch_size=4", "sft.max_length=200", "optimizer.lr=2e-2", "optimizer.warmup_ratio=0",
                 f"run.dir={folder}", *keys))
        ours = our_logprobs(cogent, folder, ids)
        must(run(cogent, "export", folder, "--adapter", "--out", scratch / f"adapter-{index}"))
        theirs = their_logprobs(PeftModel.from_pretrained(open_base(base), scratch / f"adapter-{index}").eval(), ids)
        yield f"written {name}", *compare(ours, theirs, plain)
        must(run(cogent, "export", folder, "--out", scratch / f"merged-{index}"))
        yield f"merged {name}", *compare(ours, their_logprobs(open_base(scratch / f"merged-{index}"), ids), plain)


def refused_cases(cogent, base, scratch):
    for index, (name, settings) in enumerate(REFUSED.items()):
        folder = scratch / f"refused-{index}"
        save_random(base, settings, folder)
        result = run(cogent, "logprobs", "--model", folder, input='{"ids":[1,2]}\n')
        sentence = result.stderr.strip().splitlines()
        yield f"refused {name}", result.returncode == 8 and len(sentence) == 1, " ".join(sentence)[-110:]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.disable_progress_bar()
    cogent = pathlib.Path(sys.argv[1]).resolve()
    ids = torch.randint(0, 300, (120,)).tolist()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        data = scratch / "cot.jsonl"
        quickstart = REPOSITORY / "configs" / "quickstart"
        must(run(cogent, "annotate", "--teacher", "rationale", "--input", quickstart / "train.jsonl", "--labels", quickstart / "labels.json",
                 "--output", data))
        for base in sorted(path for path in MODELS.iterdir() if path.is_dir()):
            own = scratch / base.name
            own.mkdir()
            cases = [*read_cases(cogent, base, ids, own), *written_cases(cogent, base, ids, own, data)]
            if base.name == "llama_gqa3_tied":
                cases += refused_cases(cogent, base, own)
            for case, holds, seen in cases:
                failed += not holds
                print(f"{'ok' if holds else 'FAILED':6} {base.name:20} {case:26} {seen}", flush=True)
    print(f"{failed} cases failed" if failed else "all cases hold")
    sys.exit(1 if failed else 0)


main()
