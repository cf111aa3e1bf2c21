from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from causalkit.components import KINDS
from causalkit.errors import UsageError
from causalkit.registry import default_registry
from causalkit.testing import (
    CHECKS,
    Check,
    NotApplicable,
    ScoreCard,
    Subject,
    Unverified,
    check,
    checks_for,
    examine,
    find,
    kind_of,
)
from causalkit.testing.checks._newborn import _phase
from causalkit.testing.checks._runs import RunLike
from causalkit.testing.checks._watching import captured, told
from tests.testing.mutants._words import Words
from tests.testing.mutants.any_kind import Assuming, Setting

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("entry", default_registry().entries, ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_the_kind_of_a_built_in_is_known_from_its_methods(entry):
    assert kind_of(default_registry().load(entry.kind, entry.name)) == entry.kind


def test_a_class_of_no_kind_is_refused_with_what_kinds_need():
    with pytest.raises(UsageError, match=r"int has the methods of no kind\n.*encoder: fit, encode"):
        kind_of(int)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_checks_of_its_own_and_those_of_any(kind):
    counted = Counter(one.id.split("/")[0] for one in checks_for(kind))
    assert set(counted) == {"any", kind}
    assert counted["any"] >= 25
    assert counted[kind] >= 5


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'encoder'"):
        checks_for("encode")


@pytest.mark.parametrize("one", CHECKS.values(), ids=lambda one: one.id)
def test_a_check_has_a_name_and_a_sentence(one):
    assert re.fullmatch(r"[a-z]+/[a-z0-9-]+", one.id)
    assert one.summary.endswith(".")
    assert len(one.summary) <= 120
    assert set(one.kinds) <= set(KINDS)


def test_two_checks_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two checks are called encoder/repeats"):

        @check("encoder")
        def repeats(subject):
            """Again."""


def run(raised: BaseException | None, tmp_path: Path):
    def body(subject):
        """A check."""
        if raised is not None:
            raise raised

    return find(Subject("encoder", Words(), tmp_path), Check("encoder/one", ("encoder",), body))


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("raised", "status", "reason"),
    [
        (None, "passed", ""),
        (AssertionError("it is late"), "failed", "it is late"),
        (AssertionError(), "failed", r"test_kit.py:\d+: raise raised"),
        (KeyError("x"), "failed", r"KeyError: 'x' \(test_kit.py:\d+: raise raised\)"),
        (SystemExit(3), "failed", r"SystemExit: 3 \(.*"),
        (Unspeakable(), "failed", r"Unspeakable: \(it can't say what is wrong\) \(.*"),
        (NotApplicable("nothing there"), "not-applicable", "nothing there"),
        (Unverified("claims nothing"), "unverified", "claims nothing"),
    ],
    ids=repr,
)
def test_what_a_check_raises_is_what_it_found(raised, status, reason, tmp_path):
    found = run(raised, tmp_path)
    assert found.status == status
    assert re.fullmatch(reason, found.reason)
    assert found.seconds >= 0


def test_ctrl_c_ends_a_check(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(KeyboardInterrupt(), tmp_path)


def test_a_card_counts_what_was_found():
    card = examine(Words(), checks=["any/is-a-component", "any/unfit-values-are-refused", "encoder/repeats"])
    assert card.kind == "encoder"
    assert card.component == "Words"
    assert [found.check for found in card.of("passed")] == [found.check for found in card.findings]
    assert len(card.findings) == 3
    assert card.passed
    assert card.verified
    failed = replace(card.findings[0], status="failed")
    claims_nothing = replace(card.findings[0], status="unverified")
    assert not ScoreCard("encoder", "Words", (failed,)).passed
    assert ScoreCard("encoder", "Words", (claims_nothing,)).passed
    assert not ScoreCard("encoder", "Words", (claims_nothing,)).verified


def test_a_component_that_assumes_what_nobody_knows_still_gets_a_card():
    card = examine(Assuming(), checks=["any/assumptions-are-known"])
    assert not card.passed
    assert card.assumes is None


def test_each_check_gets_a_copy_and_an_empty_folder(tmp_path):
    subject = Subject("encoder", Words(most=7), tmp_path)
    assert subject.fresh() is not subject.example
    assert repr(subject.fresh()) == "Words(most=7)"
    assert subject.cls is Words


CONFORMANCE = """
from causalkit.testing import conformance
from tests.testing.mutants._words import Words
from tests.testing.mutants.any_kind import Setting

test_class = conformance(Words)
test_instance = conformance(Setting(most=5), expected_failures={
    "any/set-params-checks-anew": "it is quick", "any/is-a-component": "it is said to be none"
})
test_other = conformance(Setting)
"""


def test_conformance_is_a_test_with_a_case_per_check(tmp_path):
    (tmp_path / "test_mine.py").write_text(CONFORMANCE)
    wanted = "is-a-component or set-params-checks-anew or fingerprint-repeats"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-rA", "-p", "no:cacheprovider", "-p", "no:randomly", "-k", wanted],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])},
        timeout=120,
    )
    found = dict(re.findall(r"test_mine.py::(\S+) (PASSED|FAILED|SKIPPED|XFAIL)", done.stdout))
    assert found == {
        "test_class[any/is-a-component]": "PASSED",
        "test_class[any/set-params-checks-anew]": "PASSED",
        "test_class[any/fingerprint-repeats]": "SKIPPED",
        "test_instance[any/is-a-component]": "FAILED",
        "test_instance[any/set-params-checks-anew]": "XFAIL",
        "test_instance[any/fingerprint-repeats]": "SKIPPED",
        "test_other[any/is-a-component]": "PASSED",
        "test_other[any/set-params-checks-anew]": "FAILED",
        "test_other[any/fingerprint-repeats]": "SKIPPED",
    }, done.stdout
    assert "not-applicable: it has no fingerprint" in done.stdout
    assert "XPASS(strict)" in done.stdout
    assert "set_params took most in silence; it must raise InvalidParameter" in done.stdout


def test_what_is_printed_at_any_depth_is_captured(capfd):
    with captured() as printed:
        print("one")  # noqa: T201
        os.write(1, b"two\n")
    assert printed == ["one\ntwo\n"]
    assert capfd.readouterr().out == ""


def test_parameters_are_told_without_where_they_lie():
    class Odd:
        pass

    assert told(Setting(ignored=["a"])) == told(Setting(ignored=["a"]))
    assert told(Setting(ignored=["a"])) != told(Setting(ignored=["b"]))
    assert told({"a": [Odd()]}) == told({"a": [Odd()]})


def test_a_phase_of_a_fresh_process_tells_how_it_failed():
    told_of = _phase(lambda: sys.exit("no licence"), ["sys"])
    assert told_of["error"] == "SystemExit: no licence"
    assert told_of["heavy"] == []


def test_a_run_as_trackers_see_it_tells_what_a_run_tells(tmp_path):
    from causalkit.run_handle import Run

    public = {name for name, member in vars(Run).items() if name[0] != "_" and not callable(member)}
    run = RunLike(tmp_path)
    for name in sorted(public):
        getattr(run, name)
    assert run.effects is None
    assert run.path.is_dir()
    with pytest.raises(AttributeError, match="a run has no 'efects'"):
        run.efects  # noqa: B018
