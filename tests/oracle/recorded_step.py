"""Replays one recorded GRPO step with 1, 2 and 3 learners, and holds it to transformers and autograd.

recorded_step.py COGENT MODEL.gguf [--work FOLDER] [--learners 1,2,3] [--only NAME,NAME] [--tolerance 1e-4]
  MODEL.gguf  lends its tokenizer to a small random model
One step is drawn and recorded by `mpirun -n 2 cogent grpo`. Each variation below replays it with L learners and no worker.
The change of each weight tensor (after minus before, from `cogent export`) is compared with the change that plain PyTorch
makes: one sequence at a time, the published formulas, clip_grad_norm_ and torch.optim.AdamW. Loss and gradient norm come
from metrics.jsonl. AdamW's first step is near the sign of the gradient, whatever its size, so the gradients are judged with
optimizer.eps=1, where the change is lr * m / (|g| + 1), and with an lr that lifts it above float32's rounding of the weights.
The variations marked "shown" run at a usual eps, where noise in the sign of tiny gradients decides: they are printed and
not judged against autograd. Exits with 1 where a judged difference is above the tolerance.
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "random:hidden=48,layers=2,heads=3,kv_heads=1,head_dim=16,intermediate=96,seed=5,tokenizer="
DEFAULTS = {
    "learner.micro_batch_tokens": 1536, "grpo.loss": "dr_grpo", "grpo.scale_rewards": "group", "grpo.beta": 0.04,
    "grpo.clip_low": 0.2, "grpo.clip_high": 0.28, "grpo.delta": 0, "grpo.num_iterations": 1, "grpo.mini_batch_prompts": 0,
    "grpo.mask_truncated": False, "rollout.temperature": 0.9, "rollout.prompts_per_step": 4, "rollout.group_size": 4,
    "rollout.max_new_tokens": 24, "optimizer.lr": 100, "optimizer.eps": 1, "optimizer.weight_decay": 0,
    "optimizer.clip_norm": 1, "optimizer.schedule": "constant", "optimizer.warmup_ratio": 0, "train.steps": 1,
    "reward.length": 1, "numerics": "fast", "learner.shard": "optimizer", "learner.recompute": "none",
}  # fmt: skip
TWO_PASSES = {"grpo.num_iterations": 2, "grpo.mini_batch_prompts": 2, "optimizer.lr": 1}  # a long first step would magnify rounding

# name: (rollouts, keys that differ from DEFAULTS, judged against autograd)
VARIATIONS = {
    "plain": ("recorded", {}, True),
    "micro-batches": ("recorded", {"learner.micro_batch_tokens": 256}, True),
    "exact": ("varied", {"numerics": "exact", "learner.micro_batch_tokens": 256}, True),
    "varied": ("varied", {}, True),
    "varied grpo": ("varied", {"grpo.loss": "grpo", "learner.micro_batch_tokens": 256}, True),
    "varied dapo": ("varied", {"grpo.loss": "dapo", "learner.micro_batch_tokens": 256}, True),
    "varied dr_grpo": ("varied", {"grpo.loss": "dr_grpo", "learner.micro_batch_tokens": 256}, True),
    "scale none": ("varied", {"grpo.scale_rewards": "none"}, True),
    "scale batch": ("varied", {"grpo.scale_rewards": "batch"}, True),
    "delta 3": ("varied", {"grpo.delta": 3}, True),
    "mask truncated": ("varied", {"grpo.mask_truncated": True, "grpo.loss": "dapo"}, True),
    "no log-probs": ("bare", {}, True),
    "clipped norm": ("varied", {"optimizer.clip_norm": 0.05}, True),
    "two passes": ("recorded", TWO_PASSES, True),
    "two passes dapo": ("varied", {**TWO_PASSES, "grpo.loss": "dapo", "learner.micro_batch_tokens": 256}, True),
    "decay": ("varied", {"optimizer.weight_decay": 0.001}, True),
    "eps 1e-8": ("recorded", {"optimizer.lr": 1e-3, "optimizer.eps": 1e-8}, False),
}


def environment():
    lines = (ROOT / "launch" / "mpi.env").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {**os.environ, **pairs, "OMP_NUM_THREADS": "1"}


def run(*command):
    result = subprocess.run([str(part) for part in command], env=environment(), cwd=ROOT, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}:\n{result.stdout}{result.stderr}")


def yaml(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def grpo(cogent, ranks, model, run_dir, keys):
    keys = {**DEFAULTS, "model.path": model, "run.dir": run_dir, **keys}
    config = ROOT / "configs" / "quickstart" / "grpo.yaml"
    run("mpirun", "-n", ranks, cogent, "grpo", config, *[f"{key}={yaml(value)}" for key, value in keys.items()])
    return json.loads((run_dir / "metrics.jsonl").read_text().splitlines()[-1])


def write_rollouts(path, groups):
    path.write_text("".join(json.dumps(group) + "\n" for group in groups))
    return groups


def varied(groups):
    """The same groups off-policy: lengths differ, and the sampler's log-probabilities are moved, so that ratios are clipped."""
    result = json.loads(json.dumps(groups))
    for g, group in enumerate(result):
        for i, completion in enumerate(group["completions"]):
            length = max(1, len(completion["ids"]) - (5 * i + 3 * g) % 19)
            if length < len(completion["ids"]):
                completion["finish"] = "stop"
            completion["ids"] = completion["ids"][:length]
            moved = [p + 1.5 * math.sin(7 * t + 3 * i + g) for t, p in enumerate(completion["logprobs"])]
            completion["logprobs"] = [min(p, -1e-3) for p in moved[:length]]
    return result


