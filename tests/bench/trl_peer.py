"""Training by Cogent and by TRL's own trainers, on the same tokens: seconds and peak memory, one line each.

trl_peer.py grpo COGENT MODEL ROLLOUTS [--groups N] [--rows 8] [--checkpointing] [--numerics fast,exact]
  One GRPO step (dr_grpo, beta 0.04, one pass) over the first batch of a file that `cogent grpo rollout.record=true` wrote: scoring with
  the reference, forward, backward, AdamW. Nothing is drawn. --rows: completions of TRL's micro-batch, whose gradients accumulate.
trl_peer.py sft COGENT MODEL --lengths mixed|equal [--examples 32] [--batch 8] [--shortest 60] [--longest 816] [--checkpointing]
  One epoch over examples whose sequences have lengths evenly spread from shortest to longest, or all the mean of the two; --batch
  sequences an update.
MODEL: a GGUF file, a Hugging Face folder or a run folder. Both: [--threads 2] [--work FOLDER] [--only cogent|trl]. With tests/oracle/.venv/bin/python, on a machine with nothing else to do.
Cogent's seconds are those of its metrics. Peak memory is the process's resident set, its start and the loading of the model included.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings

import torch
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from transformers.utils import logging
from trl import SFTConfig, SFTTrainer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from recorded_step import environment, run, yaml  # noqa: E402
from sft_steps import TEMPLATE, sequences  # noqa: E402
from trl_replay import ReplayTrainer, grpo_config  # noqa: E402

GRPO = {
    "grpo.loss": "dr_grpo", "grpo.scale_rewards": "group", "grpo.ratio": "token", "grpo.clip_low": 0.2, "grpo.clip_high": 0.28, "grpo.delta": 0,
    "grpo.beta": 0.04, "grpo.num_iterations": 1, "grpo.mask_truncated": False, "grpo.entropy_coef": 0, "rollout.temperature": 0.9,
    "optimizer.lr": 1e-6, "optimizer.eps": 1e-8, "optimizer.weight_decay": 0, "optimizer.clip_norm": 1.0,
}  # fmt: skip


def gigabytes(kibibytes):
    return kibibytes * 1024 / 1e9


def own_peak():
    return gigabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def cogent_stage(cogent, stage, work, keys):
    """(lines of metrics.jsonl, peak memory in GB) of a run alone, without its checkpoint."""
    config, folder = work / f"{stage}.yaml", work / stage
    config.write_text("{}\n")
    shutil.rmtree(folder, ignore_errors=True)
    command = [str(cogent), stage, str(config), f"run.dir={folder}", *[f"{key}={yaml(value)}" for key, value in keys.items()]]
    started = {name: value for name, value in environment().items() if name != "OMP_NUM_THREADS"}
    with open(work / f"{stage}.log", "w") as log:
        process = subprocess.Popen(command, env=started, cwd=ROOT, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit((work / f"{stage}.log").read_text())
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    shutil.rmtree(folder)
    return metrics, gigabytes(usage.ru_maxrss)


def load(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    return model, AutoTokenizer.from_pretrained(folder)


class TimedReplay(ReplayTrainer):
    """Seconds by part; the step's total goes from the start of scoring to the end of the optimizer's step."""

    def __init__(self, *arguments):
        self.seconds = {"scoring": 0.0, "forward": 0.0, "backward": 0.0, "optimizer": 0.0}
        super().__init__(*arguments)
        outer = self

        class Clock(TrainerCallback):
            def on_pre_optimizer_step(self, *_, **__):
                self.start = time.perf_counter()

            def on_optimizer_step(self, *_, **__):
                outer.seconds["optimizer"] += time.perf_counter() - self.start

        self.add_callback(Clock())

    def _generate_and_score_completions(self, inputs):
        self.start = time.perf_counter()
        return super()._generate_and_score_completions(inputs)

    def _get_per_token_logps_and_entropies(self, *arguments, **keywords):
        start = time.perf_counter()
        result = super()._get_per_token_logps_and_entropies(*arguments, **keywords)
        if not torch.is_grad_enabled():
            self.seconds["scoring"] += time.perf_counter() - start
        return result

    def compute_loss(self, *arguments, **keywords):
        start = time.perf_counter()
        loss = super().compute_loss(*arguments, **keywords)
        self.loss_done = time.perf_counter()
        self.seconds["forward"] += self.loss_done - start
        return loss

    def training_step(self, *arguments, **keywords):
        result = super().training_step(*arguments, **keywords)
        self.seconds["backward"] += time.perf_counter() - self.loss_done
        return result

    def log(self, logs, start_time=None):
        if "grad_norm" in logs:
            self.total = time.perf_counter() - self.start
        super().log(logs, start_time)


def first_batch(path, limit):
    path = path / "rollouts.jsonl" if path.is_dir() else path
    groups = [json.loads(line) for line in path.read_text().splitlines()]
    groups = [group for group in groups if group["step"] == groups[0]["step"]]
    return groups[: limit or len(groups)]


def grpo_cogent(arguments, keys, groups):
    recorded = arguments.work / "batch.jsonl"
    recorded.write_text("".join(json.dumps(group) + "\n" for group in groups))
    more = {
        "model.path": arguments.model, "rollout.replay": recorded, "cluster.learners": 1, "cluster.threads": arguments.threads, "train.steps": 1,
        "optimizer.schedule": "constant", "optimizer.warmup_ratio": 0,
    }  # fmt: skip
    for numerics in arguments.numerics.split(","):
        (line,), memory = cogent_stage(arguments.cogent, "grpo", arguments.work, {**keys, **more, "numerics": numerics})
        print(f"cogent grpo {numerics:5}: {line['training_seconds']:8.2f} s, {memory:5.2f} GB, loss {line['loss']:+.3e}, grad norm {line['grad_norm']:.4f}", flush=True)


def grpo_trl(arguments, keys, groups):
    completions = sum(len(group["completions"]) for group in groups)
    model, tokenizer = load(arguments.folder)
    config = grpo_config(arguments.work / "trl", keys, arguments.rows, completions // arguments.rows, checkpointing=arguments.checkpointing)
    trainer = TimedReplay(model, tokenizer, groups, config, "own")
    trainer.train()
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in trainer.seconds.items())
    (loss,), (norm,) = trainer.losses, trainer.norms
    print(f"TRL GRPOTrainer  : {trainer.total:8.2f} s, {own_peak():5.2f} GB, loss {loss:+.3e}, grad norm {norm:.4f} ({parts})", flush=True)


def compare_grpo(arguments):
    groups = first_batch(arguments.rollouts, arguments.groups)
    lengths = [len(completion["ids"]) for group in groups for completion in group["completions"]]
    size = {len(group["completions"]) for group in groups}
    if len(size) != 1 or len(lengths) % arguments.rows:
        sys.exit(f"groups of {sorted(size)} completions, {len(lengths)} in all: TRL needs equal groups and a multiple of --rows {arguments.rows}")
    prompts = [len(group["prompt_ids"]) for group in groups]
    print(f"{len(groups)} prompts of {min(prompts)} to {max(prompts)} tokens, {len(lengths)} completions of {sum(lengths)} tokens, {arguments.threads} threads")
    keys = {**GRPO, "rollout.group_size": size.pop(), "rollout.max_new_tokens": max(lengths)}
    if arguments.only != "trl":
        grpo_cogent(arguments, keys, groups)
    if arguments.only != "cogent":
        grpo_trl(arguments, keys, groups)


def examples_of(tokenizer, lengths):
    """Sentences with a chain of thought that is as long as a sequence of this many tokens needs, within a few."""
    lines = [json.loads(line) for line in (ROOT / "configs" / "quickstart" / "train.jsonl").read_text().splitlines()]
    words = " ".join(line["sentence"] for line in lines).split()
    examples = []
    for number, length in enumerate(lengths):
        example = {"sentence": "Ann left Rome .", "schema": ["person"], "entities": [{"text": "Ann", "label": "person"}]}
        first, count = number * 131 % len(words), 0
        while len(sequences(tokenizer, [example], 1 << 20)[0][0]) < length:
            count += max(1, (length - count) // 40)
            example["cot"] = " ".join((words[first:] + words * 4)[:count])
        examples.append(example)
    return examples


def sft_cogent(arguments, examples, longest, tokens):
    data, template = arguments.work / "train.jsonl", arguments.work / "prompt.txt"
    data.write_text("".join(json.dumps(example) + "\n" for example in examples))
    template.write_text(TEMPLATE)
    keys = {
        "model.path": arguments.model, "data.train": data, "prompt.template": template, "chat.template": "own", "train.epochs": 1,
        "sft.batch_size": arguments.batch, "sft.max_length": longest, "cluster.threads": arguments.threads, "optimizer.lr": 1e-6,
    }  # fmt: skip
    for numerics in arguments.numerics.split(","):
        lines, memory = cogent_stage(arguments.cogent, "sft", arguments.work, {**keys, "numerics": numerics})
        seconds = sum(line["seconds"] for line in lines)
        print(f"cogent sft {numerics:5}: {seconds:8.2f} s, {tokens / seconds:7.1f} tokens/s, {memory:5.2f} GB, last loss {lines[-1]['loss']:.4f}", flush=True)


def sft_trl(arguments, rows, longest, tokens):
    model, tokenizer = load(arguments.folder)
    config = SFTConfig(
        output_dir=str(arguments.work / "trl"), report_to=[], save_strategy="no", logging_strategy="epoch", disable_tqdm=True, use_cpu=True,
        bf16=False, gradient_checkpointing=arguments.checkpointing, num_train_epochs=1, per_device_train_batch_size=arguments.batch,
        max_length=longest, packing=False, learning_rate=1e-6, max_grad_norm=1.0,
    )  # fmt: skip
    columns = {"input_ids": [ids for ids, _ in rows], "labels": [[-100] * (len(ids) - trained) + ids[-trained:] for ids, trained in rows]}
    trainer = SFTTrainer(model, args=config, train_dataset=Dataset.from_dict(columns), processing_class=tokenizer)
    trainer.remove_callback(PrinterCallback)
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
    print(f"TRL SFTTrainer  : {seconds:8.2f} s, {tokens / seconds:7.1f} tokens/s, {own_peak():5.2f} GB, mean loss {trainer.state.log_history[0]['loss']:.4f}", flush=True)


def compare_sft(arguments):
    shortest, longest, count = arguments.shortest, arguments.longest, arguments.examples
    spread = [shortest + (longest - shortest) * i // max(1, count - 1) for i in range(count)]
    wanted = spread if arguments.lengths == "mixed" else [(shortest + longest) // 2] * count
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder)
    examples = examples_of(tokenizer, wanted)
    rows = sequences(tokenizer, examples, 1 << 20)
    lengths = [len(ids) for ids, _ in rows]
    tokens = sum(lengths)
    print(f"{count} sequences of {min(lengths)} to {max(lengths)} tokens, {tokens} in all, {arguments.batch} an update, {arguments.threads} threads")
    if arguments.only != "trl":
        sft_cogent(arguments, examples, max(lengths), tokens)
    if arguments.only != "cogent":
        sft_trl(arguments, rows, max(lengths), tokens)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = parser.add_subparsers(required=True)
    grpo = stages.add_parser("grpo")
    grpo.set_defaults(compare=compare_grpo)
    sft = stages.add_parser("sft")
    sft.set_defaults(compare=compare_sft)
    for stage in (grpo, sft):
        stage.add_argument("cogent", type=pathlib.Path)
        stage.add_argument("model", type=pathlib.Path)
        stage.add_argument("--threads", type=int, default=2)
        stage.add_argument("--work", type=pathlib.Path)
        stage.add_argument("--only", choices=("cogent", "trl"))
        stage.add_argument("--numerics", default="fast,exact")
        stage.add_argument("--checkpointing", action="store_true")
    grpo.add_argument("rollouts", type=pathlib.Path)
    grpo.add_argument("--groups", type=int, default=0)
    grpo.add_argument("--rows", type=int, default=8)
    sft.add_argument("--lengths", choices=("mixed", "equal"), default="mixed")
    sft.add_argument("--examples", type=int, default=32)
    sft.add_argument("--batch", type=int, default=8)
    sft.add_argument("--shortest", type=int, default=60)
    sft.add_argument("--longest", type=int, default=816)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    logging.disable_progress_bar()
    disable_progress_bars()
    logging.set_verbosity_error()
    arguments.cogent, arguments.model = arguments.cogent.resolve(), arguments.model.resolve()
    arguments.work = (arguments.work or pathlib.Path(tempfile.mkdtemp())).resolve()
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.folder = arguments.work / "model"
    shutil.rmtree(arguments.folder, ignore_errors=True)
    run(arguments.cogent, "export", arguments.model, "--out", arguments.folder)
    arguments.compare(arguments)


if __name__ == "__main__":
    main()
