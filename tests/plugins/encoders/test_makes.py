"""Every usual make of model: each text gets the vector that it has alone, whichever side its tokeniser pads."""

import importlib.util
import json

import numpy as np
import pytest
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import LIMIT, MAKES, WIDTH, tiny_model
from plain import each_alone
from tiny_models import TEXTS

POOLINGS = {"mean": "mean", "cls": "cls", "last": "lasttoken", "max": "max"}
COUNTED_FROM_THE_LEFT = {"bert", "distilbert", "electra", "gpt2"}
"""Makes whose learned positions count padding that is on the left, unless they are told better."""


@pytest.fixture(scope="module", params=list(MAKES))
def make(request, tmp_path_factory):
    """A model of each make, with a token to pad with where its tokeniser has none: sentence-transformers needs one."""
    special = MAKES[request.param].special
    folder = tmp_path_factory.mktemp("make") / request.param
    return tiny_model(folder, request.param, said={"pad_token": special.get("pad_token", special.get("eos_token"))})


def padded_on(folder, side):
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"padding_side": side}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return str(folder)


@pytest.fixture(scope="module")
def alone(make):
    return each_alone(make, TEXTS, LIMIT)


@pytest.mark.parametrize("side", ["right", "left"])
def test_batched_equals_each_text_alone_in_any_order(make, alone, side):
    encoder = Transformer(model=padded_on(make, side), normalise=False)
    for pooling in POOLINGS:
        found = encoder.set_params(pooling=pooling).encode(TEXTS)
        assert found.dtype == np.float32
        assert found.shape == (len(TEXTS), WIDTH)
        np.testing.assert_allclose(found, alone[pooling], atol=1e-5, err_msg=pooling)
        np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], found, atol=1e-5, err_msg=pooling)


def test_what_is_cut_is_marked(make):
    encoder = Transformer(model=str(make), max_tokens=40, normalise=False)
    encoder.encode(["oat bars", "soap " * 60, "oat bars", "rye"])
    assert encoder.marks_["truncated"].tolist() == [False, True, False, False]
    short = encoder.set_params(max_tokens=4).encode(TEXTS)
    np.testing.assert_allclose(short, each_alone(make, TEXTS, 4)["mean"], atol=1e-5)
    assert encoder.marks_["truncated"].sum() > len(TEXTS) // 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own, on import
@pytest.mark.skipif(not importlib.util.find_spec("sentence_transformers"), reason="compares with sentence-transformers")
def test_equal_to_sentence_transformers(make):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer as Module
    from sentence_transformers.sentence_transformer.modules import Pooling

    texts = [text for text in dict.fromkeys(TEXTS) if text]  # of no tokens, as GPT-2's, the library makes nothing
    modules = [Module(str(make)), Pooling(4 * WIDTH, tuple(POOLINGS.values()))]
    library = SentenceTransformer(modules=modules, device="cpu")
    encoder = Transformer(model=str(make), normalise=False)
    ours = np.hstack([encoder.set_params(pooling=pooling).encode(texts) for pooling in POOLINGS])
    alone = np.vstack([library.encode([text], show_progress_bar=False) for text in texts])
    np.testing.assert_allclose(ours, alone, atol=1e-5)
    for side in ("right", "left"):
        library.tokenizer.padding_side = side
        batched = library.encode(texts, show_progress_bar=False)
        if side == "left" and make.name in COUNTED_FROM_THE_LEFT:
            assert np.abs(batched - alone).max() > 0.1, "the library's vectors no longer change with the batch"
        else:
            np.testing.assert_allclose(ours, batched, atol=1e-5)
