"""Plugin faults 14-21, each by a stranger's distribution under the installed command: what it says, what goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.odd_parts import ODD
from tests.cli.strangers import Stranger, hooks
from tests.command import causalkit

CONFIG = {
    "data": {"use": "simulated", "params": {"users": 60, "items": 8, "weeks": 6}},
    "split": {"by": "random"},
    "encode": {"item": {"use": "lsa", "params": {"dims": 4}}},
    "discover": "pc",
    "estimate": "difference-in-means",
    "refute": ["permutation"],
    "rank": "uplift",
    "explain": "receipt",
    "evaluate": ["ndcg@3"],
}
SECTION = {
    "dataset": "data",
    "encoder": "encode",
    "discoverer": "discover",
    "estimator": "estimate",
    "refuter": "refute",
    "ranker": "rank",
    "metric": "evaluate",
    "explainer": "explain",
}
STEP = {"dataset": "load", "encoder": "encode", "discoverer": "discover", "estimator": "estimate"}
STEP |= {"refuter": "refute", "ranker": "rank", "metric": "evaluate", "explainer": "explain"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a config and a run of it, whose steps later runs need not do again."""
    made = tmp_path_factory.mktemp("strangers")
    (made / "c.yaml").write_text(json.dumps(CONFIG))
    done = causalkit("run", "c.yaml", "-q", cwd=made)
    assert done.code == 0, done.err
    return made


HOOK = "from causalkit.hookspecs import hookimpl\n@hookimpl"


class Installed(Stranger):
    """A stranger installed beside a run that was made before."""

    @property
    def path(self) -> Path:
        return self.folder / f"site-{self.distribution}"

    def still_runs(self) -> None:
        """A run that does not use it goes to its end."""
        done = self.command("run", "c.yaml", "--json")
        assert done.code == 0, done.err
        assert done.json["status"] == "done"

    def listed(self, **more: str):
        """What `plugins list` says of what is broken: reason by plugin."""
        ended = self.command("plugins", "list", "--json", **more)
        assert ended.code == 0, ended.err
        assert "uplift" in {row["name"] for row in ended.json["components"]}
        return {broken["plugin"]: broken["reason"] for broken in ended.json["broken"]}


@pytest.fixture(scope="module")
def odd(folder):
    """A distribution with a component for each fault of what components do."""
    made = Installed(folder, "odd-parts", "2.1")
    rows = [(kind, name, f"odd_parts_all:Odd_{name}") for name, (kind, _) in ODD.items()]
    rows += [
        ("estimator", name.lower(), f"odd_parts_all:{name}") for name in ("Noisy", "Exits", "Raises", "Unsettling")
    ]
    rows += [("estimator", name.lower(), f"odd_parts_all:{name}") for name in ("Columns", "Arrays", "Vectors")]
    made.with_module("odd_parts_all", Path(__file__).with_name("odd_parts.py").read_text())
    return made.with_hooks(hooks(*rows))


def test_fault_14_a_plugin_that_lacks_a_library_is_broken_and_runs_go_on(folder):
    torn = Installed(folder, "torn").with_hooks(hooks(before="import no_such_library"))
    assert torn.listed()["torn"] == "failed to import: ModuleNotFoundError: No module named 'no_such_library'"
    torn.still_runs()


EXITS = {
    "exits": ("raise SystemExit(3)", "failed to import: SystemExit: 3"),
    "stops": ("raise KeyboardInterrupt", "failed to import: KeyboardInterrupt"),
    "leaves": ("raise GeneratorExit('gone')", "failed to import: GeneratorExit: gone"),
    "late": (
        f"import sys\n{HOOK}\ndef causalkit_rankers():\n    sys.exit('never')",
        "hook causalkit_rankers raised SystemExit: never",
    ),
}


def test_fault_15_plugins_that_exit_take_nothing_along(folder):
    made = Installed(folder, "exiting")
    for name, (source, _) in EXITS.items():
        made.with_module(f"exiting_{name}", source).also("causalkit", f"{name} = exiting_{name}")
    assert made.listed() == {name: said for name, (_, said) in EXITS.items()}
    made.still_runs()


def test_fault_15_one_that_ends_the_process_is_found_out_and_can_be_disabled(folder):
    made = Installed(folder, "slams").with_hooks("import os\nos._exit(7)")
    assert made.command("plugins", "list").code == 7
    found = made.command("plugins", "doctor", "--json")
    assert found.code == 1
    told = next(p for p in found.json["problems"] if "slams" in p["what"])
    assert "ended the process with exit code 7" in told["what"]
    assert "CAUSALKIT_DISABLE=slams" in told["todo"]
    assert made.listed(CAUSALKIT_DISABLE="slams") == {}
    assert made.command("run", "c.yaml", "-q", CAUSALKIT_DISABLE="slams").code == 0
    assert made.command("--no-plugins", "run", "c.yaml", "-q").code == 0


