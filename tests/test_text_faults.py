"""Fault 39, bad and odd texts, through the installed command: each stands, is counted, and is said where users look."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit import preparation
from causalkit.errors import DataError
from causalkit.reporting.html import render_report
from causalkit.reporting.words import clean
from causalkit.run_handle import Run
from causalkit.runner import open_run
from causalkit.types import Column, Dataset, Schema, Table
from tests.command import causalkit
from tests.odd_texts import MEGABYTE, TEXTS, ids, write_log
from tests.reporting import sample
from tests.reporting.browser import Browser, chromium

COUNTED = {
    "missing": {".csv": 2, ".parquet": 1},  # a CSV cannot tell an empty text from a missing one
    "blank": {".csv": 1, ".parquet": 2},
    "placeholder": 1,
    "html": 5,
    "emoji": 1,
    "right_to_left": 4,
    "control": 1,
    "nul": 1,
    "invisible": 3,
    "garbled": 1,
    "long": 5,
    "longest": MEGABYTE,
}


NUL_IN_CSV = pytest.mark.skipif(int(pd.__version__[0]) < 3, reason="pandas 2 cuts texts at NUL: `tables` refuses it")


@pytest.fixture(scope="module", params=[pytest.param(".csv", marks=NUL_IN_CSV), ".parquet"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("odd")
    write_log(made, request.param)
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of everything, over Parquet."""
    made = tmp_path_factory.mktemp("ran")
    write_log(made, ".parquet")
    done = causalkit("run", "config.yaml", "--json", "-q", cwd=made)
    assert (done.code, done.err) == (0, "")
    assert len(done.out) < 200_000
    assert any(note.startswith("column 'title' (text of") for note in done.json["notes"])
    return made / done.json["path"]


def test_every_sort_of_text_is_counted_and_the_numbers_are_told(folder: Path) -> None:
    suffix = next(folder.glob("log.*")).suffix
    told = causalkit("data", "describe", "config.yaml", "--json", cwd=folder)
    assert (told.code, told.err) == (0, "")
    found = told.json["texts"][0]
    expected = {sort: n[suffix] if isinstance(n, dict) else n for sort, n in COUNTED.items()}
    assert {sort: found[sort] for sort in expected} == expected
    assert found["scripts"]["Arabic"] == 3
    assert set(found["scripts"]) >= {
        "Latin",
        "Hebrew",
        "Cyrillic",
        "Greek",
        "Han",
        "Kana",
        "Hangul",
        "Thai",
        "Devanagari",
    }
    shown = causalkit("data", "describe", "config.yaml", cwd=folder)
    words = " ".join(shown.out.split())
    assert "5 with HTML" in words
    assert "1 with NUL" in words
    assert "`clean: {text: plain}` takes HTML, control and invisible characters out" in words
    assert "\x1b" not in shown.out


