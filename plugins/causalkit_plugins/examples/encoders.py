"""Encoders to check whose defaults will not do: they need a model, so a tiny one is made, or hold another."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

_LIMIT, _WIDTH = 64, 64


def transformer(folder: Path) -> Iterable[Any]:
    """A tiny BERT with random weights."""
    from causalkit_plugins.encoders.transformer import Transformer

    return [Transformer(model=str(_tiny_bert(folder / "bert")))]


def sentence_transformer(folder: Path) -> Iterable[Any]:
    """The same under sentence-transformers' own files: a transformer, then a mean."""
    from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder

    place = _tiny_bert(folder / "sentences")
    (place / "1_Pooling").mkdir(exist_ok=True)
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"))
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{name}"}
        for i, (path, name) in enumerate(kinds)
    ]
    pooling = {"word_embedding_dimension": _WIDTH, "pooling_mode_mean_tokens": True}
    for path, said in (
        ("modules.json", modules),
        ("sentence_bert_config.json", {"max_seq_length": _LIMIT}),
        ("1_Pooling/config.json", pooling),
    ):
        (place / path).write_text(json.dumps(said), "utf-8")
    return [SentenceTransformerEncoder(model=str(place))]


def concat(_: Path) -> Iterable[Any]:
    """Two encoders of texts."""
    from causalkit_plugins.encoders.concat import Concat
    from causalkit_plugins.encoders.hashing import Hashing
    from causalkit_plugins.encoders.lsa import Lsa

    return [Concat(of=[Lsa(dims=16), Hashing(dims=64)], weights=[2, 1])]


def pca(_: Path) -> Iterable[Any]:
    """Hashed words in fewer dimensions."""
    from causalkit_plugins.encoders.hashing import Hashing
    from causalkit_plugins.encoders.pca import Pca

    return [Pca(of=Hashing(), dims=32)]


def clip(folder: Path) -> Iterable[Any]:
    """A tiny CLIP with random weights; both parts mixed, and side by side."""
    from causalkit_plugins.encoders.clip import ClipEncoder
    from causalkit_plugins.examples._tiny_clip import tiny_clip

    model = str(tiny_clip(folder / "clip"))
    return [ClipEncoder(model=model), ClipEncoder(model=model, combine="concat")]


def _tiny_bert(folder: Path) -> Path:
    """A model of one layer and its tokeniser, in the files that any model has."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    folder.mkdir(parents=True, exist_ok=True)
    words = _tokeniser(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=words,
            hidden_size=_WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=_WIDTH,
            max_position_embeddings=_LIMIT,
        )
        config.save_pretrained(folder)
        save_file(BertModel(config).state_dict(), folder / "model.safetensors", {"format": "pt"})
    return folder


def _tokeniser(folder: Path) -> int:
    """A token for each letter and figure; how many there are."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    pieces = [start + letter for letter in ascii_lowercase + digits for start in ("", "##")]
    vocabulary = {piece: place for place, piece in enumerate([*names.values(), *pieces])}
    made: Any = Tokenizer(models.WordPiece(vocabulary, unk_token=names["unk_token"]))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": _LIMIT} | names
    (folder / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
    return len(vocabulary)
