"""A newcomer's own log, through the installed command: `init` writes what runs, and nothing in the data does harm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.command import causalkit
from tests.reporting.browser import Browser, chromium

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    '" onmouseover="alert(3)',
    "<svg onload=alert(4)>",
    "{{ 7*7 }}",
    "{% for x in y %}",
    "\u202eRTL override",
    "nul\x00byte",
    "emoji 🍓",
    "=cmd|' /C calc'!A0",
)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of users and items; age drives both exposure and clicks, and only the users file has it."""
    folder = tmp_path_factory.mktemp("clicks")
    rng = np.random.default_rng(7)
    n, users, items = 12_000, 400, 20
    user, item = rng.integers(0, users, n), rng.integers(0, items, n)
    age = rng.normal(size=users)
    shown = rng.random(n) < 1 / (1 + np.exp(-1.5 * age[user]))
    clicked = rng.random(n) < 0.2 + 0.1 * shown + 0.12 * np.tanh(age[user])
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 112 * 86400, n), unit="s")
    names = [PAYLOADS[k] if k < len(PAYLOADS) else f"thing {k}" for k in range(items)]
    log = {"user_id": user, "item_id": np.array(names)[item], "seen_at": at.astype(str)}
    pd.DataFrame(log | {"shown": shown.astype(int), "clicked": clicked.astype(int)}).to_parquet(folder / "log.parquet")
    pd.DataFrame({"user_id": range(users), "age": age}).to_csv(folder / "users.csv", index=False)
    titles = [f"{name} and more words of it" for name in names]
    pd.DataFrame({"item_id": names, "title": titles, "category": "</script>{{7*7}}"}).to_parquet(
        folder / "items.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def ran(clicks: Path) -> Path:
    """The folder of a run of what `init` wrote, as it wrote it."""
    made = causalkit("init", "log.parquet", "--items", "items.parquet", "--users", "users.csv", cwd=clicks)
    assert made.code == 0, made.err
    assert causalkit("check", "causalkit.yaml", cwd=clicks).code == 0
    done = causalkit("run", "causalkit.yaml", "--json", "-q", cwd=clicks)
    assert (done.code, done.err) == (0, "")
    assert done.json["schema_version"] == 1
    return clicks / done.json["path"]


def test_what_init_writes_runs_and_adjusts_for_what_the_users_file_holds(clicks: Path, ran: Path) -> None:
    estimand = json.loads((ran / "identify/estimands/object.json").read_text())[0]
    assert "age" in estimand["adjustment"]
    answer = causalkit("runs", "show", "latest", "--json", cwd=clicks).json
    assert answer["status"] == "done"
    effects = pd.read_parquet(ran / "refit/effects/item.parquet")["effect"]
    assert effects.mean() == pytest.approx(0.1, abs=0.04)  # unadjusted: about 0.18


def test_the_words_and_titles_of_the_log_are_used(clicks: Path, ran: Path) -> None:
    told = causalkit("explain", "latest", "--item", "thing 12", cwd=clicks)
    assert told.code == 0
    assert "thing 12 and more words of it was shown" in told.out
    assert "users clicked it that week" in " ".join(told.out.split())


@pytest.mark.parametrize("item", ["../x", "<script>", "thing", "\u202e"])
def test_fault_48_odd_names_of_items_and_users_are_only_names(clicks: Path, ran: Path, item: str) -> None:
    for asked in (("explain", "latest", "--item", item), ("recommend", "latest", "--user", item)):
        ended = causalkit(*asked, cwd=clicks)
        assert (ended.code, ended.out) == (2, "")
        assert "Traceback" not in ended.err


def test_fault_41_and_49_payloads_in_ids_titles_and_groups_stay_inert_in_the_report(ran: Path, tmp_path: Path) -> None:
    text = (ran / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "<img" not in text
    path = chromium()
    with Browser(path, tmp_path / "profile") as browser:
        browser.open((ran / "report.html").as_uri())
        assert browser.requests() == [(ran / "report.html").as_uri()]
        assert browser.complaints() == []
        handlers = "e => Array.from(e.attributes).some(a => a.name.startsWith('on'))"
        assert browser.value(f"Array.from(document.querySelectorAll('*')).filter({handlers}).length") == 0
        assert browser.value("document.images.length") == 0
        shown = browser.value("document.body.textContent")
    assert "<script>alert(1)</script>" in shown
    assert "{{ 7*7 }}" in shown


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_weekly_log_of_counts_is_read_as_one(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for item in range(16):
        for week in range(1, 41):
            campaign, rate = int(rng.random() < 0.4), 0.06 + 0.03 * np.sin(week / 8) + item * 0.001
            for segment in ("low", "high"):
                bought = rng.binomial(150, rate + 0.03 * campaign)
                rows += [(f"T{item}", week, segment, campaign, 1, bought)]
                rows += [(f"T{item}", week, segment, campaign, 0, 150 - bought)]
    frame = pd.DataFrame(rows, columns=["product", "week", "segment", "in_campaign", "bought", "households"])
    frame.to_csv(tmp_path / "log.csv", index=False) if suffix == "csv" else frame.to_parquet(tmp_path / "log.parquet")
    assert causalkit("init", f"log.{suffix}", cwd=tmp_path).code == 0
    text = (tmp_path / "causalkit.yaml").read_text()
    assert "in_campaign: {role: treatment, kind: binary, tier: 0" in text
    assert "tier: 1, description: bought}" in text
    assert "households: {role: weight" in text
    assert "assignment: [product, week]" in text
    assert "words: {units: households, period: week, exposed: shown, outcome: bought}" in text
    done = causalkit("run", "causalkit.yaml", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    effects = pd.read_parquet(tmp_path / done.json["path"] / "refit/effects/item.parquet")["effect"]
    assert effects.mean() == pytest.approx(0.03, abs=0.01)
    assert "Placebo exposures read" in done.json["recommendations"][0]["receipt"]


def test_every_role_that_is_missing_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    pd.DataFrame({"a": ["x", "y", "z"] * 9, "e": ["2024-01-05"] * 27, "c": [1.5, 2, 3] * 9}).to_csv(
        tmp_path / "odd.csv"
    )
    made = causalkit("init", "odd.csv", cwd=tmp_path)
    assert made.code == 0
    assert "e: {role: time" in (tmp_path / "causalkit.yaml").read_text()
    ended = causalkit("check", "causalkit.yaml", cwd=tmp_path)
    assert ended.code == 2
    assert "causalkit.yaml:8" in ended.err
    assert "no column has the role item or treatment or outcome" in ended.err
