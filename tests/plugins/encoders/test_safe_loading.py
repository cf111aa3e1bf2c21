"""What a model's files may be: whole, in safetensors, in their own folder. Everything else is said, with what to do."""

import json
import os
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS

from causalkit.errors import ModelUnavailable
from causalkit.model_files import find_weights


@pytest.fixture
def model(bert, tmp_path):
    """A copy of a model that a test may break."""
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    return folder


def refused(model, match):
    """What is said of a model that is refused, before transformers is asked."""
    with pytest.raises(ModelUnavailable, match=match) as error:
        find_weights(str(model))
    assert error.value.todo
    return str(error.value)


def broken(model, match):
    """What is said of a model that cannot be loaded."""
    with pytest.raises(ModelUnavailable, match=match) as error:
        Transformer(model=str(model)).encode(["a"])
    assert error.value.todo
    assert len(error.value.what) < 600
    return str(error.value)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("text", ["{", "", "[1]", "\x00\x01", "null"])
def test_json_that_is_broken(model, name, text):
    (model / name).write_text(text)
    broken(model, "cannot be (read|loaded)|does not hold a JSON object")


def test_a_file_a_folder_without_a_model_and_the_home_folder(model, tmp_path, monkeypatch):
    assert "Give the folder" in refused(model / "model.safetensors", "is a file, and a model is a folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "holds no model: neither config.json nor modules.json")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_weights("~/model") == model


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(model):
    (model / "config.json").chmod(0)
    refused(model, "cannot be read")


@pytest.mark.parametrize(
    ("name", "match", "todo"),
    [
        ("pytorch_model.bin", "pickled weights .*never read", "save_pretrained"),
        ("model.gguf", "GGUF files alone", "safetensors"),
        ("onnx/model.onnx", "ONNX files alone", "safetensors"),
        ("README.md", "has no weights", "Get its files again"),
    ],
)
def test_weights_of_other_kinds(model, name, match, todo):
    (model / "model.safetensors").unlink()
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(b"x")
    assert todo in refused(model, match)


def test_pickled_weights_beside_safetensors_are_left_alone(model, bert):
    (model / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    found = Transformer(model=str(model)).encode(TEXTS)
    np.testing.assert_array_equal(found, Transformer(model=str(bert)).encode(TEXTS))


def test_an_adapter_is_refused(model):
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "bert"}')
    assert "merge_and_unload" in refused(model, "is an adapter")


@pytest.mark.parametrize("name", ["../away.safetensors", "/etc/away.safetensors", "..\\away.safetensors"])
def test_an_index_that_leads_out_of_the_folder(model, name):
    (model / "model.safetensors").rename(model.parent / "away.safetensors")
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": name}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(model, "outside its folder")


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": 3}])
def test_an_index_that_names_nothing(model, index):
    (model / "model.safetensors").unlink()
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(model, "names no weights")


def test_weights_in_several_files_and_one_that_is_not_there(model, bert):
    from transformers import BertModel

    (model / "model.safetensors").unlink()
    BertModel.from_pretrained(bert).save_pretrained(model, max_shard_size="5KB")
    shards = sorted(model.glob("model-*.safetensors"))
    assert len(shards) > 1
    found = Transformer(model=str(model)).encode(TEXTS)
    np.testing.assert_array_equal(found, Transformer(model=str(bert)).encode(TEXTS))
    shards[0].unlink()
    refused(model, f"lacks 1 of its files, such as {shards[0].name}")


@pytest.mark.parametrize("size", [0, 4, 40, 2000])
def test_weights_that_are_cut_short(model, size):
    os.truncate(model / "model.safetensors", size)
    broken(model, "cannot be loaded")


def test_shapes_that_the_config_does_not_have(model):
    edit(model / "config.json", intermediate_size=48)
    broken(model, "cannot be loaded")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(model, value):
    from safetensors.numpy import load_file, save_file

    weights = load_file(model / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][3] = value
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    broken(model, r"1 weights .* hold NaN or infinity, such as 'encoder\.layer\.0\.output\.dense\.bias'")


def test_an_architecture_that_nobody_knows_and_one_that_reads_no_texts(model, tmp_path):
    edit(model / "config.json", model_type="bert-of-tomorrow")
    assert "bert-of-tomorrow" in broken(model, "cannot be loaded")
    from transformers import ViTConfig, ViTModel

    config = ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8)
    ViTModel(config).save_pretrained(tmp_path / "vit")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / name, tmp_path / "vit" / name)
    broken(tmp_path / "vit", "does not read texts")


def test_a_tokeniser_that_knows_more_than_the_model(model):
    tokeniser = json.loads((model / "tokenizer.json").read_text())
    tokeniser["added_tokens"] += [
        {"id": 5000, "content": "<odd>", "special": False, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False}
    ]
    (model / "tokenizer.json").write_text(json.dumps(tokeniser))
    encoder = Transformer(model=str(model))
    assert np.isfinite(encoder.encode(["rye bread"])).all()
    with pytest.raises(ModelUnavailable, match=r"'<odd>' the number .* do not belong together"):
        encoder.encode(["rye <odd> bread"])


def test_what_the_files_of_the_tokeniser_lack(model):
    (model / "tokenizer.json").unlink()
    broken(model, "the tokeniser at .*")
