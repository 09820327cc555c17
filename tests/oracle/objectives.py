"""The objectives of GRPO in float64, on their own, and the fixture that tests/unit/trainer/objectives_test.cpp is held to.

objectives.py [--out tests/fixtures/trainer/objectives.json]
Needs numpy. Every formula of docs/objectives.md stands here once, over padded arrays [rows, tokens] with a mask, as other
libraries write them. A gradient is the complex step (the imaginary part of f(x + ih) / h, exact to rounding), and central
differences must agree with it. Stop-gradients are real parts.
The script also holds its loss to the published formulas of TRL and verl, written anew from their own terms, where these define
the same thing. It prints what it compared; the C++ test prints objective x (value error, gradient error, cases).
"""

import argparse
import json
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULTS = {
    "loss": "dr_grpo", "baseline": "group_mean", "scale_rewards": "group", "scale_eps": 1e-4, "surrogate": "clip", "ratio": "token",
    "clip_low": 0.2, "clip_high": 0.28, "delta": 0, "beta": 0.04, "kl_estimator": "k3", "kl_in": "loss",
    "old_policy": "behavior", "importance": "truncate", "importance_level": "token", "importance_floor": 0, "importance_cap": 2,
    "mask_truncated": False, "entropy_coef": 0,
}  # fmt: skip
PROXIMAL = {"old_policy": "proximal"}
NO_KL = {"beta": 0}
OBJECTIVES = {
    "grpo": {"loss": "grpo"},
    "dapo": {"loss": "dapo"},
    "bnpo": {"loss": "bnpo"},
    "dr_grpo": {"loss": "dr_grpo"},
    "token_sum_norm": {"loss": "token_sum_norm"},
    "no kl": NO_KL,
    "scale batch": {"scale_rewards": "batch"},
    "scale none": {"scale_rewards": "none"},
    "scale eps 1e-6": {"scale_eps": 1e-6},
    "leave one out": {"baseline": "leave_one_out"},
    "rloo": {"baseline": "leave_one_out", "scale_rewards": "none", "kl_estimator": "k1", "kl_in": "reward"},
    "delta": {"delta": 1.5, **NO_KL},
    "k1 in loss": {"kl_estimator": "k1"},
    "k2 in loss": {"kl_estimator": "k2"},
    "k1 in reward": {"kl_estimator": "k1", "kl_in": "reward"},
    "k2 in reward": {"kl_estimator": "k2", "kl_in": "reward"},
    "k3 in reward": {"kl_in": "reward"},
    "sequence ratio": {"ratio": "sequence", **NO_KL},
    "sequence ratio, delta, grpo": {"ratio": "sequence", "delta": 1.5, "loss": "grpo"},
    "cispo surrogate": {"surrogate": "cispo", **NO_KL},
    "cispo, sequence ratio, grpo": {"surrogate": "cispo", "ratio": "sequence", "loss": "grpo"},
    "mask truncated": {"mask_truncated": True},
    "mask truncated, dapo": {"mask_truncated": True, "loss": "dapo"},
    "mask truncated, grpo": {"mask_truncated": True, "loss": "grpo"},
    "proximal, no weight": {**PROXIMAL, "importance": "none"},
    "proximal, token truncate": PROXIMAL,
    "proximal, token mask": {**PROXIMAL, "importance": "mask"},
    "proximal, sequence truncate": {**PROXIMAL, "importance_level": "sequence"},
    "proximal, sequence mask": {**PROXIMAL, "importance": "mask", "importance_level": "sequence", "importance_cap": 3},
    "proximal, mask within bounds": {**PROXIMAL, "importance": "mask", "importance_floor": 0.5},
    "proximal, truncate within bounds": {**PROXIMAL, "importance_floor": 0.5, "importance_cap": 1.2},
    "proximal, sequence ratio": {**PROXIMAL, "ratio": "sequence"},
    "proximal, cispo, dapo": {**PROXIMAL, "surrogate": "cispo", "loss": "dapo"},
    "entropy bonus": {"entropy_coef": 0.01},
    "entropy bonus, dapo, no kl": {"entropy_coef": 0.2, "loss": "dapo", **NO_KL},
    "preset reasoningner": {},
    "preset reasoningner_verl": {"loss": "dapo", "scale_eps": 1e-6, "clip_high": 0.2, "delta": 3, "beta": 0.001},
    "preset dapo": {"loss": "dapo", **NO_KL},
    "preset dr_grpo": {"scale_rewards": "none", "clip_high": 0.2, **NO_KL},
    "preset gspo": {"loss": "grpo", "ratio": "sequence", "clip_low": 3e-4, "clip_high": 4e-4, **NO_KL},
    "preset cispo": {"loss": "dapo", "surrogate": "cispo", "clip_low": 1, "clip_high": 4, **NO_KL},
}  # fmt: skip
LONGEST = 6  # max_new_tokens