def bare(groups):
    result = json.loads(json.dumps(groups))
    for group in result:
        for completion in group["completions"]:
            del completion["logprobs"]
    return result


def advantages(groups, scale):
    rewards = torch.tensor([[c["reward"] for c in group["completions"]] for group in groups], dtype=torch.float64)
    centred = rewards - rewards.mean(1, keepdim=True)
    if scale == "group":
        centred = centred / (rewards.std(1, keepdim=True) + 1e-4)
    elif scale == "batch":
        centred = centred / (rewards.std() + 1e-4)
    return centred


def log_probabilities(model, prompt, completion, temperature):
    ids = torch.tensor([prompt + completion])
    logits = model(ids).logits[0, len(prompt) - 1 : -1] / temperature
    return torch.log_softmax(logits, -1).gather(1, ids[0, len(prompt) :, None])[:, 0]


def mini_batch_loss(model, rows, keys):
    """TRL's loss over rows of (group index, prompt, completion, advantage, old and reference log-probabilities)."""
    kept = [row for row in rows if not (keys["grpo.mask_truncated"] and row["truncated"])]
    tokens = sum(len(row["ids"]) for row in kept)
    total = 0
    for row in kept:
        logp = log_probabilities(model, row["prompt"], row["ids"], keys["rollout.temperature"])
        ratio = torch.exp(logp - row["old"])
        clipped = ratio.clamp(1 - keys["grpo.clip_low"], 1 + keys["grpo.clip_high"])
        bounded = ratio.clamp(max=keys["grpo.delta"]) if keys["grpo.delta"] > 0 else ratio
        loss = -torch.minimum(bounded * row["advantage"], clipped * row["advantage"])
        difference = row["reference"] - logp
        loss = loss + keys["grpo.beta"] * (torch.exp(difference) - difference - 1)
        divisor = {
            "grpo": len(rows) * len(row["ids"]),
            "dapo": tokens,
            "dr_grpo": len(rows) * keys["rollout.max_new_tokens"],
        }[keys["grpo.loss"]]
        total = total + loss.sum() / divisor
    return total


