"""TRL's own GRPOTrainer over recorded rollouts: what trl_step.py and tests/bench/trl_peer.py share."""

import collections

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import GRPOConfig, GRPOTrainer


def load_policy(model_dir):
    """(the model in float32, its tokenizer), with the attention that needs no mask tricks."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation="eager")
    model.get_input_embeddings().padding_idx = None  # transformers would not train the pad token's row
    return model, AutoTokenizer.from_pretrained(model_dir)


def grpo_config(work, keys, rows, accumulation=1, kl_times_ratio=False, checkpointing=False):
    """TRL's arguments for these Cogent keys: `rows` completions a micro-batch, `accumulation` micro-batches an update.

    kl_times_ratio: TRL's default of use_bias_correction_kl, which Cogent does not have.
    """
    scale, delta = keys["grpo.scale_rewards"], keys["grpo.delta"]
    return GRPOConfig(
        output_dir=str(work), report_to=[], save_strategy="no", logging_steps=1, disable_tqdm=True, use_cpu=True, bf16=False, seed=0,
        gradient_checkpointing=checkpointing, shuffle_dataset=False, per_device_train_batch_size=rows, gradient_accumulation_steps=accumulation,
        steps_per_generation=accumulation, num_generations=keys["rollout.group_size"], max_steps=keys["grpo.num_iterations"],
        num_iterations=keys["grpo.num_iterations"], max_completion_length=keys["rollout.max_new_tokens"],
        temperature=keys["rollout.temperature"], loss_type=keys["grpo.loss"], scale_rewards=scale, beta=keys["grpo.beta"],
        importance_sampling_level=keys["grpo.ratio"], epsilon=keys["grpo.clip_low"], epsilon_high=keys["grpo.clip_high"],
        delta=delta if delta > 0 else None, mask_truncated_completions=keys["grpo.mask_truncated"],
        entropy_coef=keys["grpo.entropy_coef"], learning_rate=keys["optimizer.lr"], adam_epsilon=keys["optimizer.eps"],
        weight_decay=keys["optimizer.weight_decay"], max_grad_norm=keys["optimizer.clip_norm"], lr_scheduler_type="constant", use_bias_correction_kl=kl_times_ratio,
    )  # fmt: skip


def recorded_rollout(groups):
    """A rollout_func that gives each prompt, the number of its group as text, its recorded completions in order."""

    def rollout(prompts, trainer):
        seen = collections.Counter()
        result = {"prompt_ids": [], "completion_ids": [], "logprobs": [], "recorded_reward": []}
        for prompt in prompts:
            group = groups[int(prompt)]
            completion = group["completions"][seen[prompt]]
            seen[prompt] += 1
            result["prompt_ids"].append(group["prompt_ids"])
            result["completion_ids"].append(completion["ids"])
            result["logprobs"].append(completion["logprobs"])
            result["recorded_reward"].append(completion["reward"])
        return result

    return rollout


def recorded_reward(recorded_reward, **_):
    return recorded_reward


class ReplayTrainer(GRPOTrainer):
    """GRPOTrainer whose completions and rewards are recorded ones; everything behind the draw is TRL's.

    old_policy "recorded": the ratio is relative to the recorded log-probabilities, as Cogent's is; "own": to what TRL computes.
    """

    def __init__(self, model, tokenizer, groups, config, old_policy):
        self.recorded_old = old_policy == "recorded"
        self.losses, self.norms = [], []
        prompts = Dataset.from_dict({"prompt": [str(g) for g in range(len(groups))]})
        super().__init__(
            model, recorded_reward, args=config, train_dataset=prompts, processing_class=tokenizer, rollout_func=recorded_rollout(groups)
        )
        self.remove_callback(PrinterCallback)

    def _generate_and_score_completions(self, inputs):
        output = super()._generate_and_score_completions(inputs)
        if self.recorded_old:
            output["old_per_token_logps"] = output["sampling_per_token_logps"]
        return output

    def log(self, logs, start_time=None):
        if "grad_norm" in logs:
            self.losses.append(float(logs["loss"]))
            self.norms.append(float(logs["grad_norm"]))
        super().log(logs, start_time)
