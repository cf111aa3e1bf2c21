"""`plugins check` and `plugins list --deep`: a stranger's distribution held to the kit, whatever it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.strangers import HEAD, Stranger, hooks
from tests.command import causalkit

SOUND = (
    HEAD
    + """
@component
class Flat:
    '''The same order for everybody, by how often each item was bought.'''

    power: float = 1.0
    "What rates are raised to."

    def fit(self, dataset, effects=None, embeddings=None, *, context=Context()):
        rows = dataset.interactions.frame([dataset.item, dataset.outcome])
        self.rates_ = rows.groupby(dataset.item, observed=True)[dataset.outcome].mean() ** self.power
        return self

    def scores(self, users, items, *, context=Context()):
        return Scores(users, items, np.tile(self.rates_.reindex(list(items)).to_numpy(float), (len(users), 1)))
"""
)


@pytest.fixture
def stranger(tmp_path):
    return Stranger(tmp_path, "stranger")


def failures(findings):
    return {found["check"]: found["reason"] for found in findings if found["status"] == "failed"}


def test_a_sound_distribution_passes_and_the_card_counts(stranger):
    stranger.with_module("stranger_parts", SOUND)
    stranger.with_hooks(hooks(("ranker", "flat", "stranger_parts:Flat")))
    ended = stranger.command("plugins", "check", "stranger", "--json")
    assert failures(ended.json["findings"]) == {}
    (card,) = ended.json["components"]
    assert (card["kind"], card["name"], card["example"]) == ("ranker", "flat", "Flat()")
    assert card["counts"]["passed"] > 10
    assert ended.code == (0 if ended.json["passed"] else 1)
    assert all(found["summary"] for found in card["findings"])


BAD = """
import numpy
from causalkit.components import Declaration
from causalkit.hookspecs import hookimpl

@hookimpl
def causalkit_rankers():
    return [
        Declaration("Bad_Name", "bad_parts:X", "One line."),
        Declaration("uplift", "causalkit_plugins.rankers.uplift:Uplift", "Two\\nlines."),
        Declaration("fine", "causalkit_plugins.rankers.uplift:Uplift", "One line.", examples="bad_parts:nothing"),
    ]

@hookimpl
def causalkit_rankrs():
    return []
"""


def test_each_fault_of_a_distribution_is_a_finding(tmp_path):
    bad = Stranger(tmp_path, "bad").with_hooks(BAD).also("causalkit", "gone = no_such_module")
    (bad.info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    ended = bad.command("plugins", "check", "bad", "--component", "fine", "--json")
    assert ended.code == 1
    found = failures(ended.json["findings"])
    said = {
        "loads": "entry point 'gone' (no_such_module): ModuleNotFoundError",
        "light": "importing its hooks imports numpy",
        "hooks": "unknown hook 'causalkit_rankrs'; did you mean 'causalkit_rankers'?",
        "declarations": "no module 'bad_parts'",
        "names": "ranker 'Bad_Name': a name is lower case",
        "unique-names": "ranker 'uplift' is also one of causalkit",
        "summaries": "ranker 'uplift': its summary must be one line",
        "examples": "ranker fine: examples 'bad_parts:nothing'",
        "metadata": "it does not depend on causalkit",
    }
    assert set(found) == {f"distribution/{name}" for name in said}
    for name, reason in said.items():
        assert reason in found[f"distribution/{name}"]
    assert ended.json["components"][0]["findings"][0]["check"] == "component/made"


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        ("import os; os._exit(5)", "it ended the process with exit code 5"),
        ("import os; os.abort()", "its process was killed by SIGABRT"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL. The system does that when memory is short."),
        ("import time; time.sleep(60)", "it did not end within 2 s"),
        ("import sys; sys.exit(0)", "SystemExit"),
    ],
)
def test_a_component_that_crashes_hangs_or_exits_fails_its_checks_and_no_more(stranger, fit, said):
    stranger.offering("ranker", "wild", "Ranker", fit=fit)
    ended = stranger.command("plugins", "check", "stranger", "--json", "--timeout", "2" if "sleep" in fit else "30")
    assert ended.code == 1
    reasons = list(failures(ended.json["components"][0]["findings"]).values())
    assert any(said in reason for reason in reasons), reasons
    assert "passed" in {found["status"] for found in ended.json["components"][0]["findings"]}
    assert ended.json["verdict"].startswith("stranger 1.0 fails ")


def test_a_plugin_that_ends_the_process_fails_the_first_check(stranger):
    stranger.with_hooks("import os\nos._exit(6)")
    ended = stranger.command("plugins", "check", "stranger", "--json")
    assert ended.code == 1
    assert failures(ended.json["findings"]) == {"distribution/loads": "it ended the process with exit code 6."}


def test_the_card_in_words_ends_with_a_verdict(stranger):
    stranger.offering("ranker", "wild", "Ranker", scores="import os; os._exit(5)")
    ended = stranger.command("plugins", "check", "stranger")
    assert ended.code == 1
    assert ended.out.strip().splitlines()[-1].startswith("stranger 1.0 fails ")
    assert "FAILED ranker/" in ended.out or "FAILED any/" in ended.out
    assert "ranker wild: " in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["strangr"], "there is no plugin 'strangr'; did you mean 'stranger'?"),
        (["stranger", "--component", "wilt"], "stranger has no 'wilt'; did you mean 'wild'?"),
        (["stranger", "--kind", "rankr"], "there is no kind 'rankr'; did you mean 'ranker'?"),
        (["stranger", "--timeout", "0"], "--timeout"),
    ],
)
def test_what_is_not_there_is_said_with_the_nearest_name(stranger, arguments, said):
    stranger.offering("ranker", "wild", "Ranker")
    ended = stranger.command("plugins", "check", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_a_deep_list_tells_of_every_way_to_be_broken_in_seconds(stranger):
    parts = {
        "torn": "import no_such_library\nclass X: pass",
        "slams": "import os\nos._exit(4)",
        "loud": f"import os\nos.write(1, b'hello')\n{SOUND}",
        "bare": "class X: pass",
        "empty": "",
        "short": "from causalkit.components import component\n@component\nclass X:\n    pass\n",
    }
    for name, source in parts.items():
        stranger.with_module(f"stranger_{name}", source)
    rows = [("ranker", name, f"stranger_{name}:{'Flat' if name == 'loud' else 'X'}") for name in parts]
    stranger.with_hooks(hooks(*rows))
    ended = stranger.command("plugins", "list", "--deep", "--json")
    assert ended.code == 0
    broken = {row["name"]: row["broken"] for row in ended.json["components"] if row["broken"]}
    said = {
        "torn": "ModuleNotFoundError: No module named 'no_such_library'",
        "slams": "it ended the process with exit code 4",
        "loud": "prints when imported: 'hello'",
        "bare": "stranger_bare:X is not a class under @component",
        "empty": "AttributeError",
        "short": "it has no method 'fit', which its kind needs",
    }
    assert set(broken) == set(said)
    for name, reason in said.items():
        assert reason in broken[name]


def test_the_group_lists_its_commands_without_importing_one():
    code = (
        "import sys\nfrom causalkit.cli import main\n"
        "try:\n    main(['plugins', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([n for n in sys.modules if n.startswith('causalkit.cli.plugins_') or n in ('pydantic', 'rich')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in ("list", "show", "new", "check", "doctor"):
        assert f"  {name} " in done.stdout
    assert "did you mean 'doctor'?" in causalkit("plugins", "docter").err
