"""Ten SFT steps of `cogent sft` against a plain transformers, autograd and torch.optim.AdamW loop over the same data.

sft_steps.py COGENT MODEL [--quick] [--only NAME;NAME] [--work FOLDER] [--tolerance 1e-4]   (needs torch, transformers, safetensors, gguf)
  MODEL    a GGUF file or a Hugging Face folder; left out by --quick, which takes the tiny models of tests/fixtures/models alone
The data are eleven sentences of the quickstart: two a step, so the sixth step of an epoch has one and the tenth step is in the
second epoch. The oracle renders prompts and answers, shuffles, truncates, masks, averages, clips, decays and schedules by itself.
Judged: loss, gradient norm and learning rate of every step and the evaluation losses (over the same sentences, before and behind the
steps), relative, and the change of the weights (after minus before), by relative
norm, tensor by tensor. AdamW divides by the root of the squared gradient: at a usual eps the sign of a tiny gradient decides a
whole step. So weights are judged at eps=1, where AdamW is near a momentum SGD, and only shown at eps=1e-8.
Exits with 1 where a judged difference is above the tolerance.
"""

import argparse
import json
import math
import pathlib
import sys
import tempfile

import torch
from recorded_step import ROOT, change, largest, relative, run, yaml
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, get_scheduler
from transformers.utils import logging

FIXTURES = ROOT / "tests" / "fixtures" / "models"
BATCH, ROWS, SEED = 2, 11, 29
TEMPLATE = "Types: {{schema}}\nText: {{sentence}}"
DEFAULTS = {
    "seed": SEED, "train.steps": 10, "sft.batch_size": BATCH, "sft.max_length": 192, "chat.template": "own",
    "learner.micro_batch_tokens": 1024, "optimizer.lr": 0.05, "optimizer.eps": 1, "optimizer.weight_decay": 0,
    "optimizer.clip_norm": 1, "optimizer.schedule": "cosine", "optimizer.warmup_ratio": 0.15,
}  # fmt: skip
# name: (learners, keys that differ from DEFAULTS, whether the weights are judged)
VARIATIONS = {
    "plain": (1, {}, True),
    "three learners": (3, {"learner.micro_batch_tokens": 64}, True),
    "decay, linear": (1, {"optimizer.weight_decay": 0.02, "optimizer.schedule": "linear"}, True),
    "not clipped": (1, {"optimizer.clip_norm": 0, "optimizer.schedule": "constant", "optimizer.warmup_ratio": 0}, True),
    "eps 1e-8": (1, {"optimizer.lr": 2e-4, "optimizer.eps": 1e-8, "optimizer.weight_decay": 0.01}, False),
}
# Of MODEL. A change that many weights share needs a larger rate to stand above the rounding of their values.
OF_MODEL = {
    "one step": (1, {"train.steps": 1, "optimizer.lr": 5, "optimizer.warmup_ratio": 0}, True),
    "ten steps": (1, {"optimizer.lr": 0.2}, True),
    "eps 1e-8": VARIATIONS["eps 1e-8"],
}


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011) of four and two 32-bit words."""
    mask = 0xFFFFFFFF
    a, b, c, d = counter
    k, l = key
    for _ in range(10):
        left, right = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (right >> 32) ^ b ^ k, right & mask, (left >> 32) ^ d ^ l, left & mask
        k, l = (k + 0x9E3779B9) & mask, (l + 0xBB67AE85) & mask
    return a, b, c, d


def below(bound, epoch, row):
    """Lemire's unbiased draw at the address of core/base/philox.hpp: stream 1 (data order), step = epoch, prompt = row."""
    for attempt in range(1 << 12):
        for word in philox((1 << 24, attempt << 20, epoch, row), (SEED, 0)):
            if word * bound % 2**32 >= 2**32 % bound:
                return word * bound >> 32


def epoch_order(count, epoch):
    rows = list(range(count))
    for last in range(count - 1, 0, -1):
        other = below(last + 1, epoch, last)
        rows[last], rows[other] = rows[other], rows[last]
    return rows


def answer(example):
    by_label = {}
    for entity in example["entities"]:
        by_label.setdefault(entity["label"], []).append(entity["text"])
    text = json.dumps({"entities": by_label}, indent=2, ensure_ascii=False)
    return f"<think>\n{example['cot']}\n</think>\n{text}" if example.get("cot") else text


