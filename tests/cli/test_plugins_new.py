"""`causalkit plugins new`: what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import call, causalkit


def test_it_says_what_was_made_and_what_to_do_next(tmp_path: Path) -> None:
    done = causalkit("plugins", "new", "sure-gain", "--kind", "ranker", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Made causalkit-sure-gain in causalkit-sure-gain:")
    assert "pip install -e 'causalkit-sure-gain[test]'" in done.out
    assert "python -m pytest causalkit-sure-gain" in done.out
    assert "causalkit run shop -o rank=sure-gain" in done.out
    assert (tmp_path / "causalkit-sure-gain/src/causalkit_sure_gain/sure_gain.py").is_file()


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "not there" / "yet"
    code, out, err = call(capsys, "plugins", "new", "mine", "--kind", "encoder", "--out", place, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["select"] == "encode: {item: mine}"
    assert told["folder"] == str(place / "causalkit-mine")
    assert all((place / "causalkit-mine" / path).is_file() for path in told["files"])
    assert "encode.item=mine" in told["next"][-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mine", "--kind", "ranke"), "did you mean 'ranker'?"),
        (("Mine", "--kind", "ranker"), "such as 'mine'"),
        (("uplift", "--kind", "ranker"), "causalkit has a ranker named 'uplift' already"),
        (("mine",), "Missing option '--kind'"),
    ],
)
def test_what_it_refuses(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, "plugins", "new", *arguments, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert said in err
    assert not (tmp_path / "out").exists()


def test_a_plugin_that_is_there_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "plugins", "new", "mine", "--kind", "metric", "--out", tmp_path)[0] == 0
    file = tmp_path / "causalkit-mine" / "README.md"
    file.write_text("mine", encoding="utf-8")
    code, _, err = call(capsys, "plugins", "new", "mine", "--kind", "metric", "--out", tmp_path)
    assert code == 2
    assert "already there" in err
    assert file.read_text(encoding="utf-8") == "mine"
