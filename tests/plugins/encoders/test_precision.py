"""Layers in other forms give the same vectors, or mark how far off they are."""

import os
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders import _model
from causalkit_plugins.encoders._precision import settled
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS

from causalkit.components import Context
from causalkit.errors import UsageError

MANY = [f"{text} {n}" for n in range(40) for text in TEXTS]


@pytest.fixture(autouse=True)
def _nothing_kept():
    _model._RECENT.kept.clear()
    yield
    _model._RECENT.kept.clear()


def loaded(model, precision="auto"):
    return Transformer(model=str(model), precision=precision)._model(Context())


def names(module):
    return [type(one).__name__ for one in module.modules()]


@pytest.mark.skipif("not __import__('torch').backends.mkldnn.is_available()", reason="needs oneDNN")
def test_layers_are_packed_with_their_activation(bert, gpt):
    made = names(loaded(bert).replicas[0].module)
    assert made.count("PackedLinear") == 13  # six in each layer, and the pooler's
    assert "Linear" not in made
    assert "GELUActivation" not in made
    made = names(loaded(gpt).replicas[0].module)
    assert made.count("PackedLinear") == 8
    assert "NewGELUActivation" not in made


def test_where_layers_cannot_be_packed_the_model_is_run_as_it_is(bert, monkeypatch):
    packed = Transformer(model=str(bert)).encode(TEXTS)
    _model._RECENT.kept.clear()
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: False)
    assert "PackedLinear" not in names(loaded(bert).replicas[0].module)
    np.testing.assert_allclose(Transformer(model=str(bert)).encode(TEXTS), packed, atol=1e-5)


def test_layers_that_are_not_the_same_here_are_not_used(bert, monkeypatch):
    monkeypatch.setitem(_linears()._ACTIVATIONS, "GELUActivation", ("relu", ""))
    assert "PackedLinear" not in names(loaded(bert).replicas[0].module)


def test_a_model_that_looks_into_its_layers_is_run():
    import torch
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(3)
    size = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    module = T5EncoderModel(T5Config(vocab_size=50, **size)).eval()
    ids = torch.arange(1, 41).reshape(2, 20)
    with torch.inference_mode():
        expected = module(input_ids=ids).last_hidden_state
        for form, within in ((_linears().packed, 1e-5), (_linears().quantised, 0.2)):
            assert (form(module)(input_ids=ids).last_hidden_state - expected).abs().max() < within


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_int8_marks_its_error_on_some_texts(bert, pooling):
    encoder = Transformer(model=str(bert), precision="int8", pooling=pooling)
    made = encoder.encode(MANY)
    exact = Transformer(model=str(bert), precision="float32", pooling=pooling).encode(MANY)
    cosine, told = (made * exact).sum(1), encoder.marks_["cosine"]
    assert cosine.min() > 0.98
    assert cosine.min() < 1 - 1e-6
    measured = np.flatnonzero(~np.isnan(told))
    assert 4 <= len(measured) <= len(MANY) / 10
    np.testing.assert_allclose(told[measured], cosine[measured], atol=1e-5)
    assert encoder.encode(MANY).tobytes() == made.tobytes()


def test_int8_does_not_depend_on_the_batch(bert):
    encoder = Transformer(model=str(bert), precision="int8")
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(encoder.encode(TEXTS), alone, atol=1e-5)


def test_bfloat16_is_near(bert):
    made = Transformer(model=str(bert), precision="bfloat16").encode(TEXTS)
    exact = Transformer(model=str(bert)).encode(TEXTS)
    assert made.dtype == np.float32
    assert (made * exact).sum(1).min() > 0.99
    assert np.abs(made - exact).max() > 1e-5


def test_what_auto_means_and_what_is_refused(monkeypatch):
    assert settled("auto", "cpu") == "float32"
    assert settled("bfloat16", "cpu") == "bfloat16"
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: True)
    assert settled("auto", "cuda:0,cuda:1") == "bfloat16"
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: False)
    assert settled("auto", "cuda") == "float32"
    with pytest.raises(UsageError, match="int8 is for a CPU"):
        settled("int8", "cuda")


def test_a_model_is_loaded_once_until_its_files_change(bert, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    first = loaded(folder)
    assert loaded(folder) is first
    assert loaded(folder, "float32") is first
    assert loaded(folder, "int8") is not first
    os.utime(folder / "config.json", (1, 1))
    assert loaded(folder) is not first
    assert len(_model._RECENT.kept) == 2


def _linears():
    from causalkit_plugins.encoders import _linears

    return _linears
