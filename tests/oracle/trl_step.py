"""One recorded GRPO step of each preset through TRL's GRPOTrainer, against `cogent grpo ... rollout.replay=...`.

trl_step.py COGENT [--model FOLDER] [--only PRESET,PRESET] [--learners 1,2] [--work FOLDER] [--tolerance 1e-4]
  --model  a small Hugging Face folder; by default the tiny Llama of tests/fixtures/models
TRL's own code makes the step: advantages, reference and old log-probabilities, loss, gradient, clipping, AdamW. Only its draw
is replaced (rollout_func), and its rewards are the recorded ones. TRL's arguments are read from the preset as `cogent config print` has
it, so that a preset whose figures change is compared as it is. Overridden are sizes, and the optimizer, for the reason that
recorded_step.py states: the gradient is judged at eps=1. Two kinds of rollouts:
  recorded  on-policy; TRL computes the old log-probabilities itself
  varied    lengths differ, and the recorded log-probabilities are moved, so that ratios are clipped; TRL is given them as old ones
  kl*ratio  varied, with TRL's default of multiplying the KL term by the ratio, where there is one: shown, not judged
Judged: the loss (mean over the step's updates), the gradient norm of the last update, and the change of every weight tensor.
What TRL defines in another way, and how it is met here, is in docs/objectives.md. Exits with 1 where a difference is above the tolerance.
"""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import torch
import yaml as yaml_reader
from recorded_step import ROOT, change, environment, finish, largest, relative, run, varied, write_rollouts, yaml
from safetensors.torch import load_file
from transformers.utils import logging
from trl_replay import ReplayTrainer, grpo_config, load_policy

TINY = ROOT / "tests" / "fixtures" / "models" / "llama_gqa3_tied"
SENTENCES = ("Ann left Rome .", "Rain .", "The ferry to Oslo was late again .", "Nobody came .")
PRESETS = ("reasoningner", "dapo", "dr_grpo", "gspo")
# What stands above a preset: a small step, and an optimizer that shows the gradient.
OVER = {
    "rollout.prompts_per_step": 4, "rollout.group_size": 4, "rollout.max_new_tokens": 24, "grpo.mini_batch_prompts": 0,
    "optimizer.eps": 1, "optimizer.schedule": "constant", "optimizer.warmup_ratio": 0, "optimizer.clip_norm": 1,
    "numerics": "fast", "reward.length": 1, "train.steps": 1, "learner.micro_batch_tokens": 256,
}  # fmt: skip
# Several passes: a long first step would magnify rounding.
RATE = {True: 100, False: 0.1}


def preset_keys(cogent, name):
    """The preset's whole configuration, flat, with OVER above it."""
    overrides = [f"{key}={yaml(value)}" for key, value in OVER.items()]
    command = [str(cogent), "config", "print", f"preset={name}", *overrides]
    text = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    keys = {f"{section}.{key}": value for section, keys in yaml_reader.safe_load(text).items() if isinstance(keys, dict) for key, value in keys.items()}
    keys["optimizer.lr"] = RATE[keys["grpo.num_iterations"] == 1]
    for key in ("optimizer.lr", "optimizer.eps", "grpo.clip_low", "grpo.clip_high", "grpo.beta", "grpo.delta"):
        keys[key] = float(keys[key])  # YAML 1.1 reads 1e-06 as text
    same = {"grpo.baseline": "group_mean", "grpo.surrogate": "clip", "grpo.kl_estimator": "k3", "grpo.kl_in": "loss", "grpo.old_policy": "behavior"}
    different = [key for key, value in same.items() if keys[key] != value]
    if different or float(keys["grpo.scale_eps"]) != 1e-4:
        sys.exit(f"preset {name} has a value of {different or 'grpo.scale_eps'} that TRL does not have")
    return keys


def moved(groups, recorded, share):
    """`groups` with this share of how far varied() moved their log-probabilities."""
    result = copy.deepcopy(groups)
    for group, original in zip(result, recorded):
        for completion, source in zip(group["completions"], original["completions"]):
            completion["logprobs"] = [q + share * (p - q) for p, q in zip(completion["logprobs"], source["logprobs"])]
    return result


