"""Prompts go before each text, and where they are not to count their own tokens are left out, and no others."""

import json
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import LIMIT, tiny_model
from plain import each_alone
from sentences import save_sentences

from causalkit.errors import InvalidParameter, ModelUnavailable, UsageError

TEXTS = ["oat bars", "", "rye bread, whole grain, sliced", "x", "oat bars", "unbekannt ☃ 特別"]
PROMPT = "the kitchen: "
PROMPTED = [PROMPT + text for text in TEXTS]


@pytest.fixture(scope="module", params=["bert", "mpnet", "gpt2", "qwen3", "llama", "t5"])
def folder(request, tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("prompts") / request.param, request.param, said={"pad_token": "<pad>"})


def encoders(folder, **asked):
    """Each pooling, and the encoder set to it until the next is asked for."""
    encoder = Transformer(model=str(folder), prompt=PROMPT, normalise=False, **asked)
    for pooling in ("mean", "cls", "last", "max"):
        yield pooling, encoder.set_params(pooling=pooling)


def test_a_prompt_is_put_before_each_text(folder):
    alone = each_alone(folder, PROMPTED, LIMIT)
    for pooling, encoder in encoders(folder):
        np.testing.assert_allclose(encoder.encode(TEXTS), alone[pooling], atol=1e-5, err_msg=pooling)


def tokens_of(folder, *texts):
    from transformers import AutoTokenizer

    tokeniser = AutoTokenizer.from_pretrained(folder)
    return [tokeniser(text)["input_ids"] for text in texts]


def test_tokens_of_the_prompt_are_read_and_not_counted(folder):
    texts = [text for text in TEXTS if text]
    bare, *whole = tokens_of(folder, PROMPT, *(PROMPT + text for text in texts))
    skip = [next((k for k, (a, b) in enumerate(zip(bare, ids, strict=False)) if a != b), len(bare)) for ids in whole]
    alone = each_alone(folder, [PROMPT + text for text in texts], LIMIT, skip)
    for pooling, encoder in encoders(folder, pool_prompt=False):
        np.testing.assert_allclose(encoder.encode(texts), alone[pooling], atol=1e-5, err_msg=pooling)
        assert np.isfinite(encoder.encode([""])).all()


def test_a_token_that_holds_the_end_of_the_prompt_and_the_text_counts(tmp_path):
    folder = tiny_model(tmp_path / "gpt", "gpt2")
    encoder = Transformer(model=str(folder), prompt=PROMPT, pool_prompt=False, normalise=False)
    whole, bare, word = map(len, tokens_of(folder, PROMPT + "oat", PROMPT, " oat"))
    joined = whole - word
    assert joined == bare - 1  # the space goes with the word
    expected = each_alone(folder, [PROMPT + "oat"], LIMIT, skip=joined)["mean"]
    np.testing.assert_allclose(encoder.encode(["oat"]), expected, atol=1e-5)


def test_a_text_that_leaves_no_token_but_the_prompts_counts_whole(tmp_path):
    folder = tiny_model(tmp_path / "gpt", "gpt2")
    for pooling in ("mean", "max", "cls", "last"):
        asked = {"model": str(folder), "pooling": pooling, "prompt": PROMPT}
        found = Transformer(**asked, pool_prompt=False).encode(["", "oat bars"])
        np.testing.assert_allclose(found[0], Transformer(**asked).encode([""])[0], atol=1e-6)


def test_the_prompt_counts_towards_the_limit(folder):
    encoder = Transformer(model=str(folder), prompt="word " * 5, max_tokens=20)
    alike = ["word word oat bars", "word word rye bread"]
    vectors = encoder.encode(alike)
    assert encoder.marks_["truncated"].all()
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)
    bare = Transformer(model=str(folder), max_tokens=20).encode(alike)
    assert abs(bare[0] - bare[1]).max() > 1e-3


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """A sentence-transformers model that brings prompts, one of them its own."""
    folder = tiny_model(tmp_path_factory.mktemp("sentences") / "bert")
    general = {"prompts": {"query": "search: ", "document": "", "odd": None}, "default_prompt_name": "query"}
    return save_sentences(folder, "mean", general=general)


def test_prompts_that_a_model_brings(prompted):
    def encode(**asked):
        return SentenceTransformerEncoder(model=str(prompted), **asked).encode(TEXTS)

    searched = each_alone(prompted, ["search: " + text for text in TEXTS], LIMIT)["mean"]
    bare = each_alone(prompted, TEXTS, LIMIT)["mean"]
    np.testing.assert_allclose(encode(), searched, atol=1e-5)
    np.testing.assert_allclose(encode(prompt_name="query"), searched, atol=1e-5)
    np.testing.assert_allclose(encode(prompt="search: "), searched, atol=1e-5)
    for nothing in ({"prompt": ""}, {"prompt_name": "document"}, {"prompt_name": "odd"}):
        np.testing.assert_allclose(encode(**nothing), bare, atol=1e-5)


def test_a_prompt_that_it_does_not_bring_names_those_that_it_does(prompted):
    with pytest.raises(UsageError, match="brings no prompt 'querry'; did you mean 'query'") as error:
        SentenceTransformerEncoder(model=str(prompted), prompt_name="querry").encode(["a"])
    assert "It brings document, odd, query." in error.value.todo
    with pytest.raises(InvalidParameter, match="give one of them"):
        SentenceTransformerEncoder(prompt="a", prompt_name="b")


def test_a_model_that_names_a_prompt_that_it_does_not_bring(prompted, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(prompted, folder)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"default_prompt_name": "query"}))
    with pytest.raises(ModelUnavailable, match="names 'query' as its prompt, and brings none"):
        SentenceTransformerEncoder(model=str(folder)).encode(["a"])


def test_a_prompt_that_leaves_no_room_for_the_text_is_refused(tmp_path):
    folder = str(tiny_model(tmp_path / "bert"))
    for pool_prompt in (True, False):
        encoder = Transformer(model=folder, prompt="oat " * LIMIT, pool_prompt=pool_prompt)
        with pytest.raises(UsageError, match="the prompt alone fills the 48 tokens"):
            encoder.encode(["oat bars", "rye bread"])
    assert Transformer(model=folder, prompt="oat " * (LIMIT - 4)).encode(["oat bars", "rye bread"]).any()
