"""The census of texts: each sort is found and no other, scripts are told apart, and ten million texts are no burden."""

from __future__ import annotations

import sys
import time
import tracemalloc
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from causalkit.text_census import LONG, SORTS, TextCensus, census_of

HOLDS = {
    "placeholder": ["n/a", "N/A", " none ", "null", "-", "—", "?", "UNKNOWN", "#N/A", "\u00a0nil"],
    "html": [
        "a <b>b</b>",
        "<br/>",
        "x<BR>y",
        "<!-- c -->",
        "fish &amp; chips",
        "&#39;",
        "&#x27;",
        "<a href='x'>",
        "</p>",
    ],
    "emoji": ["🍓", "tea ☕", "❤\ufe0f", "🇬🇧", "👩\u200d👧", "5\ufe0f\u20e3"],
    "right_to_left": ["שלום", "قميص 12", "mixed سلام text", "ܫܠܡܐ"],
    "control": ["a\x01b", "esc\x1b[31m", "\x7f", "c1\x85"],
    "nul": ["milk\x002%", "\x00\x00x"],
    "invisible": [
        "zero\u200bwidth",
        "\ufeffbom",
        "so\u00adft",
        "\u202eabc",
        "x\u2066y",
        "hid\U000e0041den",
        "rlm\u200f",
    ],
    "garbled": ["half\ufffd", "CafÃ©", "â€œquotedâ€", "Â£5", "ï»¿start"],
}
LACKS = {
    "placeholder": ["nonesuch", "n/a here", "-5", "nullable", "unknown pleasures"],
    "html": ["a < b", "<3", "AT&T", "x<y", "fish & chips", "<joe@example.org>", "R&D;", "1 > 0", "&;", "<5 kg>"],
    "emoji": ["plain", "©", "™", "→", "½", "☃", "✓", "新鲜"],
    "right_to_left": ["abc", "新鲜", "Ελλάδα", "\u202eabc"],
    "control": ["tab\there", "line\nfeed\r\n", "é", "milk\x00"],
    "nul": ["0", "\\0", "\x01"],
    "invisible": ["می\u200cخواهم", "👩\u200d👧", "a b", "a\u00a0b"],
    "garbled": ["Café", "Ãgua", "Â", "â"],
}


def counts(*texts: object, dtype: str = "object") -> TextCensus:
    return census_of(pd.Series([*texts], name="title", dtype=dtype))


@pytest.mark.parametrize(("sort", "text"), [(sort, text) for sort, texts in HOLDS.items() for text in texts])
def test_a_text_of_a_sort_is_counted(sort: str, text: str) -> None:
    assert getattr(counts("plain", text, "plain too"), sort) == 1


@pytest.mark.parametrize(("sort", "text"), [(sort, text) for sort, texts in LACKS.items() for text in texts])
def test_a_text_that_is_none_of_a_sort_is_not(sort: str, text: str) -> None:
    assert getattr(counts(text, "plain"), sort) == 0


def test_every_sort_has_examples_of_both() -> None:
    assert set(HOLDS) == set(LACKS) == set(SORTS)
    assert set(SORTS) < {field.name for field in fields(TextCensus)}


@pytest.mark.parametrize("dtype", ["object", "inferred", "string", "category"])
def test_missing_blank_and_distinct_are_told_apart(dtype: str) -> None:
    values = ["a", "a", "b", "", " \t\u3000", "\u200b", None, np.nan]
    given = pd.Series(values, name="t")  # text is `str` in pandas 3, object before
    found = census_of(given if dtype == "inferred" else given.astype(dtype))
    assert (found.texts, found.missing, found.blank, found.distinct) == (8, 2, 3, 5)
    assert found.scripts == {"Latin": 3}


@pytest.mark.parametrize(
    ("given", "script"),
    [
        ("Crème brûlée №5", "Latin"),
        ("Ελλάδα abc", "Greek"),
        ("молоко 2%", "Cyrillic"),
        ("שלום", "Hebrew"),
        ("قميص", "Arabic"),
        ("新鲜苹果", "Han"),
        ("新鮮なりんご", "Kana"),
        ("日本語テスト", "Kana"),
        ("한국 漢字 시장", "Hangul"),
        ("नमस्ते", "Devanagari"),
        ("ไทย", "Thai"),
        ("ᚠᚢᚦ", "other"),
        ("ሰላም", "other"),
        ("2 × 3 = 6 😀", "no letters"),
        ("☃ 12", "no letters"),
        ("brand новый красный", "Cyrillic"),
        ("µ-fibre", "Latin"),
    ],
)
def test_the_main_script_of_a_text(given: str, script: str) -> None:
    assert counts(given).scripts == {script: 1}


def test_several_scripts_and_their_shares() -> None:
    found = counts("fresh apples", "свежие яблоки и tea", "日本語テスト", "한국 漢字", "свежие яблоки", "tea ☕", "12")
    assert found.several_scripts == 1
    assert found.scripts == {"Latin": 2, "Cyrillic": 2, "Kana": 1, "Hangul": 1, "no letters": 1}


def test_long_texts_and_the_longest() -> None:
    found = counts("x" * LONG, "ق" * (LONG + 1), "short")
    assert (found.long, found.longest) == (1, LONG + 1)


def test_numbers_among_texts_and_half_characters_are_counted_and_do_no_harm() -> None:
    found = counts("text", 7, 2.5, None, "\ud83d half")
    assert (found.texts, found.not_text, found.missing, found.garbled, found.distinct) == (5, 2, 1, 1, 4)
    assert census_of(pd.Series([1.5, np.nan, 3.0], name="t")).not_text == 2


def test_nothing_to_count() -> None:
    assert counts() == TextCensus("title", "items")
    assert counts(None, None) == TextCensus("title", "items", texts=2, missing=2)


def test_parts_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [text for texts in (*HOLDS.values(), *LACKS.values()) for text in texts] + [None, "", 7] * 5
    whole = counts(*values)
    monkeypatch.setattr("causalkit.text_census._PART", 7)
    assert counts(*values) == whole


def test_a_million_short_texts_take_seconds_and_never_become_python_strings_at_once() -> None:
    texts = pd.Series([f"fresh red apples, {k} in a box" for k in range(200_000)], name="t")
    mixed = pd.Series([f"新鲜的红苹果和绿色 قميص {k}" for k in range(50_000)], name="t")
    for values, most in ((texts, 5), (mixed, 20)):  # measured: 0.8 and 5 s a million
        started = time.process_time()
        found = census_of(values)
        assert (time.process_time() - started) / len(values) * 1e6 < most
        assert found.distinct == found.texts == len(values)
    if isinstance(texts.dtype, pd.StringDtype):
        tracemalloc.start()
        census_of(texts)
        most_held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most_held < 0.5 * 200_000 * sys.getsizeof(texts[0])


@pytest.mark.parametrize("piece", ["<", "<a ", "&", "&#1", "<!--", "-", "n/a ", "\u200b", "ق", "\u0301", "Ã"])
def test_a_megabyte_of_anything_is_counted_in_linear_time(piece: str) -> None:
    started = time.process_time()
    found = counts(*[piece * (1_000_000 // len(piece))] * 3)
    assert time.process_time() - started < 5  # measured: at most 0.3
    assert found.long == 3
