"""Encoders that hold encoders, from a config: what is wrong is told by its path, and nothing is encoded twice."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from causalkit_plugins.encoders.hashing import Hashing
from test_runner import SHOP, registry_with

import causalkit as ck
from causalkit.components import Context, component
from causalkit.config import Selection, load_config
from causalkit.errors import ConfigError, Interrupted
from causalkit.steps.keys import component_key

YAML = """
data: {{use: simulated, params: {{users: 60, items: 12, weeks: 8}}}}
split: {{by: random}}
encode:
  item:
    use: pca
    params:
      of: {{use: concat, params: {{of: {}}}}}
      dims: 3
estimate: {{use: shared, params: {{of: difference-in-means}}}}
rank: uplift
"""


@component
class Counted(Hashing):
    """Hashed words; counts the texts that it is given, and stops when it is told."""

    given: ClassVar[list[str]] = []
    stops: ClassVar[bool] = False

    salt: Path | None = None
    "A file that vectors hang on."

    def fingerprint(self, *, context: Context = Context()):
        return self.salt.read_text() if self.salt else ""

    def encode(self, inputs, *, context: Context = Context()):
        if type(self).stops:
            raise Interrupted("stopped by the test")
        type(self).given.extend(inputs)
        return super().encode(inputs, context=context)


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(Counted, "given", [])
    return registry_with(counted=("encoder", Counted))


def problems(tmp_path, parts):
    path = tmp_path / "mine.yaml"
    path.write_text(YAML.format(parts))
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    return [f"{problem.path}{problem.message}" for problem in raised.value.problems]


OF = "encode.item.params.of.params.of"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ("[hashing, lsaa]", [f"{OF}.1 = 'lsaa': no such encoder; did you mean 'lsa'?"]),
        ("[{use: lsa, params: {dimz: 3}}]", [f"{OF}.0.params.dimz = 3: no such parameter; did you mean 'dims'?"]),
        ("[lsa, {use: pca, params: {dims: 2}}]", [f"{OF}.1.params.of: required, and missing"]),
        (
            "[{use: pca, params: {of: {use: hashing, params: {dims: 0}}}}, lsa]",
            [f"{OF}.0.params.of.params.dims = 0: must be greater than or equal to 1"],
        ),
    ],
)
def test_what_is_wrong_with_a_part_is_told_by_its_path_and_nothing_else(tmp_path, parts, told):
    assert problems(tmp_path, parts) == told


def test_parts_that_no_input_suits_are_refused_before_anything_runs(tmp_path):
    told = problems(tmp_path, "[lsa, behaviour]")
    assert len(told) == 1
    assert told[0].startswith(f"{OF}: these read histories, texts, and no input is all of that")


def key(registry, parts):
    selection = Selection("pca", {"of": {"use": "concat", "params": {"of": parts}}})
    return component_key(registry, "encoder", selection, Context())


def test_the_key_hangs_on_what_is_held_however_deep_and_on_the_files_it_reads(registry, tmp_path):
    salt = tmp_path / "salt"
    salt.write_text("one")
    counted = {"use": "counted", "params": {"salt": str(salt)}}
    plain = key(registry, ["lsa", counted])
    assert plain == key(registry, ["lsa", counted])
    assert plain != key(registry, [counted, "lsa"])
    assert plain != key(registry, [{"use": "lsa", "params": {"dims": 3}}, counted])
    salt.write_text("another")
    assert plain != key(registry, ["lsa", counted])


def config(dims=3, weights=(1, 2)):
    concat = {
        "use": "concat",
        "params": {"of": [{"use": "lsa", "params": {"dims": 4}}, "counted"], "weights": [*weights]},
    }
    return SHOP | {
        "encode": {"item": {"use": "pca", "params": {"of": concat, "dims": dims}}},
        "estimate": {"use": "shared", "params": {"of": "difference-in-means"}},
    }


def test_a_run_with_it_resumes_and_encodes_nothing_twice(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(Counted, "stops", True)
    with pytest.raises(Interrupted):
        ck.run(config(), runs_dir=tmp_path / "a", registry=registry)
    monkeypatch.setattr(Counted, "stops", False)
    resumed = ck.run(resume="latest", runs_dir=tmp_path / "a", registry=registry)
    texts = len(Counted.given)
    assert texts == len(set(Counted.given)) <= 12
    whole = ck.run(config(), runs_dir=tmp_path / "b", registry=registry)
    assert len(Counted.given) == 2 * texts
    one, other = resumed.embeddings.item, whole.embeddings.item
    assert one.vectors.shape == (12, 3)
    np.testing.assert_array_equal(one.vectors, other.vectors)
    for changed in (config(dims=2), config(weights=(1, 1))):
        ck.run(changed, runs_dir=tmp_path / "b", registry=registry)
    assert len(Counted.given) == 2 * texts, "vectors that were kept were made again"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "concat",
            ["of: list of encoders  (required)", 'input: What all its encoders read; "multimodal" where they differ.'],
        ),
        ("pca", ["of: an encoder  (required)", "input: What the encoder that it holds reads."]),
    ],
)
def test_describe_says_what_it_holds_and_what_its_input_hangs_on(name, lines, capsys):
    from causalkit.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["describe", "encoder", name])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    for line in lines:
        assert line in out
