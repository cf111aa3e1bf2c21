"""What a model's settings may lead the libraries to read: nothing pickled, nothing outside, nothing of a hub."""

import json
import os
import shutil

import numpy as np
import pytest
from causalkit_plugins._quiet import loading
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS

from causalkit.errors import ModelUnavailable
from causalkit.model_files import find_weights, folder_pin, weights_fingerprint


class Told:
    """A pickle that makes a folder when it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def edit(path, **changes):
    path.write_text(json.dumps((json.loads(path.read_text()) if path.exists() else {}) | changes))


@pytest.fixture
def routed(bert, tmp_path):
    """A model of sentence-transformers that takes one of two ways; each has weights of its own."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as parts

    def way():
        return [parts.Transformer(str(bert)), parts.Pooling(16), parts.Dense(16, 8)]

    router = parts.Router.for_query_document(way(), way(), default_route="document")
    SentenceTransformer(modules=[router], device="cpu").save(str(tmp_path / "routed"))
    return tmp_path / "routed"


def test_a_model_of_several_ways_is_read(routed):
    assert SentenceTransformerEncoder(model=str(routed)).encode(TEXTS).shape == (len(TEXTS), 8)


def test_no_pickle_is_read_in_a_part_of_a_part(routed):
    import torch
    from safetensors.torch import load_file

    place = routed / "document_2_Dense"
    torch.save(load_file(place / "model.safetensors"), place / "pytorch_model.bin")
    (place / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"pickled weights \(pytorch_model\.bin\) are never read"):
        SentenceTransformerEncoder(model=str(routed)).encode(TEXTS)


def test_settings_that_lead_the_library_to_a_pickle_run_nothing(routed, tmp_path):
    """Its second try, after a setting that the model does not know, is without what it was told of safetensors."""
    import torch

    place, ran = routed / "document_0_Transformer", tmp_path / "ran"
    torch.save({"x": Told(ran)}, place / "adapter_model.bin")
    config = json.loads((place / "config.json").read_text())
    config.pop("dtype", None)
    (place / "config.json").write_text(json.dumps(config | {"transformers_weights": "adapter_model.bin"}))
    edit(place / "sentence_bert_config.json", model_args={"weights_only": False, "dtype": "auto", "unknown": 1})
    with pytest.raises(ModelUnavailable, match=r"takes its weights from 'adapter_model\.bin'"):
        SentenceTransformerEncoder(model=str(routed)).encode(TEXTS)
    from sentence_transformers import SentenceTransformer

    with loading(), pytest.raises(Exception, match="Weights only load failed"):  # torch itself is told
        SentenceTransformer(str(routed), device="cpu", local_files_only=True)
    assert not ran.exists()


@pytest.mark.parametrize(
    "settings",
    [{"tokenizer_name_or_path": "../other"}, {"model_args": {"adapter_kwargs": {}}}, {"weights_only": False}],
)
def test_settings_that_lead_elsewhere(routed, settings):
    edit(routed / "query_0_Transformer" / "sentence_bert_config.json", **settings)
    with pytest.raises(ModelUnavailable, match="by which other files would be read"):
        SentenceTransformerEncoder(model=str(routed)).encode(TEXTS)


@pytest.mark.parametrize("encoder", [Transformer, SentenceTransformerEncoder])
def test_weights_outside_of_the_folder_by_another_name(bert, tmp_path, encoder):
    from safetensors.numpy import load_file

    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    shutil.copy(bert / "model.safetensors", tmp_path / "away.safetensors")
    names = dict.fromkeys(load_file(bert / "model.safetensors"), "../away.safetensors")
    (folder / "x.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    edit(folder / "config.json", transformers_weights="x.safetensors.index.json")
    with pytest.raises(ModelUnavailable, match=r"takes its weights from 'x\.safetensors\.index\.json'"):
        encoder(model=str(folder)).encode(TEXTS)


def test_code_that_a_router_names_is_code(routed):
    told = json.loads((routed / "router_config.json").read_text())
    edit(routed / "router_config.json", types=told["types"] | {"query_1_Pooling": "own.Pooling"})
    with pytest.raises(ModelUnavailable, match=r"needs code that comes with its weights \(own\.Pooling\)"):
        find_weights(str(routed))


def test_while_a_model_is_loaded_no_pickle_makes_objects_and_no_hub_is_asked(tmp_path, monkeypatch):
    import torch
    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    torch.save(Told(tmp_path / "ran"), tmp_path / "x.bin")
    before = constants.HF_HUB_OFFLINE
    with loading():
        with pytest.raises(Exception, match="Weights only load failed"):
            torch.load(tmp_path / "x.bin", weights_only=False)
        assert constants.is_offline_mode()
    assert not (tmp_path / "ran").exists()
    assert constants.HF_HUB_OFFLINE is before
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def test_linked_folders_are_part_of_what_a_model_is(bert, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "own.py").write_text("1")
    (folder / "1_Own").symlink_to(tmp_path / "shared")
    (folder / "2_Loop").symlink_to(folder)
    before = folder_pin(folder), weights_fingerprint(str(folder))
    (tmp_path / "shared" / "own.py").write_text("2")
    after = folder_pin(folder), weights_fingerprint(str(folder))
    assert np.all(np.array(before) != np.array(after))


def test_models_loaded_at_once_leave_the_process_as_it_was():
    from concurrent.futures import ThreadPoolExecutor
    from time import sleep

    from huggingface_hub import constants

    def load(seconds):
        with loading():
            sleep(seconds)

    before = constants.HF_HUB_OFFLINE, dict(os.environ)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(load, [0.02, 0.01, 0.03, 0.01]))
    assert (constants.HF_HUB_OFFLINE, dict(os.environ)) == before
