"""Writes tests/fixtures/weights: tiny GGUF files, what they hold, and samples of the weights in tests/fixtures/models.

Usage: python make_weights_fixtures.py [FIXTURES]   (needs numpy, gguf, safetensors, torch; make_model_fixtures.py comes first)

  NAME.gguf                  a model of architecture llama, qwen2 or qwen3
  NAME.expected.safetensors  its parameters under their Hugging Face names, float32: gguf's own dequantisation, the q and k rows of
                             a llama model put back as transformers does
  k_quant.gguf               a model with a tensor of a type that is not supported
  quant_blocks.json          random blocks of each type (hex) and the float32 bits of their values
  random_weights.json        parameters of random:hidden=4,heads=1,kv_heads=1,vocab=2 by index in unit_specs, from an own Philox4x32-10
  hf_samples.json            per model of tests/fixtures/models and tensor: shape, and [index, value] of some values
"""

import json
import math
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from safetensors.torch import load_file

FIXTURES = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "fixtures")
HIDDEN, INTERMEDIATE, HEADS, KV_HEADS, HEAD_DIM = 32, 64, 2, 1, 16

# GGUF name: (Hugging Face name, shape, type of the mixed file)
BLOCK = {
    "attn_norm.weight": ("input_layernorm.weight", (HIDDEN,), Type.F32),
    "attn_q.weight": ("self_attn.q_proj.weight", (HEADS * HEAD_DIM, HIDDEN), Type.Q4_0),
    "attn_k.weight": ("self_attn.k_proj.weight", (KV_HEADS * HEAD_DIM, HIDDEN), Type.Q4_1),
    "attn_v.weight": ("self_attn.v_proj.weight", (KV_HEADS * HEAD_DIM, HIDDEN), Type.F16),
    "attn_output.weight": ("self_attn.o_proj.weight", (HIDDEN, HEADS * HEAD_DIM), Type.BF16),
    "ffn_norm.weight": ("post_attention_layernorm.weight", (HIDDEN,), Type.F32),
    "ffn_gate.weight": ("mlp.gate_proj.weight", (INTERMEDIATE, HIDDEN), Type.Q8_0),
    "ffn_up.weight": ("mlp.up_proj.weight", (INTERMEDIATE, HIDDEN), Type.F32),
    "ffn_down.weight": ("mlp.down_proj.weight", (HIDDEN, INTERMEDIATE), Type.Q4_1),
}
QKV_BIAS = {
    "attn_q.bias": ("self_attn.q_proj.bias", (HEADS * HEAD_DIM,), Type.F32),
    "attn_k.bias": ("self_attn.k_proj.bias", (KV_HEADS * HEAD_DIM,), Type.F32),
    "attn_v.bias": ("self_attn.v_proj.bias", (KV_HEADS * HEAD_DIM,), Type.F32),
}
O_BIAS = {"attn_output.bias": ("self_attn.o_proj.bias", (HIDDEN,), Type.F32)}
QK_NORM = {
    "attn_q_norm.weight": ("self_attn.q_norm.weight", (HEAD_DIM,), Type.F32),
    "attn_k_norm.weight": ("self_attn.k_norm.weight", (HEAD_DIM,), Type.F32),
}


def tensor_table(block, layers, vocab, tied):
    table = {"token_embd.weight": ("model.embed_tokens.weight", (vocab, HIDDEN), Type.Q8_0),
             "output_norm.weight": ("model.norm.weight", (HIDDEN,), Type.F32)}
    if not tied:
        table["output.weight"] = ("lm_head.weight", (vocab, HIDDEN), Type.F16)
    for layer in range(layers):
        for name, (hf_name, shape, kind) in block.items():
            table[f"blk.{layer}.{name}"] = (f"model.layers.{layer}.{hf_name}", shape, kind)
    return table


