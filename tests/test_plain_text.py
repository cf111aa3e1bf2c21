"""`clean: {text: plain}`: what is taken out and what is kept, all of it counted, and nothing takes long."""

from __future__ import annotations

import time
import unicodedata

import numpy as np
import pandas as pd
import pytest

from causalkit import preparation
from causalkit.config import CleanPlan
from causalkit.preparation.plain_text import plain, plain_column
from causalkit.text_census import census_of
from causalkit.types import Column, Dataset, Schema, Table

WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("<p>Fresh <b>oat</b>s</p><p>500 g</p>", "Fresh oats 500 g"),
        ("one<br/>two<br>three", "one two three"),
        ("H<sub>2</sub>O", "H2O"),
        ("<DIV\nclass='x'>in</DIV>out", "in out"),
        ("<img alt='a>b' src=x>after", "after"),
        ("<a href=x'>link</a> don't", "link don't"),
        ("<!-- said <b>nowhere</b> -->kept", "kept"),
        ("<script>if (a<b) { alert('</p>') }</script>kept", "kept"),
        ("<STYLE>p { color: red }</style >kept", "kept"),
        ("<![CDATA[ in <i>feeds</i> ]]>", "in feeds"),
        ("<!DOCTYPE html><?xml version='1.0'?>x", "x"),
        ("fish &amp; chips&nbsp;&#163;5 &#xA3;5", "fish & chips £5 £5"),
        ("&lt;b&gt;twice&lt;/b&gt;", "twice"),
        ("&amp;lt;b&amp;gt;thrice", "thrice"),
        ("<script>never closed", "never closed"),
        ("never <!-- closed", "never closed"),
        ("milk\x002%", "milk 2%"),
        ("\x1b[31mred", "[31mred"),
        ("zero\u200bwidth \ufeffand so\xadft", "zerowidth and soft"),
        ("\u202eegnaro\u202c \u2066x\u2069", "egnaro x"),
        ("hid\U000e0068\U000e0069den", "hidden"),
        ("x\u200dy", "xy"),
        ("<\u200bb>bold</b\u200b> &am\u200bp; <p&#x200d;>plain", "bold & plain"),
        ("e\u0301clair", "éclair"),
        (" a \t\n b\u00a0\u3000c ", "a b c"),
    ],
)
def test_what_is_taken_out(given: str, made: str) -> None:
    assert plain(given) == made
    assert plain(made) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 < 2 > 0",
        "a <3 b",
        "AT&T, R&D; and &more",
        "mail <joe@example.org>",
        "<5 kg",
        "👩\u200d👩\u200d👧 family ❤\ufe0f",
        f"{WALES} Wales",
        "می\u200cخواهم",
        "क्\u200dष",
        "قميص أحمر",
        "新鲜苹果",
        "ﬁne ½ ²",
        "half\ufffd",
    ],
)
def test_what_is_kept(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<", "<a", "<a ", '<a "', "<a '\"", "</", "<!", "<!--", "<![CDATA[", "]]>", "<?", "<div>", "<b></b>",
        "<script>", "<script></script", "<style>x</style>", "<a x='", "&", "&#", "&#1", "&amp;", "&amp", "a",
        " ", "\x01", "\u200b", "\u200d", "\u0301\u0316", "\U0001f3f4\U000e0067", "\u1100\u1161", "ق",
    ],
)  # fmt: skip
def test_a_megabyte_of_anything_is_made_plain_in_linear_time(piece: str) -> None:
    text = "a" + piece * (1_000_000 // len(piece))
    started = time.process_time()
    plain(text)
    assert time.process_time() - started < 5  # measured: at most 0.7


def test_a_number_of_a_million_digits_is_no_character() -> None:
    text = "&#" + "1" * 1_000_000 + ";"
    assert plain(text) == text


def test_marks_without_end_are_cut_at_thirty() -> None:
    assert plain("a" + "\u0316\u0301" * 100_000) == unicodedata.normalize("NFC", "a" + "\u0316\u0301" * 15)


def test_of_a_clean_text_the_census_has_nothing_to_say() -> None:
    found = census_of(pd.Series([plain("<p>&nbsp;\x00\u202e\x07 oat</p>")], name="t"))
    assert not (found.html or found.control or found.nul or found.invisible)


def log() -> Dataset:
    rows = pd.DataFrame(
        {"item": ["<b>1</b>", "2"] * 4, "user": list("aabbaabb"), "shown": [0, 1] * 4, "y": [0, 0, 1, 1] * 2}
    )
    rows = rows.astype({"item": "category", "user": "category"})
    columns = [Column("item", "item"), Column("user", "user"), Column("shown", "treatment"), Column("y", "outcome")]
    columns += [Column("title", "covariate", "text"), Column("bio", "covariate", "text"), Column("sort", "group")]
    items = pd.DataFrame(
        {"title": ["<p>oat</p>", "rye"], "sort": "<i>a</i>"}, index=pd.Index(["<b>1</b>", "2"], name="item")
    )
    users = pd.DataFrame({"bio": ["a  b", None]}, index=pd.Index(["a", "b"], name="user"))
    return Dataset(Table(rows), Schema(tuple(columns)), items, users)


def test_nothing_is_done_unless_asked() -> None:
    data = log()
    assert preparation.clean(data, CleanPlan()) == (data, ())


def test_texts_of_items_and_users_are_made_plain_and_counted_and_ids_stay() -> None:
    data, done = preparation.clean(log(), CleanPlan(text="plain"))
    assert list(data.items["title"]) == ["oat", "rye"]
    assert data.users["bio"].iloc[0] == "a b"
    assert data.users["bio"].isna().iloc[1]
    assert list(data.items.index) == ["<b>1</b>", "2"]
    assert list(data.items["sort"]) == ["<i>a</i>"] * 2
    assert data.interactions.frame().equals(log().interactions.frame())
    assert [(d.what, d.column, d.rows) for d in done] == [
        ("took HTML out", "title", 1),
        ("made each run of white space one space", "bio", 1),
    ]


@pytest.mark.parametrize("dtype", ["object", "inferred", "string", "category"])
def test_a_column_keeps_its_gaps_and_its_type(dtype: str) -> None:
    given = pd.Series(["ok", "<b>x</b>", None, "a  b", np.nan, "é", "<b>x</b>"], index=list("abcdefg"), name="t")
    given = given if dtype == "inferred" else given.astype(dtype)
    made, counted = plain_column(given)
    assert list(made.dropna()) == ["ok", "x", "a b", "é", "x"]
    assert list(made.isna()) == list(given.isna())
    assert made.dtype == (object if dtype == "category" else given.dtype)
    assert list(made.index) == list("abcdefg")
    assert counted == {"html": 2, "space": 1}
    assert list(given.dropna()) == ["ok", "<b>x</b>", "a  b", "é", "<b>x</b>"]


def test_a_column_of_plain_texts_is_given_back_as_it_is() -> None:
    texts = pd.Series([f"fresh red apples, {k} in a box" for k in range(200_000)], name="t")
    started = time.process_time()
    made, counted = plain_column(texts)
    assert made is texts
    assert counted == {}
    assert time.process_time() - started < 0.6  # measured: 0.1 s a million


def test_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    given = pd.Series(["<b>x</b>", None, "y", " z"] * 9, name="t")
    whole = plain_column(given)
    monkeypatch.setattr("causalkit.text_census._PART", 5)
    parted = plain_column(given)
    pd.testing.assert_series_equal(whole[0], parted[0])
    assert whole[1] == parted[1] == {"html": 9, "space": 9}
