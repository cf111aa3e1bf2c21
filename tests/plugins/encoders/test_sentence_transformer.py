"""Sentence-transformers models, with and without the library, give what the library gives."""

import importlib.util
import json
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders import sentence_transformer
from causalkit_plugins.encoders._library import through_library
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import LIMIT, WIDTH, tiny_model
from plain import each_alone
from sentences import save_sentences
from tiny_models import TEXTS

from causalkit.components import Context
from causalkit.errors import ModelUnavailable, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the library's own, on import
library = pytest.mark.skipif(
    not importlib.util.find_spec("sentence_transformers"), reason="compares with sentence-transformers"
)
NEW_NAMES = {"mean": "mean", "cls": "cls", "last": "lasttoken", "max": "max"}


@pytest.fixture
def folder(bert_of_a_make, tmp_path):
    """A copy of a model to which a test adds files."""
    shutil.copytree(bert_of_a_make, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(scope="module")
def bert_of_a_make(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("sentences") / "bert")


@pytest.fixture
def direct(monkeypatch):
    """Nothing may go through the library."""
    monkeypatch.setattr(sentence_transformer, "through_library", lambda *_: pytest.fail("used the library"))


def encoded(folder, texts=TEXTS, **asked):
    return SentenceTransformerEncoder(model=str(folder), **asked).encode(texts)


def by_library(folder, texts=TEXTS, **asked):
    from sentence_transformers import SentenceTransformer

    made = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return made.encode(list(texts), show_progress_bar=False, **asked)


def saved(folder, modules, **asked):
    """A model of `modules` as the library writes it today."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(modules=modules, device="cpu", **asked).save(str(folder), create_model_card=False)
    return folder


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("pooling", list(NEW_NAMES))
def test_the_usual_make_is_run_without_the_library(folder, pooling):
    alone = each_alone(folder, TEXTS, 12)[pooling]
    found = encoded(save_sentences(folder, pooling, max_seq_length=12))
    np.testing.assert_allclose(found, alone, atol=1e-5)
    unit = encoded(save_sentences(folder, pooling, normalise=True, max_seq_length=12))
    np.testing.assert_allclose(unit, alone / np.linalg.norm(alone, axis=1, keepdims=True), atol=1e-5)


@library
@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("pooling", list(NEW_NAMES))
def test_what_the_library_writes_today_is_run_without_it(bert_of_a_make, tmp_path, pooling):
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.base.modules import Transformer as Module
    from sentence_transformers.sentence_transformer.modules import Pooling

    prompts = {"query": "search: ", "document": "text: "}
    modules = [Module(str(bert_of_a_make), max_seq_length=20), Pooling(WIDTH, NEW_NAMES[pooling]), Normalize()]
    folder = saved(tmp_path / "model", modules, prompts=prompts, default_prompt_name="document", truncate_dim=24)
    assert encoded(folder).shape == (len(TEXTS), 24)
    np.testing.assert_allclose(encoded(folder), by_library(folder), atol=1e-5)
    np.testing.assert_allclose(encoded(folder, prompt_name="query"), by_library(folder, prompt_name="query"), atol=1e-5)


@library
@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "last"])
def test_a_prompt_that_is_not_pooled(folder, pooling):
    save_sentences(folder, pooling, include_prompt=False)
    expected = by_library(folder, prompt="the kitchen: ")
    np.testing.assert_allclose(encoded(folder, prompt="the kitchen: "), expected, atol=1e-5)
    assert np.abs(encoded(folder) - expected).max() > 0.1 or pooling == "last"


@library
@pytest.mark.usefixtures("direct")
def test_texts_are_brought_to_lower_case_where_it_is_asked(tmp_path):
    folder = tiny_model(tmp_path / "model", "roberta")
    save_sentences(folder, "mean", do_lower_case=True)
    np.testing.assert_allclose(
        encoded(folder, ["OAT bars", "oat BARS"]), by_library(folder, ["oat bars"] * 2), atol=1e-5
    )
    np.testing.assert_allclose(encoded(folder), by_library(folder), atol=1e-5)


@library
@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize(
    ("make", "head"),
    [
        ("bert", ""),
        ("bert", "BertForMaskedLM"),
        ("qwen2", "Qwen2ForCausalLM"),
        ("roberta", ""),
        ("t5", "T5EncoderModel"),
    ],
)
def test_a_bare_model_is_pooled_as_the_library_does(tmp_path, make, head):
    folder = tiny_model(tmp_path / "model", make, head=head)
    texts = [text for text in TEXTS if text]
    np.testing.assert_allclose(encoded(folder, texts), by_library(folder, texts), atol=1e-5)


@library
@pytest.mark.parametrize("kind", ["dense", "layer-norm", "word-weights", "mean and max", "sqrt", "router", "static"])
def test_another_make_goes_through_the_library(bert_of_a_make, tmp_path, kind):
    from sentence_transformers.base.modules import Dense, Router
    from sentence_transformers.base.modules import Transformer as Module
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling, StaticEmbedding, WordWeights

    module = Module(str(bert_of_a_make), max_seq_length=20)
    words = sorted(known := module.tokenizer.get_vocab(), key=known.get)
    modules = {
        "dense": [module, Pooling(WIDTH), Dense(WIDTH, 7)],
        "layer-norm": [module, Pooling(WIDTH), LayerNorm(WIDTH)],
        "word-weights": [module, WordWeights(words, {"oat": 5.0, "rye": 0.2}), Pooling(WIDTH)],
        "mean and max": [module, Pooling(WIDTH, ("mean", "max"))],
        "sqrt": [module, Pooling(WIDTH, "mean_sqrt_len_tokens")],
        "router": [Router({"query": [module, Pooling(WIDTH)], "document": [module, Pooling(WIDTH)]}, "document")],
        "static": [StaticEmbedding(module.tokenizer, embedding_dim=9)],
    }
    folder = saved(tmp_path / "model", modules[kind])
    texts = [text for text in TEXTS if text]
    encoder = SentenceTransformerEncoder(model=str(folder))
    np.testing.assert_allclose(encoder.encode(texts), by_library(folder, texts), atol=1e-5)
    if kind != "static":
        assert encoder.marks_["truncated"].tolist() == [len(text) > 80 for text in texts]


def test_another_make_has_no_other_precision(folder):
    with pytest.raises(UsageError, match="gives float32 here, not bfloat16"):
        through_library(str(folder), folder, "", "bfloat16", False, Context())


@library
def test_a_dense_layer_that_is_pickled_is_refused(bert_of_a_make, tmp_path):
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.base.modules import Transformer as Module
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = saved(tmp_path / "model", [Module(str(bert_of_a_make)), Pooling(WIDTH), Dense(WIDTH, 7)])
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(ModelUnavailable, match="pickled weights"):
        encoded(folder)


def test_what_is_cut_is_marked(folder):
    encoder = SentenceTransformerEncoder(model=str(save_sentences(folder, "mean", max_seq_length=12)))
    encoder.encode(["oat bars", "soap " * 60, "oat bars", None])
    assert encoder.marks_["truncated"].tolist() == [False, True, False, False]
    encoder = SentenceTransformerEncoder(model=str(save_sentences(folder, "mean", max_seq_length=100_000)))
    np.testing.assert_allclose(
        encoder.encode(["soap " * 60]), each_alone(folder, ["soap " * 60], LIMIT)["mean"], atol=1e-5
    )


@pytest.mark.parametrize("path", ["../away", "/etc"])
def test_modules_that_lie_elsewhere_are_refused(folder, path):
    modules = [{"idx": 0, "name": "0", "path": path, "type": "sentence_transformers.models.Transformer"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelUnavailable, match="outside its folder"):
        encoded(folder)


@pytest.mark.parametrize("text", ["{}", "[3]", '[{"path": ""}]', "no"])
def test_modules_that_are_none(folder, text):
    (folder / "modules.json").write_text(text)
    with pytest.raises(ModelUnavailable, match=r"modules\.json"):
        encoded(folder)


def test_a_missing_model_says_how_to_get_it():
    with pytest.raises(ModelUnavailable, match="'no-such-model' is not on this machine"):
        encoded("no-such-model", ["a"])


def test_it_is_transformer_with_what_the_files_say(folder):
    bare = Transformer(model=str(folder), max_tokens=LIMIT, normalise=False).encode(TEXTS)
    np.testing.assert_array_equal(encoded(folder), bare)