def autograd_step(model_dir, groups, keys):
    """(weights before, weights after, mean loss of the updates, gradient norm of the last update)."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager").eval()
    # transformers makes the pad token's row a constant as input. Here pad is <|im_end|>, which the prompts contain.
    model.get_input_embeddings().padding_idx = None
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    # As transformers' Trainer: norms and biases do not decay.
    groups_of = {0: [], keys["optimizer.weight_decay"]: []}
    for parameter in model.parameters():
        groups_of[0 if parameter.dim() == 1 else keys["optimizer.weight_decay"]].append(parameter)
    optimizer = torch.optim.AdamW(
        [{"params": members, "weight_decay": decay} for decay, members in groups_of.items()], lr=keys["optimizer.lr"], betas=(0.9, 0.999), eps=keys["optimizer.eps"]
    )
    rows = []
    for g, (group, advantage) in enumerate(zip(groups, advantages(groups, keys["grpo.scale_rewards"]))):
        for completion, value in zip(group["completions"], advantage):
            with torch.no_grad():
                start = log_probabilities(model, group["prompt_ids"], completion["ids"], keys["rollout.temperature"])
            old = torch.tensor(completion["logprobs"]) if "logprobs" in completion else start
            rows.append(
                {"group": g, "prompt": group["prompt_ids"], "ids": completion["ids"], "advantage": value.item(), "old": old,
                 "reference": start, "truncated": completion["finish"] == "length"}
            )  # fmt: skip
    size = keys["grpo.mini_batch_prompts"] or len(groups)
    losses = []
    for _ in range(keys["grpo.num_iterations"]):
        for first in range(0, len(groups), size):
            optimizer.zero_grad()
            loss = mini_batch_loss(model, [row for row in rows if first <= row["group"] < first + size], keys)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), keys["optimizer.clip_norm"])
            optimizer.step()
            losses.append(loss.item())
    after = {name: p.detach().clone() for name, p in model.named_parameters()}
    return before, after, sum(losses) / len(losses), norm.item()


def change(before, after):
    return {name: after[name].double() - tensor.double() for name, tensor in before.items()}


def largest(ours, theirs):
    """(largest ||ours - theirs|| / ||theirs|| over the tensors, its tensor)."""
    return max(((ours[n] - t).norm().item() / max(t.norm().item(), 1e-30), n) for n, t in theirs.items())


def relative(ours, theirs, floor):
    """An on-policy loss is near zero: below `floor` the difference is measured against the floor."""
    return abs(ours - theirs) / max(abs(theirs), floor)


def replay(cogent, work, model, name, rollouts, keys, learners):
    folder = work / f"{name.replace(' ', '-')}-{learners}"
    settings = {**keys, "rollout.replay": work / f"{rollouts}.jsonl", "rollout.record": False, "cluster.learners": learners}
    metrics = grpo(cogent, learners, model, folder, settings)
    run(cogent, "export", folder, "--out", folder / "exported")
    return metrics, load_file(folder / "exported" / "model.safetensors")


def finish(failed, tolerance):
    print(f"{failed} above {tolerance:g}" if failed else "all judged differences are within the tolerance")
    sys.exit(1 if failed else 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cogent", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--learners", default="1,2,3")
    parser.add_argument("--only")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    cogent = arguments.cogent.resolve()
    work = arguments.work or pathlib.Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    work = work.resolve()
    model = work / "model"
    run(cogent, "export", f"{MODEL}{arguments.model.resolve()}", "--out", model)
    grpo(cogent, 2, model, work / "recorded", {"rollout.record": True})
    recorded = [json.loads(line) for line in (work / "recorded" / "rollouts" / "rollouts.jsonl").read_text().splitlines()]
    steps = {
        "recorded": write_rollouts(work / "recorded.jsonl", recorded),
        "varied": write_rollouts(work / "varied.jsonl", varied(recorded)),
        "bare": write_rollouts(work / "bare.jsonl", bare(recorded)),
    }
    chosen = arguments.only.split(",") if arguments.only else list(VARIATIONS)
    failed = 0
    print(f"{'variation':18} L  {'autograd':>9} {'L against 1':>11} {'loss':>9} {'grad norm':>9}  loss value   worst tensor")
    for name in chosen:
        rollouts, keys, judged = VARIATIONS[name]
        before, after, loss, norm = autograd_step(model, steps[rollouts], {**DEFAULTS, **keys})
        theirs = change(before, after)
        first = None
        for learners in map(int, arguments.learners.split(",")):
            metrics, weights = replay(cogent, work, model, name, rollouts, keys, learners)
            ours = change(before, weights)
            first = first or ours
            tensors, worst = largest(ours, theirs)
            across = largest(ours, first)[0]
            loss_difference = relative(metrics["loss"], loss, 1e-2)
            norm_difference = relative(metrics["grad_norm"], norm, 1e-6)
            judgement = max(tensors, across, loss_difference, norm_difference) if judged else max(loss_difference, norm_difference)
            verdict = "" if judged else " shown"
            if not judgement <= arguments.tolerance:
                failed += 1
                verdict = " FAILED"
            print(
                f"{name:18} {learners}  {tensors:9.1e} {across:11.1e} {loss_difference:9.1e} {norm_difference:9.1e}"
                f"  {loss:+.4e}  {worst}{verdict}",
                flush=True,
            )
    finish(failed, arguments.tolerance)


if __name__ == "__main__":
    main()
