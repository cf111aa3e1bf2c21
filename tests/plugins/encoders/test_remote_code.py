"""Code that comes with weights runs only where it was asked for and is the code that was read; the hub's cache."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from causalkit_plugins.encoders._sentences import make_of
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
from sentences import save_sentences
from tiny_models import TEXTS

from causalkit.errors import ModelUnavailable, UsageError
from causalkit.model_files import find_weights, folder_pin

COMMIT, OLDER = "0123456789abcdef" * 2 + "01234567", "f" * 40
CODE = """
from pathlib import Path
import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

with Path({ran!r}).open("a") as file:
    file.write("{version}")


class OwnConfig(PretrainedConfig):
    model_type = "own-words"


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(config.vocab_size, config.hidden_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, attention_mask=None, **more):
        return BaseModelOutput(last_hidden_state={factor} * self.words(input_ids))
"""


def write_code(folder, version="1", factor=1.0):
    (folder / "own.py").write_text(CODE.format(ran=str(folder.parent / "ran"), version=version, factor=factor))


@pytest.fixture
def own(bert, tmp_path, monkeypatch):
    """A model of an architecture of its own, its code beside its weights; what it runs is written to `ran`."""
    from safetensors.numpy import save_file

    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bert / name, folder / name)
    words = len(json.loads((bert / "tokenizer.json").read_text())["model"]["vocab"])
    weights = np.random.default_rng(0).normal(size=(words, 8)).astype(np.float32)
    save_file({"words.weight": weights}, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"model_type": "own-words", "vocab_size": words, "hidden_size": 8, "architectures": ["OwnModel"]}
    auto = {"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config | auto))
    write_code(folder)
    yield folder
    for name in [name for name in sys.modules if name.startswith("transformers_modules")]:
        del sys.modules[name]


@pytest.mark.parametrize("encoder", [Transformer, SentenceTransformerEncoder])
def test_code_is_not_run_unasked_and_not_without_saying_which(own, encoder):
    with pytest.raises(ModelUnavailable, match=r"needs code that comes with its weights \(own\.OwnConfig\)"):
        encoder(model=str(own)).encode(TEXTS)
    with pytest.raises(UsageError, match="`revision` does not say which") as error:
        encoder(model=str(own), trust_remote_code=True).encode(TEXTS)
    assert f"`revision: {folder_pin(own)}`" in error.value.todo
    with pytest.raises(ModelUnavailable, match="are not those that `revision` pins"):
        encoder(model=str(own), trust_remote_code=True, revision=COMMIT).encode(TEXTS)
    assert not (own.parent / "ran").exists()


@pytest.mark.parametrize("encoder", [Transformer, SentenceTransformerEncoder])
def test_pinned_code_is_run_until_it_changes(own, encoder):
    plain = {"normalise": False} if encoder is Transformer else {}
    pinned = encoder(model=str(own), trust_remote_code=True, revision=folder_pin(own), **plain)
    vectors = pinned.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 8)
    assert (own.parent / "ran").read_text() == "1"
    write_code(own, version="2", factor=2.0)
    with pytest.raises(ModelUnavailable, match="are not those that `revision` pins"):
        encoder(**pinned.get_params()).encode(TEXTS)
    assert (own.parent / "ran").read_text() == "1"
    again = encoder(model=str(own), trust_remote_code=True, revision=folder_pin(own), **plain)
    np.testing.assert_allclose(again.encode(TEXTS), 2 * vectors, rtol=1e-5)
    assert (own.parent / "ran").read_text() == "12"


def test_code_in_another_repository_cannot_be_pinned(own):
    config = json.loads((own / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "someone/else--own.OwnModel"}
    (own / "config.json").write_text(json.dumps(config))
    for trusted in ({}, {"trust_remote_code": True, "revision": folder_pin(own)}):
        with pytest.raises(ModelUnavailable, match="takes code from another place, 'someone/else'"):
            find_weights(str(own), **trusted)


def test_code_of_a_tokeniser_or_of_a_module_is_code(bert, tmp_path):
    for name, said in (
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.Slow", None]}}),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "own.Transformer"}]),
    ):
        folder = tmp_path / name
        shutil.copytree(bert, folder)
        (folder / name).write_text(json.dumps(said))
        with pytest.raises(ModelUnavailable, match=r"needs code that comes with its weights \(own\."):
            find_weights(str(folder))


def test_a_pin_is_of_names_and_contents_and_of_nothing_hidden(bert, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    pin = folder_pin(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "download.lock").touch()
    assert folder_pin(folder) == pin == folder_pin(bert)
    assert find_weights(str(folder), pin) == folder
    (folder / "config.json").rename(folder / "config.old")
    assert folder_pin(folder) != pin


def test_a_module_of_its_own_is_never_taken_for_the_librarys(bert, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    modules = [("", "own.Transformer"), ("1_Pooling", "sentence_transformers.models.Pooling")]
    listed = [{"idx": k, "name": str(k), "path": path, "type": of} for k, (path, of) in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(listed))
    assert make_of(folder) is None


@pytest.fixture
def hub(bert, tmp_path, monkeypatch):
    """The hub's cache as a download leaves it: two commits of one model, links to blobs."""
    cache = tmp_path / "hub"
    place = cache / "models--org--tiny"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    shutil.copytree(bert, place / "blobs")
    for commit in (COMMIT, OLDER):
        (place / "snapshots" / commit).mkdir(parents=True)
        for blob in sorted((place / "blobs").iterdir()):
            (place / "snapshots" / commit / blob.name).symlink_to(f"../../blobs/{blob.name}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return place


def test_a_hub_model_is_taken_from_the_cache_at_any_revision_that_is_there(hub, bert):
    assert find_weights("org/tiny") == hub / "snapshots" / COMMIT
    assert find_weights("org/tiny", "main") == find_weights("org/tiny", COMMIT)
    assert find_weights("org/tiny", OLDER) == hub / "snapshots" / OLDER
    found = Transformer(model="org/tiny", revision=OLDER).encode(TEXTS)
    np.testing.assert_array_equal(found, Transformer(model=str(bert)).encode(TEXTS))
    with pytest.raises(ModelUnavailable, match="not on this machine at revision 'v2'") as error:
        find_weights("org/tiny", "v2")
    assert "`hf download org/tiny --revision v2`" in error.value.todo


def test_code_of_a_hub_model_is_pinned_by_its_full_commit(hub):
    for revision in ("", "main", COMMIT[:12]):
        with pytest.raises((UsageError, ModelUnavailable)) as error:
            find_weights("org/tiny", revision, trust_remote_code=True)
        if revision != COMMIT[:12]:
            assert f"`revision: {COMMIT}`" in error.value.todo
    assert find_weights("org/tiny", COMMIT, trust_remote_code=True) == hub / "snapshots" / COMMIT


def test_a_download_that_brought_the_config_alone(hub):
    (hub / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match="has no weights") as error:
        find_weights("org/tiny")
    assert "`hf download org/tiny`" in error.value.todo


@pytest.mark.parametrize("name", ["HF_HUB_CACHE", "HF_HOME"])
def test_the_cache_lies_where_the_environment_says(hub, tmp_path, name):
    code = "from causalkit.model_files import find_weights; print(find_weights('org/tiny'))"
    place = str(tmp_path / "hub") if name == "HF_HUB_CACHE" else str(tmp_path)
    known = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=known | {name: place})
    assert done.stdout.strip() == str(hub / "snapshots" / COMMIT), done.stderr


