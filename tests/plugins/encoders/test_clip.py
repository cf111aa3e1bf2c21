"""`clip` gives what sentence-transformers and plain transformers give, and stands whatever images come."""

import json
import pickle
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders.clip import ClipEncoder
from causalkit_plugins.examples._tiny_clip import LIMIT, WIDTH, tiny_clip
from PIL import Image

from causalkit.components import Context
from causalkit.errors import DataError, ModelUnavailable, UsageError
from causalkit.types import Multimodal

TEXTS = [
    "oat soap",
    "a bar of soap, as long as no model of twelve tokens takes it",
    "é 特別 ☃",
    "RYE bread!",
    "oat soap",
]


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def paths(tmp_path_factory):
    """Images of several sizes, the last with the bytes of the first."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(1)
    for i, (width, height) in enumerate([(40, 30), (16, 16), (7, 21), (64, 20)]):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(folder / f"{i}.png")
    shutil.copy(folder / "0.png", folder / "4.png")
    return [str(folder / f"{i}.png") for i in range(5)]


@pytest.fixture(scope="session")
def plain(model, paths):
    """Each text and each image by itself, by transformers alone: `[5, width]` of either."""
    import torch
    from transformers import CLIPModel, CLIPProcessor

    module, processor = CLIPModel.from_pretrained(model).eval(), CLIPProcessor.from_pretrained(model)
    with torch.no_grad():
        texts = [
            module.get_text_features(**processor(text=[text], return_tensors="pt", truncation=True)).pooler_output[0]
            for text in TEXTS
        ]
        images = []
        for path in paths:
            with Image.open(path) as image:
                seen = processor(images=image, return_tensors="pt")
            images.append(module.get_image_features(**seen).pooler_output[0])
    return np.array(texts), np.array(images)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def raw(model, **params):
    return ClipEncoder(model=str(model), normalise=False, **params)


def test_texts_and_images_are_what_plain_transformers_gives(model, paths, plain):
    encoder = raw(model, combine="text")
    np.testing.assert_allclose(encoder.encode([Multimodal(text) for text in TEXTS]), plain[0], atol=1e-4)
    np.testing.assert_allclose(encoder.encode([Multimodal("", path) for path in paths]), plain[1], atol=1e-4)


def legacy(model, folder):
    """As sentence-transformers wrote its CLIP models for years, such as clip-ViT-B-32."""
    shutil.copytree(model, folder / "0_CLIPModel")
    part = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([part]))
    return folder


def as_saved(model, folder):
    """As sentence-transformers writes one now."""
    from sentence_transformers import SentenceTransformer

    SentenceTransformer(str(model)).save(str(folder))
    return folder


@pytest.mark.parametrize("make", [lambda model, _: model, legacy, as_saved])
def test_every_make_of_folder_gives_what_sentence_transformers_gives(model, paths, tmp_path, make):
    from sentence_transformers import SentenceTransformer

    folder = make(model, tmp_path / "model")
    library, encoder = SentenceTransformer(str(folder)), raw(folder, combine="image")
    images = [Image.open(path) for path in paths]
    seen, read = library.encode(images, show_progress_bar=False), library.encode(TEXTS, show_progress_bar=False)
    for image in images:
        image.close()
    np.testing.assert_allclose(encoder.encode([Multimodal("", path) for path in paths]), seen, atol=1e-4)
    np.testing.assert_allclose(encoder.encode([Multimodal(text) for text in TEXTS]), read, atol=1e-4)


@pytest.mark.parametrize("combine", ["mean", "concat", "image", "text"])
@pytest.mark.parametrize("normalise", [True, False])
def test_both_parts_are_combined_as_asked(model, paths, plain, combine, normalise):
    text, image = plain
    expected = {
        "mean": (unit(text) + unit(image)) / 2,
        "concat": np.hstack([unit(text), unit(image)]),
        "image": image,
        "text": text,
    }[combine]
    made = ClipEncoder(model=str(model), combine=combine, normalise=normalise)
    found = made.encode([Multimodal(text, path) for text, path in zip(TEXTS, paths, strict=True)])
    np.testing.assert_allclose(found, unit(expected) if normalise else expected, atol=1e-4)


@pytest.mark.parametrize("combine", ["mean", "concat", "image", "text"])
def test_a_part_that_is_not_there_leaves_the_vector_to_the_other(model, paths, plain, combine):
    text, image = plain
    made = ClipEncoder(model=str(model), combine=combine)
    inputs = [Multimodal(TEXTS[0]), Multimodal("", paths[1]), Multimodal(), Multimodal(" ", " "), Multimodal("", "no")]
    found, nothing = made.encode(inputs), np.zeros(WIDTH, np.float32)
    if combine == "concat":
        expected = [np.hstack([unit(text)[0], nothing]), np.hstack([nothing, unit(image)[1]])]
    else:
        expected = [unit(text)[0], unit(image)[1]]
    np.testing.assert_allclose(found[:2], expected, atol=1e-5)
    assert not found[2:].any()
    lacks = {"image": [True, False], "text": [False, True]}.get(combine, [True, True])
    assert made.marks_["missing"].tolist() == [*lacks, True, True, True]
    assert not made.marks_["unreadable"].any()


@pytest.mark.parametrize("combine", ["mean", "concat", "image", "text"])
def test_an_image_that_cannot_be_read_is_marked_and_leaves_the_vector_to_the_text(model, paths, tmp_path, combine):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (tmp_path / "empty.jpg").write_bytes(b"")
    wrong = [str(tmp_path / "broken.png"), str(tmp_path / "empty.jpg"), str(tmp_path)]
    made = ClipEncoder(model=str(model), combine=combine)
    found = made.encode([*(Multimodal("oat soap", path) for path in wrong), Multimodal("", wrong[0])])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], made.encode([Multimodal("oat soap")])[0], atol=1e-6)
    assert not found[3].any()
    made.encode([*(Multimodal("oat soap", path) for path in wrong), Multimodal("", wrong[0])])
    looked_at = combine != "text"  # the image of an item with a text is then left alone
    assert made.marks_["unreadable"].tolist() == [looked_at, looked_at, looked_at, True]
    made.encode([Multimodal("oat soap", path) for path in paths])
    assert not made.marks_["unreadable"].any()


def test_texts_that_are_cut_are_marked(model):
    made = ClipEncoder(model=str(model))
    exact = "a " * (LIMIT - 2)  # and a token at either end
    made.encode([Multimodal(exact), Multimodal(exact + "a"), Multimodal("a" * 1_000_000), Multimodal()])
    assert made.marks_["truncated"].tolist() == [False, True, True, False]


def test_an_image_is_encoded_once_however_many_items_show_it(model, paths, monkeypatch):
    from causalkit_plugins.encoders._pixels import Preparation

    opened, read = [], Preparation.read
    monkeypatch.setattr(Preparation, "read", lambda self, path: opened.append(path) or read(self, path))
    found = ClipEncoder(model=str(model)).encode([Multimodal("", path) for path in paths * 3])
    assert sorted(opened) == sorted(paths[:4])  # the fifth has the bytes of the first
    np.testing.assert_array_equal(found[0], found[4])
    np.testing.assert_array_equal(found[:5], found[5:10])


def test_order_and_company_do_not_matter(model, tmp_path):
    rng = np.random.default_rng(0)
    inputs = []
    for i in range(40):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), np.uint8)).save(tmp_path / f"{i}.png")
        inputs.append(Multimodal("word " * (i % 7), str(tmp_path / f"{i}.png") if i % 5 else ""))
    made = ClipEncoder(model=str(model))
    whole, order = made.encode(inputs), rng.permutation(len(inputs))
    np.testing.assert_allclose(made.encode([inputs[i] for i in order]), whole[order], atol=1e-5)
    np.testing.assert_allclose(np.concatenate([made.encode([one]) for one in inputs]), whole, atol=1e-5)
    np.testing.assert_array_equal(made.encode(inputs), whole)


@pytest.mark.parametrize("device", ["cpu:0", "cpu,cpu"])
def test_images_read_ahead_of_another_device_get_the_same_vectors(model, paths, device):
    """As on a GPU, where one thread computes and others read."""
    inputs = [Multimodal("", path) for path in paths] * 9
    expected = ClipEncoder(model=str(model)).encode(inputs)
    found = ClipEncoder(model=str(model)).encode(inputs, context=Context(device=device))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_nothing_to_encode_keeps_the_width(model):
    assert ClipEncoder(model=str(model)).encode([]).shape == (0, WIDTH)
    assert ClipEncoder(model=str(model), combine="concat").encode([]).shape == (0, 2 * WIDTH)


def test_an_address_is_refused_and_nothing_is_fetched(model):
    with pytest.raises(DataError, match="nothing is downloaded"):
        ClipEncoder(model=str(model)).encode([Multimodal("soap", "https://example.com/a.png")])


def test_a_loaded_model_does_not_travel(model):
    made = ClipEncoder(model=str(model))
    found = made.encode([Multimodal("soap")])
    sent = pickle.dumps(made)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent).encode([Multimodal("soap")]), found)


def spoiled(model, folder, name, **changes):
    shutil.copytree(model, folder)
    told = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(told | changes))
    return folder


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("config.json", {"model_type": "bert"}, "of the type 'bert', and `clip` reads CLIP"),
        ("preprocessor_config.json", {"crop_size": 8}, "sees images of 16 × 16 points"),
        ("preprocessor_config.json", {"do_pad": True}, "in a way that `clip` does not know"),
        ("config.json", {"projection_dim": 7}, "cannot be loaded"),
    ],
)
def test_other_makes_of_model_are_refused(model, tmp_path, name, changes, said):
    folder = spoiled(model, tmp_path / "model", name, **changes)
    with pytest.raises(ModelUnavailable, match=said):
        ClipEncoder(model=str(folder)).encode([Multimodal("soap")])


@pytest.mark.parametrize("lost", ["model.safetensors", "preprocessor_config.json", "tokenizer.json", "config.json"])
def test_a_model_that_lacks_a_file_is_refused(model, tmp_path, lost):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / lost).unlink()
    with pytest.raises(ModelUnavailable):
        ClipEncoder(model=str(folder)).encode([Multimodal("soap")])


def test_cut_weights_and_other_modules_are_refused(model, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(model, folder)
    held = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(held[: len(held) // 2])
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        ClipEncoder(model=str(folder)).encode([Multimodal("soap")])
    folder = legacy(model, tmp_path / "more")
    modules = json.loads((folder / "modules.json").read_text())
    more = {"idx": 1, "name": "1", "path": "1_Dense", "type": "sentence_transformers.models.Dense"}
    (folder / "1_Dense").mkdir()
    (folder / "modules.json").write_text(json.dumps([*modules, more]))
    with pytest.raises(ModelUnavailable, match="CLIPModel, Dense"):
        ClipEncoder(model=str(folder)).encode([Multimodal("soap")])


def test_a_missing_model_says_how_to_get_it():
    with pytest.raises(ModelUnavailable, match="not on this machine") as told:
        ClipEncoder(model="nobody/no-clip").encode([Multimodal("soap")])
    assert "hf download" in str(told.value)


def test_a_device_that_is_not_here_is_refused(model):
    with pytest.raises(UsageError, match="cannot be used here"):
        ClipEncoder(model=str(model)).encode([Multimodal("soap")], context=Context(device="xpu"))


def test_a_model_is_loaded_once_and_anew_when_its_files_change(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    first, again = (ClipEncoder(model=str(folder))._model(Context()) for _ in range(2))
    assert first is again
    tiny_clip(folder, seed=1)
    changed = ClipEncoder(model=str(folder)).encode([Multimodal("soap")])
    assert np.abs(changed - ClipEncoder(model=str(model)).encode([Multimodal("soap")])).max() > 0.01