def random_batch(seed):
    """Groups of three: rewards of few values, so that some groups are equal; lengths that differ; policies some way apart."""
    rng = np.random.default_rng(seed)
    groups, rows = 3, 9
    lengths = rng.integers(1, LONGEST + 1, rows)
    mask = np.arange(LONGEST)[None, :] < lengths[:, None]
    logprob = -rng.exponential(1.0, (rows, LONGEST))
    proximal = logprob + rng.normal(0, 0.25, logprob.shape)
    rewards = np.round(rng.choice([0.1, 1.0, 4.3, 11.0], rows), 3)
    rewards[6:] = rewards[6] if seed % 2 else rewards[6:]
    return {
        "group": np.repeat(np.arange(groups), rows // groups),
        "rewards": rewards,
        "truncated": lengths == LONGEST,
        "mask": mask.astype(float),
        "logprob": logprob,
        "proximal": proximal,
        "behavior": proximal + rng.normal(0, 0.5, logprob.shape),
        "reference": logprob + rng.normal(0, 0.4, logprob.shape),
        "entropy": rng.exponential(1.0, logprob.shape),
    }


# Minimum, maximum and clamp of the real part that carry the complex step along.
def smaller(a, b):
    return np.where(np.real(a) < np.real(b), a, b)


def clamp(x, low, high):
    return np.where(np.real(x) < low, low, np.where(np.real(x) > high, high, x))


def kl(estimator, p, reference):
    r = p - reference
    return {"k1": r, "k2": r**2 / 2, "k3": np.exp(-r) + r - 1}[estimator]


def old_of(batch, s):
    return batch["proximal"] if s["old_policy"] == "proximal" else batch["behavior"]


def advantages(batch, s):
    rewards = batch["rewards"].copy()
    if s["kl_in"] == "reward":
        rewards -= s["beta"] * (kl(s["kl_estimator"], old_of(batch, s), batch["reference"]) * batch["mask"]).sum(1)
    result = np.zeros_like(rewards)
    for g in np.unique(batch["group"]):
        rows = batch["group"] == g
        of_group = rewards[rows]
        if s["baseline"] == "leave_one_out":
            baseline = (of_group.sum() - of_group) / (len(of_group) - 1)
        else:
            baseline = of_group.mean()
        spread = {"group": of_group.std(ddof=1), "batch": rewards.std(ddof=1), "none": None}[s["scale_rewards"]]
        result[rows] = 0 if np.ptp(of_group) == 0 else (of_group - baseline) / (1 if spread is None else spread + s["scale_eps"])
    return result


def importance(batch, s, mask):
    if s["old_policy"] == "behavior" or s["importance"] == "none":
        return np.ones_like(mask)
    log_weight = (batch["proximal"] - batch["behavior"]) * mask
    if s["importance_level"] == "sequence":
        log_weight = np.broadcast_to(log_weight.sum(1, keepdims=True), mask.shape)
    weight = np.exp(log_weight)
    if s["importance"] == "truncate":
        return np.clip(weight, s["importance_floor"], s["importance_cap"])
    return np.where((weight >= s["importance_floor"]) & (weight <= s["importance_cap"]), weight, 0)


def loss(batch, s, logprob, entropy=None):
    mask = batch["mask"].copy()
    if s["mask_truncated"]:
        mask[batch["truncated"]] = 0
    count = np.maximum(mask.sum(1, keepdims=True), 1)
    log_ratio = (logprob - old_of(batch, s)) * mask
    if s["ratio"] == "sequence":
        log_ratio = log_ratio.sum(1, keepdims=True) / count + np.zeros_like(mask)
    ratio = np.exp(log_ratio)
    a = advantages(batch, s)[:, None]
    clipped = clamp(ratio, 1 - s["clip_low"], 1 + s["clip_high"])
    if s["surrogate"] == "cispo":
        token = -np.real(clipped) * a * logprob
    else:
        bounded = clamp(ratio, -np.inf, s["delta"]) if s["delta"] else ratio
        token = -smaller(bounded * a, clipped * a)
    token = token * importance(batch, s, mask)
    if s["beta"] and s["kl_in"] == "loss":
        token = token + s["beta"] * kl(s["kl_estimator"], logprob, batch["reference"])
    if s["entropy_coef"]:
        token = token - s["entropy_coef"] * (batch["entropy"] if entropy is None else entropy)
    sums = (token * mask).sum(1)
    return {
        "grpo": (sums / count[:, 0]).mean(),
        "dapo": sums.sum() / mask.sum(),
        "bnpo": sums.sum() / mask.sum(),
        "dr_grpo": sums.sum() / (len(sums) * LONGEST),
        "token_sum_norm": sums.sum() / LONGEST,
    }[s["loss"]]


def gradient(batch, s, by="logprob"):
    result = np.zeros_like(batch[by])
    step = 1e-30
    for index in np.ndindex(result.shape):
        moved = batch[by].astype(complex)
        moved[index] += 1j * step
        value = loss(batch, s, moved) if by == "logprob" else loss(batch, s, batch["logprob"], moved)
        result[index] = np.imag(value) / step
    return result


def central_differences(batch, s):
    """Of the loss with CISPO's weight held, which is a constant to its gradient."""
    result = np.zeros_like(batch["logprob"])
    step = 1e-6
    for index in np.ndindex(result.shape):
        ends = []
        for sign in (1, -1):
            moved = batch["logprob"].copy()
            moved[index] += sign * step
            ends.append(loss(batch, s, moved))
        result[index] = (ends[0] - ends[1]) / (2 * step)
    return result


def trl_loss(batch, loss_type, level="token", delta=None, beta=0.04, low=0.2, high=0.28):
    """TRL 1.9.0, _compute_loss: advantages of scale_rewards=group, one micro-step, one rank, no sampler correction."""
    rewards, mask, logps, old = batch["rewards"].reshape(3, 3), batch["mask"], batch["logprob"], batch["behavior"]
    a = ((rewards - rewards.mean(1, keepdims=True)) / (rewards.std(1, ddof=1, keepdims=True) + 1e-4)).reshape(-1, 1)
    log_ratio = logps - old
    if level == "sequence":
        log_ratio = ((log_ratio * mask).sum(-1) / mask.sum(-1).clip(1))[:, None]
    coef_1 = np.exp(log_ratio)
    if loss_type == "cispo":
        per_token = -coef_1.clip(None, high) * a * logps
    else:
        coef_2 = coef_1.clip(1 - low, 1 + high)
        if delta is not None:
            coef_1 = coef_1.clip(None, delta)
        per_token = -np.minimum(coef_1 * a, coef_2 * a)
    difference = batch["reference"] - logps
    per_token = per_token + beta * (np.exp(difference) - difference - 1)
    total = (per_token * mask).sum()
    return {
        "grpo": lambda: ((per_token * mask).sum(-1) / mask.sum(-1).clip(1)).mean(),
        "bnpo": lambda: total / mask.sum().clip(1),
        "dr_grpo": lambda: total / (len(mask) * LONGEST),
        "dapo": lambda: total / mask.sum(),
        "cispo": lambda: total / mask.sum(),
    }[loss_type]()


def verl_loss(batch, mode, low=0.2, high=0.28, c=3.0, kl_coef=0.04):
    """verl 0.10: compute_policy_loss_vanilla with its dual clip, low_var_kl, agg_loss; one mini-batch."""
    rewards, mask = batch["rewards"].reshape(3, 3), batch["mask"]
    a = ((rewards - rewards.mean(1, keepdims=True)) / (rewards.std(1, ddof=1, keepdims=True) + 1e-6)).reshape(-1, 1)
    ratio = np.exp((batch["logprob"] - batch["behavior"]).clip(-20, 20))
    losses = np.maximum(-a * ratio, -a * ratio.clip(1 - low, 1 + high))
    losses = np.where(a < 0, np.minimum(-a * c, losses), losses)
    x = (batch["reference"] - batch["logprob"]).clip(-20, 20)
    losses = losses + kl_coef * (np.exp(x) - x - 1).clip(-10, 10)
    sums = (losses * mask).sum(-1)
    return {
        "token-mean": sums.sum() / mask.sum(),
        "seq-mean-token-mean": (sums / (mask.sum(-1) + 1e-8)).mean(),
        "seq-mean-token-sum-norm": sums.mean() / LONGEST,
        "seq-mean-token-sum-norm, earlier": sums.sum() / LONGEST,
    }[mode]


# Our settings beside a published formula that defines the same thing.
PUBLISHED = [
    ("TRL grpo", {"loss": "grpo"}, lambda b: trl_loss(b, "grpo")),
    ("TRL bnpo", {"loss": "bnpo"}, lambda b: trl_loss(b, "bnpo")),
    ("TRL dr_grpo", {"loss": "dr_grpo"}, lambda b: trl_loss(b, "dr_grpo")),
    ("TRL dapo", {"loss": "dapo"}, lambda b: trl_loss(b, "dapo")),
    ("TRL delta 1.5", {"delta": 1.5}, lambda b: trl_loss(b, "dr_grpo", delta=1.5)),
    ("TRL sequence ratio", {"loss": "grpo", "ratio": "sequence"}, lambda b: trl_loss(b, "grpo", level="sequence")),
    (
        "TRL cispo, epsilon_high 1.5",
        {"loss": "dapo", "surrogate": "cispo", "clip_low": 1, "clip_high": 0.5},
        lambda b: trl_loss(b, "cispo", high=1.5),
    ),
    ("verl token-mean", {"loss": "dapo", "scale_eps": 1e-6, "delta": 3}, lambda b: verl_loss(b, "token-mean")),
    ("verl seq-mean-token-mean", {"loss": "grpo", "scale_eps": 1e-6, "delta": 3}, lambda b: verl_loss(b, "seq-mean-token-mean")),
    (
        "verl seq-mean-token-sum-norm",
        {"loss": "dr_grpo", "scale_eps": 1e-6, "delta": 3},
        lambda b: verl_loss(b, "seq-mean-token-sum-norm"),
    ),
    (
        "verl seq-mean-token-sum-norm of earlier versions",
        {"loss": "token_sum_norm", "scale_eps": 1e-6, "delta": 3},
        lambda b: verl_loss(b, "seq-mean-token-sum-norm, earlier"),
    ),
]


def trimmed(batch, values):
    return [row[: int(n)].tolist() for row, n in zip(values, batch["mask"].sum(1))]


def batch_json(batch):
    rows = {key: trimmed(batch, batch[key]) for key in ("logprob", "proximal", "behavior", "reference", "entropy")}
    plain = {key: batch[key].tolist() for key in ("group", "rewards", "truncated")}
    return {**plain, **rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests" / "fixtures" / "trainer" / "objectives.json")
    parser.add_argument("--batches", type=int, default=4)
    arguments = parser.parse_args()
    batches = [random_batch(seed) for seed in range(arguments.batches)]
    cases = []
    worst = 0
    for name, changed in OBJECTIVES.items():
        s = {**DEFAULTS, **changed}
        for index, batch in enumerate(batches):
            exact = gradient(batch, s)
            if s["surrogate"] == "clip":
                worst = max(worst, np.abs(exact - central_differences(batch, s)).max())
            of_entropy = {"entropy_gradient": trimmed(batch, gradient(batch, s, "entropy"))} if s["entropy_coef"] else {}
            cases.append(
                {
                    "objective": name, "settings": changed, "batch": index, "loss": float(loss(batch, s, batch["logprob"])),
                    "advantages": advantages(batch, s).tolist(), "gradient": trimmed(batch, exact), **of_entropy,
                }  # fmt: skip
            )
    assert worst < 1e-7, f"central differences are {worst} away from the complex step"
    print(f"{len(OBJECTIVES)} objectives x {len(batches)} batches; complex step against central differences: {worst:.1e}")
    for name, changed, published in PUBLISHED:
        s = {**DEFAULTS, **changed}
        difference = max(abs(loss(b, s, b["logprob"]) - published(b)) for b in batches)
        print(f"{name:38} {difference:.1e}")
        assert difference < 1e-6, name
    fixture = {"max_new_tokens": LONGEST, "batches": [batch_json(batch) for batch in batches], "cases": cases}
    arguments.out.write_text(json.dumps(fixture, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
