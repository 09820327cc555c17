"""Reads the Hugging Face files that the project writes with `tokenizers` and with `transformers`, and compares ids and chats.

check_tokenizer_files.py TEXT_IDS MODEL.gguf

`transformers` 5 gives every model of type qwen2 Qwen's own pre-tokenizer, whatever tokenizer.json says, so that type is left out.
"""

import json
import os
import subprocess
import sys
import tempfile

from gguf import GGUFReader
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from check_tokenizer import fuzzed, smollm_tokenizer
from make_text_fixtures import SENTENCES

CONVERSATION = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada."}]


def main():
    program, model = sys.argv[1:]
    expected = smollm_tokenizer(model)
    template = GGUFReader(model).fields["tokenizer.chat_template"].contents()
    specials = [t.content for t in expected.get_added_tokens_decoder().values()]
    texts = SENTENCES + list(fuzzed(1000, specials, seed=5))
    for model_type in (None, "llama", "qwen3"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([program, model, "--write", folder], check=True)
            if model_type is not None:
                with open(os.path.join(folder, "config.json"), "w") as file:
                    json.dump({"model_type": model_type}, file)
            read = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
            auto = AutoTokenizer.from_pretrained(folder)
            for text in texts:
                ids = expected.encode(text, add_special_tokens=False).ids
                assert read.encode(text, add_special_tokens=False).ids == ids, text
                assert read.encode(text).ids == ids, text
                assert auto.encode(text, add_special_tokens=False) == ids, text
                assert auto.decode(ids) == expected.decode(ids, skip_special_tokens=False), text
            assert auto.chat_template == template
            assert (auto.bos_token_id, auto.eos_token_id, auto.pad_token_id, auto.unk_token_id) == (1, 2, 2, 0)
            chat = auto.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
            assert chat.endswith("Ada.<|im_end|>\n<|im_start|>assistant\n"), chat
            print(f"config.json of {model_type}: {type(auto).__name__}, {len(texts)} texts equal")


if __name__ == "__main__":
    main()
