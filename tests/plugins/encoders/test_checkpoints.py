"""Models as they lie on disks: with heads, in half precision, with odd limits, tokenisers without their fast file."""

import json
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders._model import load_text_model
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import LIMIT, MAKES, tiny_model
from plain import each_alone
from tiny_models import TEXTS

from causalkit.components import Context
from causalkit.errors import ModelUnavailable


def encoded(folder, texts=TEXTS, **asked):
    return Transformer(model=str(folder), normalise=False, **asked).encode(texts)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("make", "head"),
    [
        ("bert", "BertForMaskedLM"),
        ("bert", "BertForSequenceClassification"),
        ("roberta", "RobertaForMaskedLM"),
        ("gpt2", "GPT2LMHeadModel"),
        ("qwen3", "Qwen3ForCausalLM"),
        ("t5", "T5ForConditionalGeneration"),
        ("t5", "T5EncoderModel"),
    ],
)
def test_a_head_is_left_aside(tmp_path, make, head):
    from transformers import AutoModel

    folder = tiny_model(tmp_path / "headed", make, head=head)
    found = encoded(folder)
    if head != "T5EncoderModel":
        bare = AutoModel.from_pretrained(folder)
        bare.save_pretrained(tmp_path / "bare")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(folder / name, tmp_path / "bare" / name)
        np.testing.assert_array_equal(found, encoded(tmp_path / "bare"))
    assert np.ptp(found, axis=0).max() > 0.1


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_weights_of_half_precision_are_summed_in_float32(tmp_path, kind):
    import torch
    from transformers import AutoModel

    folder = tiny_model(tmp_path / "model", "qwen3")
    whole = encoded(folder)
    AutoModel.from_pretrained(folder, dtype=getattr(torch, kind)).save_pretrained(folder)
    half = encoded(folder)
    np.testing.assert_allclose(half, each_alone(folder, TEXTS, LIMIT)["mean"], atol=1e-5)
    assert 1e-5 < np.abs(half - whole).max() < 0.3


@pytest.mark.parametrize("make", ["gpt2", "llama"])
def test_a_tokeniser_without_a_token_to_pad_with(tmp_path, make):
    folder = tiny_model(tmp_path / "model", make)
    assert "pad_token" not in json.loads((folder / "tokenizer_config.json").read_text())
    np.testing.assert_allclose(encoded(folder), each_alone(folder, TEXTS, LIMIT)["mean"], atol=1e-5)


def limit_of(folder, asked=100_000):
    return load_text_model(folder, asked, Context()).tokenise.limit


@pytest.mark.parametrize("make", list(MAKES))
def test_the_limit_is_what_positions_hold(tmp_path, make):
    folder = tiny_model(tmp_path / make, make, said={"model_max_length": None})
    held = {"modernbert": 8192, "llama": 32_768, "qwen2": 32_768, "qwen3": 32_768, "t5": 100_000}.get(make, LIMIT)
    assert limit_of(folder) == held
    if held == LIMIT:
        long = ["soap " * 200]
        np.testing.assert_allclose(
            encoded(folder, long, max_tokens=4000), each_alone(folder, long, LIMIT)["mean"], atol=1e-5
        )


def test_the_limit_is_the_tokenisers_where_that_is_less_and_the_asked_where_nothing_is_known(tmp_path):
    folder = tiny_model(tmp_path / "model", "qwen3", said={"model_max_length": 20})
    assert limit_of(folder) == 20
    assert limit_of(folder, 7) == 7
    bare = tiny_model(tmp_path / "bare", "t5", said={"model_max_length": None})
    assert limit_of(bare, None) == 512


@pytest.mark.parametrize("make", ["bert", "gpt2", "qwen3"])
def test_texts_are_cut_on_the_side_that_the_tokeniser_says(tmp_path, make):
    folder = tiny_model(tmp_path / make, make, said={"truncation_side": "left"})
    found = encoded(folder, ["soap " * 60 + "apples"], max_tokens=8)
    np.testing.assert_allclose(
        found, encoded(folder, ["bread " * 600 + "soap " * 60 + "apples"], max_tokens=8), atol=1e-5
    )
    assert np.abs(found - encoded(folder, ["soap " * 60], max_tokens=8)).max() > 0.01


def test_tokens_that_were_added(tmp_path):
    from transformers import AutoModel, AutoTokenizer

    folder = tiny_model(tmp_path / "model", "bert")
    tokeniser = AutoTokenizer.from_pretrained(folder)
    tokeniser.add_tokens(["SKU-17", "[SIZE]"])
    tokeniser.save_pretrained(folder)
    with pytest.raises(ModelUnavailable, match="do not belong together"):
        encoded(folder, ["bread SKU-17"])
    model = AutoModel.from_pretrained(folder)
    model.resize_token_embeddings(len(tokeniser))
    model.save_pretrained(folder)
    texts = ["bread SKU-17 [SIZE] 3", "bread SKU 17"]
    np.testing.assert_allclose(encoded(folder, texts), each_alone(folder, texts, LIMIT)["mean"], atol=1e-5)


def test_a_tokeniser_without_its_fast_file(tmp_path):
    folder = tiny_model(tmp_path / "model", "bert")
    plain = TEXTS[:5]
    fast = encoded(folder, plain)
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)))
    (folder / "tokenizer.json").unlink()
    np.testing.assert_allclose(encoded(folder, plain), fast, atol=1e-5)


@pytest.fixture
def python_tokeniser(tmp_path):
    """A model whose tokeniser is written in Python: ByT5's, a token for each byte."""
    folder = tiny_model(tmp_path / "bytes", "t5", vocab_size=384)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "ByT5Tokenizer"}))
    return folder


def test_a_tokeniser_written_in_python(python_tokeniser):
    encoder = Transformer(model=str(python_tokeniser), max_tokens=30, normalise=False)
    found = encoder.encode(TEXTS)
    np.testing.assert_allclose(found, each_alone(python_tokeniser, TEXTS, 30)["mean"], atol=1e-5)
    assert encoder.marks_["truncated"].tolist() == [len(text.encode()) > 29 for text in TEXTS]
    skipped = encoded(python_tokeniser, ["oat", "rye"], prompt="the kitchen: ", pool_prompt=False)
    texts = ["the kitchen: oat", "the kitchen: rye"]
    np.testing.assert_allclose(skipped, each_alone(python_tokeniser, texts, 30, skip=13)["mean"], atol=1e-5)


def test_a_model_that_padding_changes_reads_each_text_alone(tmp_path):
    from transformers import FNetConfig, FNetModel

    folder = tiny_model(tmp_path / "model", "bert")
    size = {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "max_position_embeddings": 48}
    words = json.loads((folder / "config.json").read_text())["vocab_size"]
    FNetModel(FNetConfig(vocab_size=words, initializer_range=0.3, pad_token_id=0, **size)).save_pretrained(folder)
    found = encoded(folder)
    np.testing.assert_allclose(found, each_alone(folder, TEXTS, LIMIT)["mean"], atol=1e-5)