@pytest.fixture(params=[pytest.param(".csv", marks=NUL_IN_CSV), ".parquet"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """A run over either sort of file; over Parquet the one of everything."""
    if request.param == ".parquet":
        whole = request.getfixturevalue("ran")
        return open_run(whole.name, whole.parent)
    write_log(tmp_path, request.param)
    done = causalkit("run", "config.yaml", "--until", "encode", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    return open_run("latest", tmp_path / "runs")


def test_the_run_stands_vectors_are_finite_and_notes_are_kept(run: Run) -> None:
    vectors = run.embeddings.item.vectors
    assert vectors.shape[0] == len(TEXTS)
    assert np.isfinite(vectors).all()
    assert list(run.dataset.items.index) == ids()
    kept = run.dataset.items["title"]
    assert kept["i13"] == "milk\x002%"
    assert len(kept["i30"]) == MEGABYTE
    notes = " ".join(run.folder.load("load/facts").notes)
    assert f"column 'title' (text of {len(TEXTS)} items): " in notes
    assert "5 longer than 100,000 characters (the longest 1,000,000)" in notes


def test_texts_made_plain_are_counted_and_then_nothing_is_left_to_say_of_them(tmp_path: Path) -> None:
    write_log(tmp_path, ".parquet")
    done = causalkit("run", "config.yaml", "-o", "clean.text=plain", "--until", "encode", cwd=tmp_path)
    assert done.code == 0, done.err
    run = open_run("latest", tmp_path / "runs")
    titles = dict(zip(TEXTS, run.dataset.items["title"], strict=True))
    assert titles["html"] == "rye bread & butter"
    assert titles["escaped"] == "dark rye"
    assert titles["nul"] == "milk 2%"
    assert titles["emoji"] == TEXTS["emoji"]
    assert titles["persian"] == TEXTS["persian"]
    assert titles["megabyte of tags"] == ""
    assert titles["megabyte of brackets"] == TEXTS["megabyte of brackets"]
    facts = run.folder.load("load/facts")
    assert ("took HTML out: title", 5) in facts.cleaning
    assert not re.search("HTML|NUL|invisible", " ".join(facts.notes))
    assert np.isfinite(run.embeddings.item.vectors).all()


class Checked(HTMLParser):
    """Whether a page's elements close in order, and which attributes they have."""

    VOID = frozenset(("meta", "link", "br", "input"))
    OPEN = frozenset(("p", "li", "td", "tr", "th", "dt", "dd", "tbody", "thead", "tfoot"))  # may stay open

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.wrong: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.stack and self.stack[-1] != tag and self.stack[-1] in self.OPEN:
            self.stack.pop()
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def test_the_report_is_small_whole_and_inert(ran: Path) -> None:
    page = (ran / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 300_000
    found = Checked(page)
    assert (found.wrong, found.stack, found.handlers) == ([], [], [])
    assert page.count("<script>") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x00" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "34 items): 1 missing, 2 blank" in page
    assert page.index("34 items): 1 missing") < page.index('id="graph"')


def test_receipts_are_short_and_every_item_has_a_name_to_be_seen(ran: Path) -> None:
    run = open_run(ran.name, ran.parent)
    texts = [receipt.text for receipt in run.explanation]
    assert max(map(len, texts)) < 1_000
    assert all(clean(text) == text for text in texts)
    named = run.dataset.item_labels()
    blank = [list(TEXTS).index(sort) for sort in ("no width", "empty", "missing")]
    assert [named.iloc[at] for at in blank] == [ids()[at] for at in blank]
    about = {text.split()[1] for text in texts}
    assert {ids()[at] for at in blank} <= about


def test_right_to_left_names_do_not_turn_what_stands_beside_them(ran: Path, tmp_path: Path) -> None:
    path = chromium()
    with Browser(path, tmp_path / "profile") as browser:
        browser.view(1300, 1500)
        browser.open((ran / "report.html").as_uri())
        assert browser.complaints() == []
        assert browser.value("document.documentElement.scrollWidth <= window.innerWidth")
        holders = "Array.from(document.querySelectorAll('main *')).filter(e => /[֐-ࣿ]/.test(Array.from(e.childNodes)"
        holders += ".filter(n => n.nodeType === 3).map(n => n.data).join('')))"
        assert browser.value(f"{holders}.length") >= 4
        loose = f"{holders}.filter(e => !e.closest('bdi') && !e.closest('svg')).map(e => e.outerHTML.slice(0, 200))"
        assert browser.value(loose) == []
        told = "Array.from(document.querySelectorAll('.receipt-text bdi'))"
        assert set(browser.value(f"{told}.map(e => getComputedStyle(e).direction)")) == {"ltr"}


def test_what_encoders_met_is_said_where_the_report_tells_of_text() -> None:
    from dataclasses import replace

    page = render_report(
        replace(sample.view(), met=("mini: the texts of 12 of 812 items were cut at the model's limit",))
    )
    told = page[page.index('id="text"') : page.index('id="held-out"')]
    assert "mini: the texts of 12 of 812 items were cut" in told
    assert "were cut" not in render_report(sample.view())


def test_what_stands_between_backticks_in_a_note_is_set_as_code_and_nothing_else_is_markup() -> None:
    notes = ("of texts: `clean: {text: plain}` takes <b> out", "column 'a`b' is odd")
    view = sample.view()
    page = render_report(replace(view, dataset=replace(view.dataset, notes=notes)))
    assert "of texts: <code>clean: {text: plain}</code> takes &lt;b&gt; out" in page
    assert "column &#39;a`b&#39; is odd" in page


def test_a_report_says_how_to_measure_what_text_adds() -> None:
    view = sample.view()
    assert "<code>evaluate: [held-out-error]</code> measures it" not in render_report(view)
    page = render_report(replace(view, text=replace(view.text, with_text=float("nan"), without_text=float("nan"))))
    assert "<code>evaluate: [held-out-error]</code> measures it" in page


def test_a_receipt_that_begins_with_a_right_to_left_name_is_still_read_from_left_to_right() -> None:
    view = sample.view()
    told = tuple(replace(receipt, text="قميص was never shown in the data.") for receipt in view.explanation)
    page = render_report(replace(view, explanation=replace(view.explanation, receipts=told)))
    assert page.count('<bdi dir="ltr">قميص was never shown') > 5
    assert "<bdi>قميص was never shown" not in page


def log(texts: list[object], dtype: str | None = "object") -> Dataset:
    item = pd.Categorical(["a", "b"] * 8, categories=["a", "b"])
    rows = pd.DataFrame({"item": item, "shown": [0, 0, 1, 1] * 4, "y": [0, 1, 1, 1, 1, 0, 0, 1] * 2})
    columns = (Column("item", "item"), Column("shown", "treatment"), Column("y", "outcome"))
    items = pd.DataFrame({"title": pd.Series(texts, index=["a", "b"], dtype=dtype)})
    return Dataset(Table(rows), Schema((*columns, Column("title", "covariate", "text")), ("item",)), items)


@pytest.mark.parametrize(
    ("value", "said", "todo"),
    [
        (b"bytes", "holds bytes, such as b'bytes'", "Decode it as UTF-8"),
        (["a", "list"], "holds list, such as ['a', 'list']", "one text"),
        ({"a": 1}, "holds dict", "one text"),
        (np.array(["a", "b"]), "holds ndarray", "one text"),
        (object(), "holds object", "one text"),
        ("\ud83d half", "holds half a character (a lone surrogate), such as in the text of 'b'", "utf-16"),
        (b"x" * MEGABYTE, "holds bytes, such as b'xxx", "Decode it as UTF-8"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_text_is_refused_with_what_to_do(value: object, said: str, todo: str) -> None:
    for texts in ([value, value], ["fine", value], [None, value]) if not isinstance(value, str) else (["fine", value],):
        with pytest.raises(DataError) as raised:
            preparation.check(log(texts))
        told = str(raised.value)
        assert f"column 'title' (text of items) {said}" in told
        assert todo in told
        assert len(told) < 400
        told.encode()


@pytest.mark.parametrize("value", [7, 2.5, True, pd.Timestamp("2024-05-31")], ids=str)
def test_numbers_and_dates_are_read_as_they_are_written_and_said(value: object) -> None:
    data = log(["text", value])
    preparation.check(data)
    assert preparation.text_notes(data) == (
        "column 'title' (text of 2 items): 1 no text but numbers or dates, read as written",
    )
    assert list(data.item_texts()) == ["text", str(value)]


@pytest.mark.parametrize("dtype", ["object", "string", "category", None])
def test_of_plain_texts_nothing_is_said(dtype: str | None) -> None:
    data = log(["oat bars", "Crème brûlée"], dtype)
    preparation.check(data)
    assert preparation.text_notes(data) == ()


def test_a_few_texts_in_another_script_are_not_worth_a_note() -> None:
    items = pd.DataFrame({"title": ["bread"] * 199 + ["хлеб"]})
    data = Dataset(Table(pd.DataFrame()), Schema((Column("title", "covariate", "text"),)), items)
    assert preparation.text_notes(data) == ()
    mixed = Dataset(data.interactions, data.schema, pd.DataFrame({"title": ["bread"] * 3 + ["хлеб"]}))
    assert "written in Latin 75 %, Cyrillic 25 %" in preparation.text_notes(mixed)[0]
    assert "a multilingual model reads them all" in preparation.text_notes(mixed)[1]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_bytes_that_are_no_utf8_are_refused(tmp_path: Path, suffix: str) -> None:
    write_log(tmp_path, suffix, rows=50)
    if suffix == ".csv":
        (tmp_path / "items.csv").write_bytes(b"item,title\ni00,caf\xe9\n")
    else:
        import pyarrow as pa
        from pyarrow import parquet

        broken = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
        parquet.write_table(pa.table({"item": ["i00"], "title": broken}), tmp_path / "items.parquet")
    done = causalkit("run", "config.yaml", "--until", "load", cwd=tmp_path)
    assert done.code == 1
    assert "UTF-8" in done.err
    assert "Traceback" not in done.err
    assert json.loads((open_run("latest", tmp_path / "runs").path / "manifest.json").read_text())["status"] == "failed"
