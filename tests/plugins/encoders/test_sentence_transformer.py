"""Sentence-transformers models, with and without the library, give what the library gives."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders import sentence_transformer
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS, one_by_one

from causalkit.errors import ModelUnavailable

NAMED = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token", "last": "pooling_mode_lasttoken"}


def as_sentence_transformer(source, folder, pooling, *, normalise, **settings):
    """The folder of a sentence-transformers model as that library writes it."""
    shutil.copytree(source, folder)
    names = ["Transformer", "Pooling"] + (["Normalize"] if normalise else [])
    places = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": k, "name": str(k), "path": places[k], "type": f"sentence_transformers.models.{name}"}
        for k, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    modes = {name: name == NAMED[pooling] for name in NAMED.values()}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16} | modes))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12} | settings))
    return folder


@pytest.mark.parametrize("pooling", list(NAMED))
def test_the_usual_make_is_run_without_the_library(bert, tmp_path, pooling, monkeypatch):
    monkeypatch.setattr(sentence_transformer, "through_library", lambda *_: pytest.fail("used the library"))
    folder = as_sentence_transformer(bert, tmp_path / "model", pooling, normalise=False)
    found = SentenceTransformerEncoder(model=str(folder)).encode(TEXTS)
    np.testing.assert_allclose(found, one_by_one(bert, pooling, limit=12), atol=1e-5)
    folder = as_sentence_transformer(bert, tmp_path / "unit", pooling, normalise=True)
    unit = SentenceTransformerEncoder(model=str(folder)).encode(TEXTS)
    np.testing.assert_allclose(unit, found / np.linalg.norm(found, axis=1, keepdims=True), atol=1e-5)


def test_a_bare_model_is_mean_pooled(bert):
    found = SentenceTransformerEncoder(model=str(bert)).encode(TEXTS)
    np.testing.assert_allclose(found, Transformer(model=str(bert), normalise=False).encode(TEXTS), atol=1e-5)


def test_a_missing_model_says_how_to_get_it():
    with pytest.raises(ModelUnavailable, match="'no-such-model' is not on this machine"):
        SentenceTransformerEncoder(model="no-such-model").encode(["a"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own, on import
@pytest.mark.skipif(not importlib.util.find_spec("sentence_transformers"), reason="compares with sentence-transformers")
def test_a_usual_make_equals_the_library(bert, tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = as_sentence_transformer(bert, tmp_path / "model", "mean", normalise=True)
    library = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = library.encode(TEXTS, show_progress_bar=False)
    np.testing.assert_allclose(SentenceTransformerEncoder(model=str(folder)).encode(TEXTS), expected, atol=1e-5)