OFFLINE = """
import socket, sys
def refuse(*of, **more):
    raise AssertionError(f"the network was asked for: {of}")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from causalkit.errors import CausalkitError
from causalkit_plugins.encoders.sentence_transformer import SentenceTransformerEncoder
from causalkit_plugins.encoders.transformer import Transformer
for encoder in (Transformer, SentenceTransformerEncoder):
    for model in sys.argv[1:]:
        try:
            print(encoder(model=model).encode(["oat bars"]).shape)
        except CausalkitError as error:
            print(type(error).__name__)
"""


def test_nothing_goes_to_the_network_even_where_it_may(bert, hub, tmp_path):
    sentences = tmp_path / "sentences"
    shutil.copytree(bert, sentences)
    save_sentences(sentences, "mean", width=16)
    pooling = {"word_embedding_dimension": 16, "pooling_mode": ["mean", "max"]}
    (sentences / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    known = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    command = [sys.executable, "-c", OFFLINE, "org/tiny", "org/other", "nothing-there", str(sentences)]
    env = known | {"HF_HUB_CACHE": str(tmp_path / "hub"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    direct, library = [str((1, 16)), "ModelUnavailable", "ModelUnavailable", str((1, 16))], str((1, 32))
    assert done.stdout.splitlines() == [*direct, *direct[:3], library], done.stderr
    assert done.stderr == ""
