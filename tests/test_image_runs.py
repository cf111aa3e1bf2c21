"""Runs over a log whose items have images: what is encoded, what is kept, and what a reader is told."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from causalkit_plugins.encoders.clip import ClipEncoder
from causalkit_plugins.examples._tiny_clip import tiny_clip
from command import call
from PIL import Image

import causalkit
from causalkit.errors import ConfigError, DataError
from causalkit.types import Multimodal

ITEMS = 12
COLUMNS = {
    "user": {"role": "user"},
    "item": {"role": "item"},
    "week": {"role": "time"},
    "shown": {"role": "treatment"},
    "bought": {"role": "outcome"},
    "title": {"role": "covariate", "kind": "text"},
    "photo": {"role": "covariate", "kind": "image"},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture
def shop(tmp_path, monkeypatch, model) -> Path:
    """A folder with a log, its items, their photos and a config, and the current one."""
    monkeypatch.chdir(tmp_path)
    folder, rng, n = tmp_path / "data", np.random.default_rng(3), 2400
    (folder / "photos").mkdir(parents=True)
    for i in range(ITEMS):
        shade = rng.integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(shade).save(folder / "photos" / f"{i}.png")
    photos = [f"photos/{i}.png" for i in range(ITEMS)]
    titles = [f"soap of sort {i}" for i in range(ITEMS)]
    table = pd.DataFrame({"item": [f"i{i}" for i in range(ITEMS)], "title": titles, "photo": photos})
    table.to_csv(folder / "items.csv", index=False)
    item, shown = rng.integers(0, ITEMS, n), rng.integers(0, 2, n)
    bought = (rng.random(n) < 0.2 + 0.15 * shown).astype(int)
    rows = {"user": rng.integers(0, 90, n), "item": [f"i{i}" for i in item], "week": np.arange(n) % 24}
    pd.DataFrame(rows | {"shown": shown, "bought": bought}).to_csv(folder / "log.csv", index=False)
    data = {"interactions": "data/log.csv", "items": "data/items.csv", "schema": {"columns": COLUMNS}}
    config = {
        "data": {"use": "tables", "params": data},
        "split": {"by": "random"},
        "encode": {"item": {"use": "clip", "params": {"model": str(model)}}},
        "estimate": {"item": {"use": "shared", "params": {"of": "difference-in-means"}}},
        "rank": "uplift",
        "evaluate": ["held-out-effect"],
    }
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return tmp_path


def encoded(**changes: object) -> object:
    return causalkit.run("shop.yaml", until="encode", **changes)


def photos() -> pd.Series:
    return pd.read_csv("data/items.csv")["photo"]


def rewritten(values: object) -> None:
    pd.read_csv("data/items.csv").assign(photo=values).to_csv("data/items.csv", index=False)


def shelves() -> dict[str, bytes]:
    """The kept vectors, by file."""
    return {str(path): path.read_bytes() for path in Path("runs/.cache/vectors").rglob("*.safetensors")}


def notes(run: object) -> tuple[str, ...]:
    return run.folder.load("load/facts").notes


def statuses(run: object) -> dict[str, str]:
    return {step.step: step.status for step in run.result.steps}


def test_a_run_reads_images_and_texts_from_the_command_line(shop, capsys, model):
    assert call(capsys, "check", "shop.yaml")[0] in (0, None)
    code, _, err = call(capsys, "run", "shop.yaml", "-q")
    assert code in (0, None), err
    run = causalkit.open_run("latest")
    found = run.embeddings.item
    table = pd.read_csv("data/items.csv", index_col="item")
    inputs = [Multimodal(title, f"data/{photo}") for title, photo in zip(table["title"], table["photo"], strict=True)]
    expected = ClipEncoder(model=str(model)).encode(inputs)
    np.testing.assert_allclose(found.vectors[found.ids.get_indexer(table.index)], expected, atol=1e-5)
    assert len(run.effects.item) == ITEMS
    assert not any("image" in note for note in found.notes)


def test_missing_and_broken_images_are_said_and_nothing_fails(shop):
    os.remove("data/photos/3.png")
    Path("data/photos/5.png").write_bytes(b"no image")
    rewritten([*photos()[:7], "", *photos()[8:]])
    run = encoded()
    assert "1 of 11 images of items (column 'photo') are not there, such as 'data/photos/3.png'" in notes(run)
    assert "2 of 12 items lack a text or an image" in run.embeddings.item.notes
    assert "the images of 1 of 12 items cannot be read" in run.embeddings.item.notes
    assert np.isfinite(run.embeddings.item.vectors).all()


def test_a_changed_image_is_encoded_anew_and_no_other(shop):
    first = encoded()
    assert statuses(encoded()) == {"load": "reused", "encode": "reused"}
    told = os.stat("data/photos/4.png")
    Image.new("RGB", (12, 9), "red").save("data/photos/4.png")
    os.utime("data/photos/4.png", ns=(told.st_atime_ns, told.st_mtime_ns))
    kept = shelves()
    changed = encoded()
    differ = (first.embeddings.item.vectors != changed.embeddings.item.vectors).any(axis=1)
    assert list(changed.embeddings.item.ids[differ]) == ["i4"]
    assert statuses(changed) == {"load": "reused", "encode": "done"}
    added = {path: held for path, held in shelves().items() if path not in kept}
    assert len(added) == 1


def test_images_that_moved_are_not_encoded_again(shop):
    first = encoded()
    kept = shelves()
    os.rename("data/photos", "data/pictures")
    rewritten(photos().str.replace("photos", "pictures"))
    moved = encoded()
    np.testing.assert_array_equal(moved.embeddings.item.vectors, first.embeddings.item.vectors)
    assert shelves() == kept


def test_an_image_that_comes_later_is_seen(shop):
    os.rename("data/photos/2.png", "later.png")
    before = encoded()
    assert any("are not there" in note for note in notes(before))
    os.rename("later.png", "data/photos/2.png")
    after = encoded()
    assert not any("are not there" in note for note in notes(after))
    differ = (before.embeddings.item.vectors != after.embeddings.item.vectors).any(axis=1)
    assert list(after.embeddings.item.ids[differ]) == ["i2"]


def test_an_image_changed_while_it_is_read_is_said_and_nothing_wrong_is_kept(shop, model):
    held = Path("data/photos/0.png").read_bytes()

    class Meddler:
        """Shows progress, and changes an image once images are read."""

        def track(self, items: object, label: str, total: int | None) -> object:
            for one in items:
                if "image" in label:
                    Image.new("RGB", (7, 7), "green").save("data/photos/0.png")
                yield one

        def busy(self, label: str) -> object:
            return contextlib.nullcontext()

    with pytest.raises(DataError, match="images were changed while they were read"):
        encoded(progress=Meddler())
    assert not shelves()
    Path("data/photos/0.png").write_bytes(held)
    found, table = encoded().embeddings.item, pd.read_csv("data/items.csv", index_col="item")
    expected = ClipEncoder(model=str(model)).encode([Multimodal(table.title["i0"], "data/photos/0.png")])
    np.testing.assert_allclose(found.vectors[found.ids.get_indexer(["i0"])], expected, atol=1e-5)


def test_items_without_any_text_have_their_image_alone(shop, model):
    table = pd.read_csv("data/items.csv").drop(columns="title")
    table.to_csv("data/items.csv", index=False)
    config = yaml.safe_load(Path("shop.yaml").read_text())
    del config["data"]["params"]["schema"]["columns"]["title"]
    run = causalkit.run(config, until="encode")
    expected = ClipEncoder(model=str(model)).encode([Multimodal("", f"data/{photo}") for photo in table["photo"]])
    found = run.embeddings.item
    np.testing.assert_allclose(found.vectors[found.ids.get_indexer(table["item"])], expected, atol=1e-5)


def test_a_log_without_images_is_refused_with_what_to_do(shop):
    config = yaml.safe_load(Path("shop.yaml").read_text())
    del config["data"]["params"]["schema"]["columns"]["photo"]
    with pytest.raises(ConfigError, match="no column of kind image"):
        causalkit.run(config, until="encode")


def test_no_image_at_all_is_refused_before_anything_is_encoded(shop, capsys):
    os.rename("data/photos", "elsewhere")
    code, _, err = call(capsys, "run", "shop.yaml", "-q")
    assert code == 1
    assert "not one of the 12 images of column 'photo' is there" in err
    assert "Traceback" not in err


def test_describing_the_log_says_which_images_are_missing(shop, capsys):
    os.remove("data/photos/3.png")
    rewritten([*photos()[:5], "../else.png", *photos()[6:]])
    code, out, _ = call(capsys, "data", "describe", "shop.yaml")
    assert code in (0, None)
    said = " ".join(out.split())
    assert "2 of 12 images of items (column 'photo') are not there, such as 'data/photos/3.png'" in said
    assert "1 of 12 images of column 'photo' lie outside the folder of data/items.csv, such as 'else.png'" in said


def test_init_guesses_columns_of_images(shop, capsys):
    table = pd.read_csv("data/items.csv").rename(columns={"photo": "thumb"})
    table["web"] = "https://example.com/a.JPG?w=9"
    table["title"] = [f"soap, and more words of sort {i}" for i in range(ITEMS)]
    table.to_csv("data/items.csv", index=False)
    code, out, err = call(capsys, "init", "data/log.csv", "--items", "data/items.csv", "--output", "-")
    assert code in (0, None), err
    assert "        thumb: {role: covariate, kind: image, description: thumb}   # read by encoders" in out
    assert "        # web: {role: covariate, kind: image, description: web}   # images are read from files" in out
    assert "use: clip" in out
    Path("made.yaml").write_text(out)
    assert call(capsys, "check", "made.yaml")[0] in (0, None)
    assert call(capsys, "data", "describe", "made.yaml")[0] in (0, None)


def test_new_items_are_read_with_their_images(shop, capsys, model):
    """Paths of a new file start from its own folder; an item without an image has its text alone."""
    assert call(capsys, "run", "shop.yaml", "-q")[0] in (0, None)
    Path("more").mkdir()
    Image.new("RGB", (20, 30), "blue").save("more/new.png")
    new = pd.DataFrame({"item": ["n1", "n2", "n3"], "title": ["a new soap", "", "a new soap"]})
    new.assign(photo=["new.png", "new.png", ""]).to_csv("more/items.csv", index=False)
    pd.DataFrame({"user": [1, 1, 1, 2], "item": ["n1", "n2", "n3", "i1"]}).to_csv("more/log.csv", index=False)
    code, out, err = call(
        capsys, "recommend", "latest", "--log", "more/log.csv", "--items", "more/items.csv", "-k", "9"
    )
    assert code in (0, None), err
    assert "n1" in out
    assert "2 of 3 new items lack a text or an image" in " ".join((out + err).split())