def sequences(tokenizer, examples, max_length):
    """(ids, how many of them are trained: at the end) of each example."""
    result = []
    for example in examples:
        prompt = TEMPLATE.replace("{{schema}}", json.dumps(sorted(example["schema"]), ensure_ascii=False))
        prompt = prompt.replace("{{sentence}}", example["sentence"])
        turn = [{"role": "user", "content": prompt}]
        ids = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)["input_ids"]
        completion = tokenizer(answer(example), add_special_tokens=False).input_ids
        completion.append(tokenizer.convert_tokens_to_ids("<|im_end|>"))
        ids = (ids + completion)[-max_length:]
        result.append((ids, min(len(completion), len(ids) - 1)))
    return result


def batches(rows, steps):
    in_epoch = -(-len(rows) // BATCH)
    for step in range(steps):
        first = step % in_epoch * BATCH
        yield [rows[row] for row in epoch_order(len(rows), step // in_epoch)[first : first + BATCH]]


def load(model):
    source, more = (model, {}) if model.is_dir() else (model.parent, {"gguf_file": model.name})
    net = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager", **more).eval()
    net.get_input_embeddings().padding_idx = None  # transformers would not train the pad token's row
    return net, AutoTokenizer.from_pretrained(source, **more)


def likelihood(net, sequence):
    """Sum of the log-probabilities of a sequence's trained tokens."""
    ids, trained = sequence
    logp = torch.log_softmax(net(torch.tensor([ids])).logits[0, -trained - 1 : -1], -1)
    return logp.gather(1, torch.tensor(ids)[-trained:, None]).sum()


@torch.no_grad()
def evaluation(net, rows):
    """(mean loss of a trained token, how many there are)."""
    tokens = sum(trained for _, trained in rows)
    return -sum(likelihood(net, row).double().item() for row in rows) / tokens, tokens


def autograd_steps(model, examples, keys):
    """(weights before, weights after, [(loss, gradient norm, learning rate)], evaluations before and behind)."""
    net, tokenizer = load(model)
    rows = sequences(tokenizer, examples, keys["sft.max_length"])
    evaluations = [evaluation(net, rows)]
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    # As transformers' Trainer: norms and biases, the vectors, do not decay.
    vectors = [p for p in net.parameters() if p.dim() == 1]
    matrices = [p for p in net.parameters() if p.dim() > 1]
    optimizer = torch.optim.AdamW(
        [{"params": vectors, "weight_decay": 0}, {"params": matrices, "weight_decay": keys["optimizer.weight_decay"]}],
        lr=keys["optimizer.lr"], betas=(0.9, 0.999), eps=keys["optimizer.eps"],
    )  # fmt: skip
    total = keys["train.steps"]
    warmup = math.ceil(keys["optimizer.warmup_ratio"] * total)
    name = {"constant": "constant_with_warmup"}.get(keys["optimizer.schedule"], keys["optimizer.schedule"])
    schedule = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    steps = []
    for batch in batches(rows, total):
        optimizer.zero_grad()
        loss = -sum(likelihood(net, row) for row in batch) / sum(trained for _, trained in batch)
        loss.backward()
        # clip_grad_norm_ in its two halves: in float32, torch's norm of SmolLM2's gradient is 4e-5 too small.
        norm = torch.stack([p.grad.double().norm() for p in net.parameters()]).norm()
        torch.nn.utils.clip_grads_with_norm_(net.parameters(), keys["optimizer.clip_norm"] or math.inf, norm.float())
        steps.append((loss.item(), norm.item(), schedule.get_last_lr()[0]))
        optimizer.step()
        schedule.step()
    evaluations.append(evaluation(net, rows))
    return before, {name: p.detach() for name, p in net.named_parameters()}, steps, evaluations


def cogent_steps(cogent, learners, model, folder, keys):
    settings = {**keys, "model.path": model, "run.dir": folder / "run"}
    config = folder / "config.yaml"
    config.write_text("{}\n")
    run("mpirun", "-n", learners, cogent, "sft", config, *[f"{key}={yaml(value)}" for key, value in settings.items()])
    run(cogent, "export", folder / "run", "--out", folder / "exported")
    metrics, evaluations = ([json.loads(line) for line in (folder / "run" / f"{name}.jsonl").read_text().splitlines()] for name in ("metrics", "evaluations"))
    return load_file(folder / "exported" / "model.safetensors"), metrics, evaluations


def together(ours, theirs):
    """||ours - theirs|| / ||theirs|| of all tensors as one vector."""
    return math.sqrt(sum((ours[n] - t).norm().item() ** 2 for n, t in theirs.items()) / sum(t.norm().item() ** 2 for t in theirs.values()))


def most(differences):
    """The largest; infinite where one is not a number, which max would pass over."""
    differences = list(differences)
    return max(differences) if all(map(math.isfinite, differences)) else math.inf


def compare(cogent, model, name, variation, examples, arguments):
    """Runs one variation, prints its line, and returns whether it holds."""
    learners, different, judged = variation
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        folder = pathlib.Path(folder)
        (folder / "train.jsonl").write_text("".join(json.dumps(example) + "\n" for example in examples))
        (folder / "prompt.txt").write_text(TEMPLATE)
        keys = {**DEFAULTS, **different, "data.train": folder / "train.jsonl", "prompt.template": folder / "prompt.txt"}
        keys |= {"data.dev": folder / "train.jsonl", "train.eval_every": keys["train.steps"], "train.eval": "loss"}
        before, after, steps, held_out = autograd_steps(model, examples, keys)
        weights, metrics, evaluations = cogent_steps(cogent, learners, model, folder, keys)
    loss = most(relative(line["loss"], oracle[0], 1e-2) for line, oracle in zip(metrics, steps, strict=True))
    norm = most(relative(line["grad_norm"], oracle[1], 1e-6) for line, oracle in zip(metrics, steps))
    rate = most(relative(line["lr"], oracle[2], 1e-12) for line, oracle in zip(metrics, steps))
    assert [line["tokens"] for line in evaluations] == [tokens for _, tokens in held_out]
    development = most(relative(line["loss"], oracle, 1e-2) for line, (oracle, _) in zip(evaluations, held_out, strict=True))
    ours, theirs = change(before, weights), change(before, after)
    everything, (worst, tensor) = together(ours, theirs), largest(ours, theirs)
    verdict = "ok" if most([loss, norm, rate, development] + [worst, everything] * judged) <= arguments.tolerance else "FAILED"
    print(
        f"{verdict:6} {model.name:30} {name:14} {loss:8.1e} {norm:9.1e} {rate:8.1e} {development:8.1e} {everything:8.1e} {worst:12.1e} {'judged' if judged else 'shown':6}"
        f" loss {steps[0][0]:.4f} to {steps[-1][0]:.4f}, norm {steps[0][1]:.3f} to {steps[-1][1]:.3f}, {tensor}",
        flush=True,
    )
    return verdict == "ok"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cogent", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path, nargs="?")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--only", help="variations, separated by semicolons")
    arguments = parser.parse_args()
    if not arguments.quick and arguments.model is None:
        parser.error("a model is needed without --quick")
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    cogent = arguments.cogent.resolve()
    lines = (ROOT / "configs" / "quickstart" / "train.jsonl").read_text().splitlines()
    examples = [json.loads(line) for line in lines]
    examples = sorted((e for e in examples if e.get("cot")), key=lambda e: len(e["cot"]))[: ROWS - 2] + examples[-2:]
    cases = [(folder, *item) for folder in sorted(FIXTURES.iterdir()) if folder.is_dir() for item in VARIATIONS.items()]
    if not arguments.quick:
        cases += [(arguments.model.resolve(), *item) for item in OF_MODEL.items()]
    if arguments.only:
        cases = [case for case in cases if case[1] in arguments.only.split(";")]
    print(f"{'':6} {'model':30} {'variation':14} {'loss':>8} {'grad norm':>9} {'lr':>8} {'eval':>8} {'weights':>8} worst tensor        of the oracle, worst tensor")
    failed = [case for case in cases if not compare(cogent, *case, examples, arguments)]
    print(f"{len(failed)} above {arguments.tolerance:g}" if failed else "all judged differences are within the tolerance")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
