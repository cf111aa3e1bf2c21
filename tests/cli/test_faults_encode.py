"""Faults of the encode step as a user meets them: by a stranger's encoder, under the installed command."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.cli.strangers import Stranger, hooks

CONFIG = {
    "data": {"use": "simulated", "params": {"users": 40, "items": 1300, "weeks": 4, "candidates": 5}},
    "split": {"by": "random"},
    "encode": {"item": "odd"},
    "estimate": "difference-in-means",
    "rank": "uplift",
}
ENCODER = """
import os, signal
from typing import Literal
import numpy as np
from causalkit.components import Context, component

@component
class Odd:
    '''Does something wrong after the first thousand texts, where there is a file named `wrong`.'''

    how: Literal["wider", "nan", "mark", "kill", "none"] = "none"
    "What."
    input = "texts"
    pointwise = True
    texts = 0

    def fit(self, inputs, *, context=Context()):
        return self

    def encode(self, inputs, *, context=Context()):
        how = self.how if self.texts and os.path.exists("wrong") else "none"
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        self.texts += len(inputs)
        with open("encoded", "a") as file:
            file.write(f"{len(inputs)}\\n")
        made = np.array([[len(t), t.count("e")] for t in inputs], np.float32)
        self.marks_ = {"truncated": np.array([len(t) > 60 for t in inputs])}
        if how == "wider":
            made = made[:, :1]
        if how == "nan":
            made[2, 1] = np.nan
        if how == "mark":
            self.marks_ = {"cut": np.zeros(len(inputs), bool)}
        return made
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    made = Stranger(tmp_path_factory.mktemp("odd"), "odd-texts").with_module("odd_texts_parts", ENCODER)
    (made.folder / "c.yaml").write_text(json.dumps(CONFIG))
    made.with_hooks(hooks(("encoder", "odd", "odd_texts_parts:Odd")))
    done = made.command("run", "c.yaml", "--until", "load", "-q")
    assert done.code == 0, done.err
    return made


@pytest.fixture
def odd(installed: Stranger) -> Stranger:
    """The plugin, with nothing kept but the log."""
    shutil.rmtree(installed.folder / "runs" / ".cache" / "vectors", ignore_errors=True)
    for place in (installed.folder / "runs" / ".cache" / "steps").glob("encode-*"):
        shutil.rmtree(place)
    (installed.folder / "encoded").write_text("")
    (installed.folder / "wrong").touch()
    return installed


def encoded(odd: Stranger) -> list[int]:
    """How many texts the encoder was given, call by call, since this was last asked."""
    place = odd.folder / "encoded"
    found = [int(line) for line in place.read_text().split()]
    place.write_text("")
    return found


def latest(odd: Stranger) -> Path:
    return max(p for p in (odd.folder / "runs").iterdir() if p.name[0] != ".")


SAID = {
    "wider": "gave vectors of 1 dimensions after some of 2",
    "nan": "gave vectors with NaN or infinity for 1 of ",
    "mark": "gave the mark 'cut'",
}


@pytest.mark.parametrize("how", SAID)
def test_fault_18_what_an_encoder_gives_is_refused_by_name_and_what_was_right_is_kept(odd: Stranger, how: str) -> None:
    ended = odd.command("run", "c.yaml", "-o", f"encode.item.params.how={how}", "--until", "encode")
    assert ended.code == 1
    assert f"encoder 'odd' of odd-texts 1.0 {SAID[how]}" in ended.err
    assert "Traceback" not in ended.err
    assert "causalkit run --resume" in ended.err.strip().splitlines()[-1]
    assert encoded(odd)[0] == 1024
    (odd.folder / "wrong").unlink()
    resumed = odd.command("run", "--resume", "--until", "encode", "-q")
    assert resumed.code == 0, resumed.err
    assert 1024 not in encoded(odd)


def test_fault_1_killed_in_the_middle_it_ends_as_if_nothing_had_happened(odd: Stranger) -> None:
    ended = odd.command("run", "c.yaml", "-o", "encode.item.params.how=kill", "--until", "encode")
    assert ended.code == -signal.SIGKILL
    assert encoded(odd) == [1024]
    (odd.folder / "wrong").unlink()
    resumed = odd.command("run", "--resume", "--until", "encode", "-q")
    assert resumed.code == 0, resumed.err
    assert len(encoded(odd)) == 1
    made = {p.name: p.read_bytes() for p in (latest(odd) / "encode" / "embeddings").iterdir()}
    shutil.rmtree(odd.folder / "runs" / ".cache" / "vectors")
    whole = odd.command("run", "c.yaml", "-o", "encode.item.params.how=kill", "--until", "encode", "--fresh")
    assert whole.code == 0, whole.err
    assert len(encoded(odd)) == 2
    assert {p.name: p.read_bytes() for p in (latest(odd) / "encode" / "embeddings").iterdir()} == made
    assert "items were cut at the model's limit" in (latest(odd) / "encode" / "embeddings" / "object.json").read_text()


def test_fault_50_a_damaged_shard_is_made_again_and_no_other(odd: Stranger) -> None:
    assert odd.command("run", "c.yaml", "--until", "encode", "-q").code == 0
    first = sum(encoded(odd))
    stores = odd.folder / "runs" / ".cache" / "vectors"
    largest = max(stores.rglob("*.safetensors"), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-9])
    for place in (odd.folder / "runs" / ".cache" / "steps").glob("encode-*"):
        shutil.rmtree(place)
    assert odd.command("run", "c.yaml", "--until", "encode", "-q").code == 0
    assert encoded(odd) == [1024]
    assert first > 1024


def test_faults_3_and_4_vectors_that_cannot_be_kept_are_said(odd: Stranger) -> None:
    (odd.folder / "runs" / ".cache" / "vectors").write_text("in the way")
    try:
        ended = odd.command("run", "c.yaml", "--until", "encode")
    finally:
        os.unlink(odd.folder / "runs" / ".cache" / "vectors")
    assert ended.code == 1
    assert "vectors cannot be kept in runs/.cache/vectors/" in ended.err
    assert "Free space or make the folder writable" in ended.err
    assert "Traceback" not in ended.err
