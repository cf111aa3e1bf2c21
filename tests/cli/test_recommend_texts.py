"""`recommend --log`: texts of new items are held to what the run's were, and cleaned as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import causalkit as ck
from tests.cli.small_runs import config, write_log
from tests.command import call


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    write_log(made)
    ck.run(config(made, clean={"text": "plain"}), runs_dir=made / "runs")
    return made


def scored(folder: Path, capsys: Any, words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document, and the row of a new item with that text."""
    log = pd.DataFrame({"person": ["p001"], "thing": ["honey"], "words": [words], "kind": ["sweet"]})
    log.to_csv(folder / "new.csv", index=False)
    options = ("--log", folder / "new.csv", "--json", "--runs-dir", folder / "runs")
    code, out, err = call(capsys, "recommend", *options)
    assert code == 0, err
    document = json.loads(out)
    return document, next(row for row in document["recommendations"] if row["item"] == "honey")


def test_texts_of_new_items_are_made_plain_as_the_runs_were_and_counted(folder: Path, capsys: Any) -> None:
    told, marked = scored(folder, capsys, "<p>sweet&nbsp;and <b>sugary</b></p>")
    _, plain = scored(folder, capsys, "sweet and sugary")
    assert marked["effect"] == plain["effect"]
    assert "took HTML out in 'words' of 1 of 1 new items" in told["notes"]
