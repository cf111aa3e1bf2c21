"""Transformer: batches, order and padding change nothing; what is not there is said with what to do."""

import json
import shutil
import sys

import numpy as np
import pytest
from causalkit_plugins.encoders import _batches, _model
from causalkit_plugins.encoders.transformer import Transformer
from sklearn.base import clone
from tiny_models import TEXTS, one_by_one

from causalkit.components import Context
from causalkit.errors import InvalidParameter, ModelUnavailable, UsageError

POOLINGS = ["mean", "cls", "last", "max"]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_bert_equals_each_text_alone(bert, pooling):
    found = Transformer(model=str(bert), pooling=pooling, normalise=False).encode(TEXTS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, one_by_one(bert, pooling), atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gpt_equals_each_text_alone_whichever_side_its_tokeniser_pads(gpt, pooling):
    found = Transformer(model=str(gpt), pooling=pooling, normalise=False).encode(TEXTS)
    np.testing.assert_allclose(found, one_by_one(gpt, pooling), atol=1e-5)


def test_batches_and_order_change_nothing(bert, monkeypatch):
    encoder = Transformer(model=str(bert))
    whole = encoder.encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], whole, atol=1e-5)
    monkeypatch.setattr(_batches, "BATCH_TOKENS", 40)
    np.testing.assert_allclose(encoder.encode(TEXTS), whole, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)


def test_same_texts_are_encoded_once(bert, monkeypatch):
    seen = []
    forward = _model.TextModel._forward
    monkeypatch.setattr(_model.TextModel, "_forward", lambda self, ids, *p: seen.extend(ids) or forward(self, ids, *p))
    vectors = Transformer(model=str(bert)).encode(TEXTS * 20)
    assert len(seen) == len(set(TEXTS))
    np.testing.assert_array_equal(vectors[: len(TEXTS)], vectors[-len(TEXTS) :])


def test_texts_are_cut_at_max_tokens_and_at_the_models_positions(bert):
    long, cut = ["soap " * 500], ["soap " * 500 + "bread"]
    encoder = Transformer(model=str(bert), max_tokens=10_000)
    np.testing.assert_allclose(encoder.encode(long), encoder.encode(cut), atol=1e-6)
    short = Transformer(model=str(bert), max_tokens=4, normalise=False).encode(TEXTS)
    np.testing.assert_allclose(short, one_by_one(bert, "mean", limit=4), atol=1e-5)


def test_a_tokeniser_without_its_fast_file_is_loaded_the_slow_way(bert, tmp_path):
    folder = tmp_path / "slow"
    shutil.copytree(bert, folder)
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)))
    (folder / "tokenizer.json").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    plain = TEXTS[:3]
    np.testing.assert_allclose(
        Transformer(model=str(folder)).encode(plain), Transformer(model=str(bert)).encode(plain), atol=1e-5
    )


def test_no_texts_none_and_other_objects(bert):
    encoder = Transformer(model=str(bert)).fit([])
    assert encoder.encode([]).shape == (0, 16)
    np.testing.assert_array_equal(encoder.encode([None, 7]), encoder.encode(["", "7"]))


def test_a_clone_encodes_alike_and_progress_is_told(bert):
    told = []

    class Bar:
        def track(self, items, label, total):
            told.append((label, total))
            yield from items

    encoder = Transformer(model=str(bert), pooling="cls")
    vectors = encoder.encode(TEXTS, context=Context(progress=Bar()))
    np.testing.assert_array_equal(clone(encoder).encode(TEXTS), vectors)
    assert told == [("encoding texts", 1)]


def test_a_missing_model_says_how_to_get_it_and_what_works_without():
    with pytest.raises(ModelUnavailable, match="'no-such-model' is not on this machine") as error:
        Transformer(model="no-such-model").encode(["a"])
    assert "hf download sentence-transformers/no-such-model" in str(error.value)
    assert "lsa" in str(error.value)


def test_weights_in_an_installed_package(bert, tmp_path, monkeypatch):
    shutil.copytree(bert, tmp_path / "some_weights" / "model")
    monkeypatch.syspath_prepend(tmp_path)
    found = Transformer(model="package:some_weights/model").encode(TEXTS)
    assert found.tobytes() == Transformer(model=str(bert)).encode(TEXTS).tobytes()
    assert "some_weights" not in sys.modules


@pytest.mark.parametrize("model", ["package:no_weights/model", "package:json/model", "package:../weights", "package:"])
def test_a_package_of_weights_that_is_not_installed_says_how_to_get_it(model):
    with pytest.raises(ModelUnavailable, match="is not on this machine") as error:
        Transformer(model=model).encode(["a"])
    assert "pip install" in str(error.value)


def test_where_nothing_is_downloaded_the_default_names_what_needs_no_hub(monkeypatch):
    monkeypatch.setattr("causalkit.model_files.finding._cached", lambda *of: None)
    with pytest.raises(ModelUnavailable, match="pip install causalkit-minilm"):
        Transformer().encode(["a"])


def test_pickled_weights_and_code_that_comes_with_weights_are_refused(bert, tmp_path):
    pickled, coded = tmp_path / "pickled", tmp_path / "coded"
    for folder in (pickled, coded):
        shutil.copytree(bert, folder)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="pickled weights"):
        Transformer(model=str(pickled)).encode(["a"])
    config = json.loads((coded / "config.json").read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}
    (coded / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="not run unasked"):
        Transformer(model=str(coded)).encode(["a"])


def test_weights_that_are_broken_or_incomplete_are_refused(bert, tmp_path):
    from safetensors.numpy import load_file, save_file

    broken, partial = tmp_path / "broken", tmp_path / "partial"
    for folder in (broken, partial):
        shutil.copytree(bert, folder)
    (broken / "model.safetensors").write_bytes(b"\x00" * 40)
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        Transformer(model=str(broken)).encode(["a"])
    weights = load_file(partial / "model.safetensors")
    weights.pop("encoder.layer.0.output.dense.weight")
    save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailable, match=r"lack 1 weights of the model, such as 'encoder\.layer\.0"):
        Transformer(model=str(partial)).encode(["a"])


def test_parameters_are_checked():
    with pytest.raises(InvalidParameter, match="pooling = 'men'"):
        Transformer(pooling="men")


@pytest.mark.parametrize("device", ["cuda:99", "xpu:99"])
def test_a_device_that_is_not_here_is_refused_before_weights_are_read(bert, device):
    with pytest.raises(UsageError, match=f"the device '{device}' cannot be used here"):
        Transformer(model=str(bert)).fit(["a"]).encode(["a"], context=Context(device=device))