def test_fault_15_a_component_that_exits_fails_its_step_and_says_whose_it_is(odd):
    ended = odd.command("run", "c.yaml", "-o", "estimate=exits", "--until", "estimate")
    assert ended.code == 1
    assert "step 'estimate' failed (item: exits): SystemExit: 0" in ended.err
    assert "estimator exits (of odd-parts 2.1)" in ended.err
    assert "causalkit run --resume" in ended.err.strip().splitlines()[-1]


def test_fault_16_a_doubled_name_is_an_error_only_where_the_bare_name_is_used(folder):
    twin = Installed(folder, "twin").with_hooks(hooks(("ranker", "uplift", "causalkit_plugins.rankers.uplift:Uplift")))
    bare = twin.command("run", "c.yaml")
    assert bare.code == 2
    assert "two rankers are named 'uplift': from causalkit and twin" in bare.err
    assert "Write builtin:uplift or twin:uplift" in bare.err
    for said in ("builtin:uplift", "twin:uplift"):
        done = twin.command("run", "c.yaml", "-o", f"rank={said}", "--until", "rank", "-q")
        assert done.code == 0, done.err
    assert twin.command("run", "c.yaml", "-o", "rank=popularity", "--until", "rank", "-q").code == 0


WRONG = {
    "misspelt": (
        f"{HOOK}\ndef causalkit_rankrs():\n    return []\n",
        "unknown hook 'causalkit_rankrs'; did you mean 'causalkit_rankers'?",
    ),
    "asks": (
        f"{HOOK}\ndef causalkit_step_started(run, stp):\n    pass\n",
        "hook causalkit_step_started is given run, step, and this one asks for stp; did you mean 'step'?",
    ),
    "unmarked": (
        "def causalkit_rankers():\n    return []\n",
        "causalkit_rankers is not under @hookimpl, so it is never called",
    ),
    "idle": ("", "it has no hook: nothing in it is under @hookimpl"),
    "ahead": (
        hooks(("ranker", "new", "asks:X"), api=9),
        "ranker 'new': speaks api 9, and this causalkit speaks 1; install a version of either that match",
    ),
    "lost": (hooks(("ranker", "newer", "no_such:X")), "ranker 'newer': target 'no_such:X': no module 'no_such'"),
    "words": (
        f"{HOOK}\ndef causalkit_rankers():\n    return ['mine']\n",
        "hook causalkit_rankers: must give Declaration objects, got str",
    ),
    "sound": (hooks(("ranker", "fine", "causalkit_plugins.rankers.uplift:Uplift")), ""),
}


def test_fault_17_wrong_hooks_are_named_and_harm_nobody(folder):
    made = Installed(folder, "hooking")
    for name, (source, _) in WRONG.items():
        made.with_module(f"hooking_{name}", source).also("causalkit", f"{name} = hooking_{name}")
    assert made.listed() == {name: said for name, (_, said) in WRONG.items() if said}
    made.still_runs()


GAVE = {
    "rows": "a DataFrame",
    "short": "an array of shape (7, ",
    "objects": "an array of object",
    "holes": "vectors with NaN or infinity for 1 of 8 inputs",
    "nodes": "a graph with the node 'nobody'",
    "against": "a graph against what is known (schema): bought -> exposed, which is ruled out",
    "nothing": "None from `fit`",
    "lost": "no row for 2 items",
    "bare": "a table of item effects without raw",
    "upside": "an interval from 1 to -1 for an effect of",
    "silent": "neither effect nor reason for item",
    "endless": "infinite numbers in effect, stderr, lower, upper",
    "likely": "verdicts of the sort 'falsification'",
    "wide": "scores of shape",
    "swapped": "scores of other users than it was asked for",
    "words": "ndarray from `scores`",
    "number": "a float",
    "mute": "NaN without a note",
    "terse": "no text for",
}


@pytest.mark.parametrize("name", ODD)
def test_fault_18_unsound_output_is_refused_by_name_and_nothing_is_lost(odd, name):
    kind = ODD[name][0]
    value = f"[{name}]" if kind in ("refuter", "metric") else name
    ended = odd.command("run", "c.yaml", "-o", f"{SECTION[kind]}={value}", "--until", STEP[kind])
    assert ended.code == 1, ended.err
    assert f"{kind} '{name}' of odd-parts 2.1 gave {GAVE[name]}" in ended.err
    assert "Traceback" not in ended.err
    assert "What was computed is kept; go on with `causalkit run --resume" in ended.err.strip().splitlines()[-1]


