"""Encoders in runs: what held encoders keep, what marks come to, which vectors serve whom, and new items."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pytest
from test_encode_step import Centred, Counted, Letters
from test_runner import SHOP

import causalkit as ck
from causalkit.cold_items import with_cold_items
from causalkit.components import Context, Declaration, component
from causalkit.config import load_config
from causalkit.errors import ComponentError
from causalkit.hookspecs import hookimpl
from causalkit.registry import Registry
from causalkit.serving import rows_of
from causalkit.steps.shelf import vector_stores
from causalkit.store.cache import Cache

SHARED = SHOP | {"estimate": {"use": "shared", "params": {"of": "difference-in-means"}}}


def declared() -> list[Declaration]:
    return [
        Declaration(part.__name__.lower(), f"{part.__module__}:{part.__name__}", "")
        for part in (Letters, Centred, Gives)
    ]


def config(encoder: Any) -> dict[str, Any]:
    return SHARED | {"encode": {"item": encoder}}


def run(folder: Path, encoder: Any, *overrides: str, until: str = "encode", **facts: Any) -> ck.Run:
    registry = Registry.discover()
    registry.add("tests", SimpleNamespace(causalkit_encoders=hookimpl(declared)))
    Counted.texts.clear()
    return ck.run(config(encoder), overrides=overrides, runs_dir=folder, registry=registry, until=until, **facts)


def items(run: ck.Run) -> Any:
    assert run.embeddings is not None
    assert run.embeddings.item is not None
    return run.embeddings.item


HOLDING = {"use": "centred", "params": {"of": "letters", "also": [{"use": "letters", "params": {"letters": "xyz"}}]}}


def test_encoders_that_are_held_encode_nothing_twice(tmp_path: Path) -> None:
    first = run(tmp_path, HOLDING)
    encoded = len(Counted.texts)
    texts = list(first.dataset.item_texts())
    assert encoded == 2 * len(set(texts))
    whole = np.concatenate([Letters().encode(texts), Letters(letters="xyz").encode(texts)], axis=1)
    assert items(first).vectors == pytest.approx(whole - whole.mean(axis=0))
    other = run(tmp_path, HOLDING, "encode.item.params.times=2.0")
    assert Counted.texts == []
    assert items(other).vectors == pytest.approx(2 * items(first).vectors)
    run(tmp_path, HOLDING, "encode.item.params.of.params.letters=abc")
    assert len(Counted.texts) == encoded // 2
    more = run(tmp_path, HOLDING, "data.params.items=13")
    new = set(more.dataset.item_texts()) - set(texts)
    assert set(Counted.texts) == new
    run(tmp_path, "letters")  # the same encoder by itself
    assert Counted.texts == []


def test_what_is_held_in_what_is_held_is_kept_too(tmp_path: Path) -> None:
    deep = {"use": "centred", "params": {"of": {"use": "centred", "params": {"of": "letters"}}}}
    first = run(tmp_path, deep)
    assert Counted.texts
    assert items(run(tmp_path, deep, "encode.item.params.times=3.0")).vectors == pytest.approx(3 * items(first).vectors)
    assert Counted.texts == []


def test_built_ins_that_hold_others_keep_them_too(tmp_path: Path) -> None:
    pca = {"use": "pca", "params": {"of": "letters", "dims": 3}}
    first = run(tmp_path, pca)
    assert Counted.texts
    second = run(tmp_path, pca, "encode.item.params.dims=2")
    assert Counted.texts == []
    assert items(second).vectors == pytest.approx(items(first).vectors[:, :2], abs=1e-6)
    beside = {"use": "concat", "params": {"of": ["letters", "lsa"]}}
    run(tmp_path, beside)
    assert Counted.texts == []


@component
class Gives:
    """Vectors and marks that it is told to give."""

    alone: bool = True
    "Whether it is pointwise."
    wrong: Literal["", "nan", "wider", "mark"] = ""
    "What is wrong with vectors of fewer than five inputs."
    input: ClassVar[str] = "texts"

    @property
    def pointwise(self) -> bool:
        return self.alone

    def fit(self, inputs: Any, *, context: Context = Context()) -> Gives:
        self.seen_ = len(inputs)
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        Counted.texts += list(inputs)
        rows = len(inputs)
        made = np.ones((rows, 3 if rows < 5 and self.wrong == "wider" else 2), np.float32)
        self.marks_ = {
            "truncated": np.array([len(text) % 2 == 1 for text in inputs]),
            "cosine": np.where(np.arange(rows) < 2, 0.98765, np.nan),
        }
        if rows < 5 and self.wrong == "nan":
            made[0] = np.nan
        if rows < 5 and self.wrong == "mark":
            self.marks_["truncated"] = np.zeros(99, bool)
        return made


@pytest.mark.parametrize("alone", [True, False])
def test_marks_become_notes_that_stay_with_the_vectors(tmp_path: Path, alone: bool) -> None:
    chosen = {"use": "gives", "params": {"alone": alone}}
    first = run(tmp_path, chosen)
    cut = sum(len(text) % 2 == 1 for text in first.dataset.item_texts())
    assert 0 < cut < 12
    said = (
        f"the texts of {cut} of 12 items were cut at the model's limit",
        "cosine with vectors at full precision: at least 0.9876, mean 0.9876, measured on 2 of 12 items",
    )
    assert items(first).notes == said
    again = run(tmp_path, chosen)
    assert Counted.texts == []
    assert items(again).notes == said
    kept = run(tmp_path, chosen, "data.params.weeks=7")  # another log, the same texts
    assert items(kept).notes == said
    assert bool(Counted.texts) == (not alone)
    assert items(ck.open_run(first.id, tmp_path)).notes == said


def test_vectors_that_were_kept_before_there_were_marks_serve_as_well(tmp_path: Path) -> None:
    from causalkit.store.journal import read_arrays, write_arrays

    run(tmp_path, {"use": "gives"})
    for place in (tmp_path / ".cache" / "vectors").rglob("*.safetensors"):
        shard = read_arrays(place)
        assert shard is not None
        write_arrays(place, {name: shard[0][name] for name in ("keys", "vectors")}, {})
    unmarked = run(tmp_path, {"use": "gives"}, "data.params.weeks=7")
    assert Counted.texts == []
    assert items(unmarked).notes == ()


def test_vectors_serve_the_same_encoder_on_the_same_kind_of_device_alone(tmp_path: Path, bert_folder: Path) -> None:
    def folders(device: str = "cpu", **params: Any) -> set[str]:
        chosen = {"use": "transformer", "params": {"model": str(bert_folder), **params}}
        read = load_config(config({"use": "pca", "params": {"of": chosen}}))
        found = vector_stores(Cache(tmp_path), read, ck.runner.default_registry(), Context(device=device))
        return {store.folder.name for store in found.values()}

    usual = folders()
    assert len(usual) == 1
    assert folders("cpu,cpu") == usual
    assert folders("cuda:1") == folders("cuda") == folders("cuda:0,cuda:1") != usual
    assert len({*usual, *folders("mps"), *folders(pooling="cls"), *folders(max_tokens=9)}) == 4


@pytest.fixture
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that look like a model's: nothing here loads them."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def new_items(run: ck.Run, *texts: str) -> pd.DataFrame:
    """Rows of the items table with those texts, all else as the first item has it."""
    table = run.dataset.items
    column = next(c.name for c in run.dataset.schema.columns if c.kind == "text")
    made = pd.DataFrame([table.iloc[0]] * len(texts), index=pd.Index([f"new-{i}" for i in range(len(texts))]))
    others = [c.name for c in run.dataset.schema.columns if c.kind == "text" and c.name in table and c.name != column]
    return made.assign(**{column: list(texts)}, **dict.fromkeys(others, ""))


@pytest.mark.parametrize("encoder", ["letters", "lsa", HOLDING], ids=["pointwise", "lsa", "held"])
def test_new_items_get_the_vectors_that_the_step_would_have_given(tmp_path: Path, encoder: Any) -> None:
    made = run(tmp_path, encoder, until="estimate")
    texts = list(made.dataset.item_texts())
    new = new_items(made, texts[3], "", texts[0] + " new", " ")
    Counted.texts.clear()
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / ".cache" / "vectors").rglob("*")}
    grown = with_cold_items(made, rows_of(made), new, Context(root_seed=made.config.seed))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / ".cache" / "vectors").rglob("*")} == before
    table = grown.embeddings.item
    assert list(table.ids) == [*items(made).ids, "new-0", "new-2"]
    assert (table.vectors[:12] == items(made).vectors).all()
    assert table.vectors[12] == pytest.approx(items(made).vectors[3], abs=1e-5)
    assert "2 of 4 new items have no text to encode" in grown.notes
    if encoder != "lsa":
        assert set(Counted.texts) == {texts[0] + " new"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [("nan", "with NaN or infinity for 1 of 2"), ("wider", "3 numbers for new items"), ("mark", r"mark `truncated`")],
)
def test_what_an_encoder_gives_wrongly_for_new_items_is_refused_by_name(tmp_path: Path, wrong: str, said: str) -> None:
    made = run(tmp_path, {"use": "gives", "params": {"alone": False, "wrong": wrong}}, until="estimate")
    with pytest.raises(ComponentError, match=f"encoder 'gives' of .* gave .*{said}"):
        with_cold_items(made, rows_of(made), new_items(made, "a", "b"), Context())