def trl_step(model_dir, groups, keys, old_policy, work, kl_times_ratio):
    """(weights before, weights after, mean loss of the updates, gradient norm of the last one)."""
    model, tokenizer = load_policy(model_dir)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    rows = sum(len(group["completions"]) for group in groups)
    trainer = ReplayTrainer(model, tokenizer, groups, grpo_config(work, keys, rows, kl_times_ratio=kl_times_ratio), old_policy)
    trainer.train()
    after = {name: p.detach().clone() for name, p in model.named_parameters()}
    return before, after, sum(trainer.losses) / len(trainer.losses), trainer.norms[-1]


def cogent_grpo(cogent, ranks, folder, keys):
    """The metrics of the one step of a run that has these keys alone."""
    config = folder.with_suffix(".yaml")
    config.write_text("{}\n")
    run("mpirun", "-n", ranks, cogent, "grpo", config, *[f"{key}={yaml(value)}" for key, value in {**OVER, "run.dir": folder, **keys}.items()])
    return json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])


def draw(cogent, model, work):
    """The groups of one step over four short prompts."""
    data, template = work / "train.jsonl", work / "prompt.txt"
    template.write_text("{{schema}} {{sentence}}")
    lines = [{"sentence": sentence, "schema": ["place"], "entities": []} for sentence in SENTENCES]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    keys = {"model.path": model, "data.train": data, "prompt.template": template, "chat.template": "own", "rollout.record": True}
    cogent_grpo(cogent, 2, work / "drawn", keys)
    return [json.loads(line) for line in (work / "drawn" / "rollouts" / "rollouts.jsonl").read_text().splitlines()]


def cogent_step(cogent, model, preset, keys, rollouts, learners, folder):
    settings = {"preset": preset, "model.path": model, "optimizer.lr": keys["optimizer.lr"], "rollout.replay": rollouts, "cluster.learners": learners}
    metrics = cogent_grpo(cogent, learners, folder, settings)
    run(cogent, "export", folder, "--out", folder / "exported")
    return metrics, load_file(folder / "exported" / "model.safetensors")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cogent", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=TINY)
    parser.add_argument("--only")
    parser.add_argument("--learners", default="1,2")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    cogent, model = arguments.cogent.resolve(), arguments.model.resolve()
    work = (arguments.work or pathlib.Path(tempfile.mkdtemp())).resolve()
    work.mkdir(parents=True, exist_ok=True)
    recorded = draw(cogent, model, work)
    failed = 0
    print(f"{'preset':14} {'rollouts':9} L updates {'loss':>8} {'grad norm':>9} {'weights':>8}  loss value   worst tensor")
    for preset in arguments.only.split(",") if arguments.only else PRESETS:
        keys = preset_keys(cogent, preset)
        # The clip of whole sequences is a thousandth as wide: the log-probabilities are moved as much less.
        share = 1e-2 if keys["grpo.ratio"] == "sequence" else 1
        off_policy = moved(varied(recorded), recorded, share)
        steps = [("recorded", recorded, "own", True), ("varied", off_policy, "recorded", True)]
        if keys["grpo.beta"] > 0:
            steps.append(("kl*ratio", off_policy, "recorded", False))
        for kind, groups, old_policy, judged in steps:
            name = f"{preset}-{kind.replace('*', '-')}"
            file = work / f"{name}.jsonl"
            write_rollouts(file, groups)
            before, after, loss, norm = trl_step(model, groups, keys, old_policy, work / "trl", not judged)
            theirs = change(before, after)
            for learners in map(int, arguments.learners.split(",")):
                metrics, weights = cogent_step(cogent, model, preset, keys, file, learners, work / f"{name}-{learners}")
                tensors, worst = largest(change(before, weights), theirs)
                differences = (relative(metrics["loss"], loss, 1e-2), relative(metrics["grad_norm"], norm, 1e-6), tensors)
                holds = all(d <= arguments.tolerance for d in differences)
                verdict = (" FAILED" if not holds else "") if judged else " shown"
                failed += judged and not holds
                print(
                    f"{preset:14} {kind:9} {learners} {metrics['updates']:7} {differences[0]:8.1e} {differences[1]:9.1e} {tensors:8.1e}"
                    f"  {loss:+.4e}  {worst}{verdict}",
                    flush=True,
                )
    finish(failed, arguments.tolerance)


if __name__ == "__main__":
    main()
