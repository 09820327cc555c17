"""Writes tests/fixtures/models: tiny random Hugging Face models and what `transformers` computes with them.

Usage: python make_model_fixtures.py [FIXTURES]   (needs torch, transformers, tokenizers)

Each folder is a model as save_pretrained writes it, with a tokenizer of the same 300 ids, and cases.json:
  {"cases": [{"tokens": [T ids],
              "logprobs": [T-1 log-probabilities of token t+1 after tokens 0..t, T = 1: empty],
              "last_logits": [300 logits after the last token],
              "logits": [T][300], where present}]}
All values are float32 results of float32 arithmetic on the weights in the file. Norm weights and biases are random too, so that a
forgotten one shows.
"""

import json
import pathlib
import shutil
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

VOCAB = 300
COMMON = dict(vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_hidden_layers=2, max_position_embeddings=256,
              bos_token_id=1, eos_token_id=2, pad_token_id=0)
CHAT_TEMPLATE = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
CORPUS = ["the cat sat on the mat and the dog sat on the log", "entities: person, place and organisation, in the order of the text",
          "Anna met the minister in Geneva on the 3rd of May 1998.", "{\"label\": \"person\", \"text\": \"Anna\"}"] * 3


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.train_from_iterator(CORPUS, trainer)
    assert tokenizer.get_vocab_size() == VOCAB
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|im_start|>", eos_token="<|im_end|>",
                                   pad_token="<|endoftext|>", unk_token="<|endoftext|>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(kind, config):
    model = kind(config).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            mean = 1.0 if "norm" in name else 0.0
            parameter.normal_(mean, 0.15)
    return model


def make_cases(model):
    cases = []
    for length, whole in ((1, True), (6, True), (40, False), (150, False)):
        tokens = torch.randint(0, VOCAB, (length,))
        with torch.no_grad():
            logits = model(tokens[None]).logits[0].float()
        logprobs = torch.log_softmax(logits, -1)[:-1].gather(1, tokens[1:, None])[:, 0]
        case = {"tokens": tokens.tolist(), "logprobs": rounded(logprobs), "last_logits": rounded(logits[-1])}
        if whole:
            case["logits"] = [rounded(row) for row in logits]
        cases.append(case)
    return {"cases": cases}


def rounded(values):
    return [float(f"{value:.8g}") for value in values.tolist()]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "fixtures") / "models"
    llama3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=64)
    specs = {
        "llama_gqa3_tied": (LlamaForCausalLM, torch.float32, "5GB", LlamaConfig(
            **COMMON, num_attention_heads=6, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True, rms_norm_eps=1e-5,
            rope_parameters=dict(rope_type="default", rope_theta=100000.0))),
        "llama_untied_rope3": (LlamaForCausalLM, torch.bfloat16, "60KB", LlamaConfig(
            **COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False, rms_norm_eps=1e-5,
            attention_bias=True, mlp_bias=True, rope_parameters=llama3)),
        "qwen2_bias": (Qwen2ForCausalLM, torch.float16, "5GB", Qwen2Config(
            **COMMON, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6,
            rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
        "qwen3_qknorm": (Qwen3ForCausalLM, torch.bfloat16, "5GB", Qwen3Config(
            **COMMON, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=False, rms_norm_eps=1e-6,
            rope_parameters=dict(rope_type="linear", factor=2.0, rope_theta=10000.0))),
    }
    tokenizer = make_tokenizer()
    for index, (name, (kind, dtype, shard, config)) in enumerate(specs.items()):
        torch.manual_seed(index)
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        make_model(kind, config).to(dtype).save_pretrained(folder, max_shard_size=shard)
        tokenizer.save_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        (folder / "cases.json").write_text(json.dumps(make_cases(model), separators=(",", ":")) + "\n")


main()