def permute(weights, heads):
    """As llama.cpp's converter does with q_proj and k_proj of llama models."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def restore(weights, heads):
    return weights.reshape(heads, weights.shape[0] // heads // 2, 2, *weights.shape[1:]).swapaxes(2, 1).reshape(weights.shape)


def add_tensors(writer, table, arch, random):
    expected = {}
    for name, (hf_name, shape, kind) in table.items():
        values = random.normal(1 if "norm" in name else 0, 0.1, shape).astype(np.float32)
        heads = HEADS if ".attn_q." in name else KV_HEADS if ".attn_k." in name else 0
        heads = heads if arch == "llama" else 0
        stored = permute(values, heads) if heads else values
        raw = gguf.quantize(stored, kind)
        writer.add_tensor(name, raw, raw_dtype=kind)
        read = gguf.dequantize(raw, kind).reshape(shape)
        expected[hf_name] = np.ascontiguousarray(restore(read, heads) if heads else read)
    return expected


def write_model(path, arch, block, layers, vocab, tied, seed, extra):
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INTERMEDIATE)
    writer.add_block_count(layers)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    extra(writer)
    expected = add_tensors(writer, tensor_table(block, layers, vocab, tied), arch, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    if expected:
        save_file(expected, path.with_suffix(".expected.safetensors"))


def add_tokenizer(writer):
    folder = FIXTURES / "models" / "llama_gqa3_tied"
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocab = tokenizer["model"]["vocab"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(vocab, key=vocab.get))
    special = {token["id"] for token in tokenizer["added_tokens"]}
    writer.add_token_types([3 if id in special else 4 if id == 299 else 1 for id in range(len(vocab))])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(0)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())


def llama_extra(writer):
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(100000.0)
    add_tokenizer(writer)


def qwen2_extra(writer):
    writer.add_rope_freq_base(1000000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([f"t{id}" for id in range(40)])


def qwen3_extra(writer):
    """A custom alignment, a linear RoPE scaling, and a value of every metadata type."""
    writer.add_custom_alignment(64)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(2.5)
    for kind, value in (("uint8", 200), ("int8", -100), ("uint16", 60000), ("int16", -30000), ("uint32", 4000000000),
                        ("int32", -2000000000), ("uint64", 1 << 62), ("int64", -(1 << 62)), ("float32", 0.1), ("float64", 0.1),
                        ("bool", True), ("string", "häuser")):
        getattr(writer, f"add_{kind}")(f"test.{kind}", value)
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -0.25])
    writer.add_array("test.strings", ["a", "", "ccc"])
    writer.add_array("test.bools", [True, False])
    writer.add_array("test.nested", [[1, 2], [3]])


def write_k_quant(path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tensor("token_embd.weight", np.zeros((1, 144), np.uint8), raw_dtype=Type.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def quant_blocks():
    random = np.random.default_rng(7)
    blocks = []
    # The places of the bytes that hold the exponents: a block's halves, or the value itself.
    for kind, exponents in ((Type.F32, [3]), (Type.F16, [1]), (Type.BF16, [1]), (Type.Q8_0, [1]), (Type.Q4_0, [1]), (Type.Q4_1, [1, 3])):
        values, size = gguf.GGML_QUANT_SIZES[kind]
        raw = random.integers(0, 256, (64 if values == 1 else 4, size), dtype=np.uint8)
        raw[:, exponents] &= 0xBF  # finite: a NaN has no one pattern
        raw[0, exponents] &= 0x83  # small, and subnormal as a half
        raw = raw.reshape(1, -1)
        view = {Type.F32: np.float32, Type.F16: np.float16}.get(kind, np.uint8)
        bits = gguf.dequantize(raw.view(view), kind).astype(np.float32).view(np.uint32)
        blocks.append({"type": int(kind), "bytes": raw.tobytes().hex(), "bits": bits.ravel().tolist()})
    return blocks


def philox(counter, key):
    """Philox4x32-10."""
    c, k, mask = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(b >> 32) ^ c[1] ^ k[0], b & mask, (a >> 32) ^ c[3] ^ k[1], a & mask]
        k = [(k[0] + 0x9E3779B9) & mask, (k[1] + 0xBB67AE85) & mask]
    return c


def random_values(parameter, count, seed=1, stream=3):
    values = []
    for pair in range(count // 2):
        w = philox((stream << 24, 0, pair, parameter), (seed, 0))
        first, second = ((w[i + 1] << 21 | w[i] >> 11) * 2.0**-53 for i in (0, 2))
        radius = math.sqrt(-2 * math.log(1 - first))
        values += [0.02 * radius * f(2 * math.pi * second) for f in (math.cos, math.sin)]
    return np.float32(values).tolist()


def hf_samples():
    samples = {}
    for folder in sorted((FIXTURES / "models").iterdir()):
        tensors = {}
        for file in sorted(folder.glob("*.safetensors")):
            for name, tensor in load_file(file).items():
                flat = tensor.to(torch.float32).ravel()
                places = sorted({0, 1, 17 % len(flat), len(flat) // 2, len(flat) - 1})
                tensors[name] = {"shape": list(tensor.shape), "values": [[place, float(flat[place])] for place in places]}
        samples[folder.name] = tensors
    return samples


def main():
    out = FIXTURES / "weights"
    out.mkdir(parents=True, exist_ok=True)
    write_model(out / "llama_mixed.gguf", "llama", BLOCK | QKV_BIAS | O_BIAS, 1, 300, True, 1, llama_extra)
    write_model(out / "qwen2_untied.gguf", "qwen2", BLOCK | QKV_BIAS, 1, 40, False, 2, qwen2_extra)
    write_model(out / "qwen3_linear.gguf", "qwen3", BLOCK | QK_NORM, 2, 40, True, 3, qwen3_extra)
    write_k_quant(out / "k_quant.gguf")
    (out / "quant_blocks.json").write_text(json.dumps(quant_blocks()) + "\n")
    (out / "random_weights.json").write_text(json.dumps({"0": random_values(0, 8), "2": random_values(2, 16)}) + "\n")
    (out / "hf_samples.json").write_text(json.dumps(hf_samples()) + "\n")


main()
