"""Tiny models of both makes, with a tokeniser trained on the spot, saved as any model is."""

import pytest
from tiny_models import TEXTS, save_tokeniser


@pytest.fixture(scope="session")
def tokeniser():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(TEXTS * 3, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special))
    return made


@pytest.fixture(scope="session")
def bert(tmp_path_factory, tokeniser):
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(
        vocab_size=tokeniser.get_vocab_size(), max_position_embeddings=32, initializer_range=0.5, **size
    )
    BertModel(config).save_pretrained(folder)
    save_tokeniser(tokeniser, folder)
    return folder


@pytest.fixture(scope="session", params=["right", "left"])
def gpt(request, tmp_path_factory, tokeniser):
    import torch
    from transformers import GPT2Config, GPT2Model

    folder = tmp_path_factory.mktemp(f"gpt-{request.param}")
    torch.manual_seed(1)
    words = tokeniser.get_vocab_size()
    config = GPT2Config(
        vocab_size=words, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3,
        initializer_range=0.5,
    )  # fmt: skip
    GPT2Model(config).save_pretrained(folder)
    save_tokeniser(tokeniser, folder, request.param, special=False)
    return folder
