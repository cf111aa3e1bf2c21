"""Encoders to check whose defaults will not do: they need a model, so a tiny one is made, or hold another."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_WIDTH = 64


def transformer(folder: Path) -> Iterable[Any]:
    """A tiny BERT with random weights."""
    from causalkit_plugins.encoders.transformer import Transformer

    return [Transformer(model=str(_tiny_bert(folder / "bert")))]


def sentence_transformer(folder: Path) -> Iterable[Any]:
    """The same under sentence-transformers' own files: a transformer, then a mean."""
    from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
    from causalkit_plugins.examples._tiny_models import LIMIT

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
        ("sentence_bert_config.json", {"max_seq_length": LIMIT}),
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
    """So shallow that random weights leave the words to be told in its vectors."""
    from causalkit_plugins.examples._tiny_models import tiny_model

    return tiny_model(folder, hidden_size=_WIDTH, intermediate_size=_WIDTH, num_hidden_layers=1, initializer_range=0.02)
