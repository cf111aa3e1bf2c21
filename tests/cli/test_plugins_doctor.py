"""`plugins doctor`: what is installed, what is wrong with it, and the command that mends it."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from tests.cli.strangers import Stranger, hooks


@pytest.fixture
def stranger(tmp_path):
    return Stranger(tmp_path, "stranger").with_hooks(
        hooks(("ranker", "theirs", "causalkit_plugins.rankers.uplift:Uplift"))
    )


def dist_info(stranger, name, version, *requires):
    """One more distribution where the stranger lies."""
    folder = stranger.path / f"{name}-{version}.dist-info"
    folder.mkdir()
    lines = [f"Requires-Dist: {line}\n" for line in requires]
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{''.join(lines)}")


def problems(stranger, **more):
    ended = stranger.command("plugins", "doctor", "--json", **more)
    assert ended.code == (0 if ended.json["sound"] else 1)
    assert ended.json["sound"] == (not ended.json["problems"])
    return {problem["what"]: problem["todo"] for problem in ended.json["problems"]}


def test_versions_are_those_of_causalkit_its_plugins_and_what_they_need(stranger):
    told = stranger.command("plugins", "doctor", "--json").json
    assert told["versions"]["stranger"] == "1.0"
    assert told["versions"]["pandas"] == pd.__version__
    assert "stranger" not in " ".join(p["what"] for p in told["problems"])


def test_a_requirement_that_is_not_met_is_told_with_what_mends_it(stranger):
    with (stranger.info / "METADATA").open("a") as file:
        file.write("Requires-Dist: no-such-thing>=2\nRequires-Dist: helper<2\n")
    dist_info(stranger, "helper", "2.1", "deep-thing>=1")
    found = problems(stranger)
    assert found["stranger needs no-such-thing>=2, which is not installed"] == "`pip install 'no-such-thing>=2'`"
    assert "`pip install 'helper<2'`" in found["stranger needs helper<2, and helper 2.1 is installed"]
    assert "helper needs deep-thing>=1, which is not installed" in found


def test_a_silent_downgrade_below_our_own_floor_is_told(stranger):
    dist_info(stranger, "dowhy", "0.12")
    found = problems(stranger)
    (told,) = [what for what in found if what.startswith("causalkit needs dowhy>=0.14")]
    assert "dowhy 0.12 is installed" in told
    assert "silently" in told
    doubled = next(what for what in found if what.startswith("dowhy is installed 2 times"))
    assert "0.12" in doubled


def test_broken_doubled_and_disabled_plugins_are_told(stranger):
    stranger.with_module("stranger_torn", "import no_such_library").also("causalkit", "torn = stranger_torn")
    twin = hooks(("ranker", "uplift", "causalkit_plugins.rankers.uplift:Uplift"))
    stranger.with_module("stranger_twin", twin).also("causalkit", "twin = stranger_twin")
    found = problems(stranger)
    torn = next(todo for what, todo in found.items() if "plugin torn of stranger" in what)
    assert "CAUSALKIT_DISABLE=torn" in torn
    assert found["2 rankers are named 'uplift'"] == "Write builtin:uplift or twin:uplift in a config."
    off = stranger.command("plugins", "doctor", "--json", CAUSALKIT_DISABLE="torn,twin,nobody").json
    assert {"torn of stranger", "twin of stranger"} <= set(off["disabled"])
    assert [p["what"] for p in off["problems"] if "nobody" in p["what"]]
    assert not [p["what"] for p in off["problems"] if "torn" in p["what"] or "uplift" in p["what"]]


def test_what_is_missing_comes_with_its_command_and_what_works_without(stranger, tmp_path):
    told = stranger.command("plugins", "doctor", "--json").json["missing"]
    for one in told:
        assert one["command"].startswith("pip install ")
        assert one["gives"]
    words = stranger.command("plugins", "doctor").out
    for one in told:
        assert one["command"] in words


def test_nothing_heavy_is_imported():
    code = (
        "import sys\nfrom causalkit.doctor import examine_installation\nexamine_installation()\n"
        "print([n for n in ('torch', 'numpy', 'pandas', 'pydantic', 'sklearn', 'dowhy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("text", [None, b"", b"\xff\xfe\x00"], ids=["missing", "empty", "no-text"])
def test_metadata_that_cannot_be_read_is_told_and_stops_nobody(stranger, text):
    (stranger.info / "METADATA").unlink()
    if text is not None:
        (stranger.info / "METADATA").write_bytes(text)
    assert f"the metadata in {stranger.info} cannot be read" in problems(stranger)
    listed = stranger.command("plugins", "list", "--json")
    assert (listed.code, listed.json["broken"]) == (0, [])
    assert {"uplift", "theirs"} <= {row["name"] for row in listed.json["components"]}


@pytest.mark.parametrize("text", [b"[causalkit]\nno value\n", b"[causalkit]\nx = \xff\n"], ids=["no-pair", "no-text"])
def test_entry_points_that_cannot_be_read_are_told_and_others_are_there(stranger, text):
    (stranger.info / "entry_points.txt").write_bytes(text)
    assert f"the metadata in {stranger.info} cannot be read" in problems(stranger)
    listed = stranger.command("plugins", "list", "--json")
    assert "uplift" in {row["name"] for row in listed.json["components"]}
    assert stranger.command("--help").code == 0