def test_fault_19_whatever_is_printed_under_json_stdout_is_one_document(odd):
    odd.with_module("odd_parts_ends", "import atexit, os\natexit.register(lambda: os.write(1, b'the end'))\n")
    ends = hooks(before="import odd_parts_ends\nprint('imported')")
    odd.with_module("odd_parts_loud", ends + "hook = hookimpl(lambda: None)\n").also(
        "causalkit", "loud = odd_parts_loud"
    )
    ended = odd.command("run", "c.yaml", "-o", "estimate=noisy", "--until", "estimate", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["schema_version"] == 1
    for said in ("imported", "print", "sys.__stdout__", "os.write", "a child", "the end"):
        assert said in ended.err, said
    failed = odd.command("run", "c.yaml", "-o", "estimate=nothing", "--until", "estimate", "--json")
    assert failed.json["exit_code"] == 1


def test_whatever_a_component_raises_is_the_failure_of_its_step(odd):
    ended = odd.command("run", "c.yaml", "-o", "estimate=raises", "--until", "estimate", "--json")
    assert (ended.code, ended.json["error"]["type"]) == (1, "ComponentError")
    assert "step 'estimate' failed (item: raises): OwnError: (it can't say what is wrong)" in ended.err
    assert "causalkit run --resume" in ended.err


def test_what_a_component_changes_for_the_whole_process_is_put_back(odd):
    ended = odd.command("run", "c.yaml", "-o", "estimate=unsettling")
    assert ended.code == 0, ended.err
    assert "causalkit recommend" in ended.out


def test_a_plugin_that_goes_to_another_folder_loses_no_config(folder):
    gone = Installed(folder, "wanders").with_hooks(hooks(before="import os\nos.chdir('/')"))
    gone.still_runs()


def test_fault_20_what_an_estimator_writes_into_the_log_is_seen_by_nobody_else(odd):
    from causalkit.runner import open_run

    def naive(name):
        done = odd.command("run", "c.yaml", "-o", f"estimate={name}", "-q")
        assert done.code == 0, done.err
        run = open_run("latest", odd.folder / "runs")
        ladder = run.effects.ladder
        return float(ladder["effect"].iloc[0]), list(run.dataset.items.columns), list(run.dataset.users.columns)

    assert naive("columns") == naive("difference-in-means")


@pytest.mark.parametrize("name", ["arrays", "vectors"])
def test_fault_20_arrays_cannot_be_written_to_and_who_tries_is_named(odd, name):
    ended = odd.command("run", "c.yaml", "-o", f"estimate={name}", "--until", "estimate")
    assert ended.code == 1
    assert "read-only" in ended.err
    assert f"estimator {name} (of odd-parts 2.1)" in ended.err
    assert "it must copy what it changes" in ended.err
    assert "causalkit run --resume" in ended.err.strip().splitlines()[-1]


def test_fault_21_a_plugin_that_is_uninstalled_is_asked_for_by_name_and_its_runs_can_be_read(folder):
    made = Installed(folder, "gone-by", "3.2")
    made.with_hooks(hooks(("ranker", "theirs", "causalkit_plugins.rankers.uplift:Uplift")))
    done, whole = (
        made.command("run", "c.yaml", "-o", "rank=theirs", "--json", *more) for more in (["--until", "rank"], [])
    )
    assert (done.code, whole.code) == (0, 0), (done.err, whole.err)
    unfinished, whole_id = (Path(ended.json["path"]).name for ended in (done, whole))
    off = made.command("run", "--resume", unfinished, CAUSALKIT_DISABLE="gone-by")
    assert off.code == 2
    assert "Disabled by CAUSALKIT_DISABLE or --no-plugins: gone_by (of gone-by)" in off.err
    made.uninstall()
    ended = made.command("run", "--resume", unfinished)
    assert ended.code == 2
    assert "was made with what is no longer there: ranker theirs (of gone-by 3.2)" in ended.err
    assert "pip install gone-by==3.2" in ended.err
    best = made.command("recommend", whole_id, "--json")
    assert best.code == 0, best.err
    item = best.json["recommendations"][0]["item"]
    for arguments in (["runs", "show", whole_id], ["report", whole_id], ["explain", whole_id, "--item", item]):
        read = made.command(*arguments)
        assert read.code == 0, (arguments, read.err)
