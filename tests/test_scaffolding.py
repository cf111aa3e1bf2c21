"""New plugins: for each kind one that is small, found, selected by one line, and passes every check of its kind."""

from __future__ import annotations

import ast
import json
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from causalkit.cli.run import _executor, _selection
from causalkit.components import KINDS
from causalkit.config import load_config
from causalkit.errors import ModelUnavailable, StoreError, UsageError
from causalkit.registry import Registry
from causalkit.scaffolding import Made, make, template
from causalkit.scaffolding.naming import Names
from causalkit.scaffolding.selecting import SELECTING
from causalkit.testing import examine
from causalkit.types import Question

BUILTINS = EntryPoint("builtin", "causalkit_plugins.hooks", "causalkit")
BASE = {"data": "simulated", "estimate": "difference-in-means"}


@pytest.fixture
def made(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """A new plugin of a kind, importable as if it were installed."""
    plugin = make(f"made-{kind}", kind, tmp_path)
    monkeypatch.syspath_prepend(plugin.folder / "src")
    yield plugin
    for name in [name for name in sys.modules if name.startswith(f"causalkit_made_{kind}")]:
        del sys.modules[name]


def registry(made: Made) -> Registry:
    """The built-ins and the new plugin, found through the entry point that it declares."""
    declared = tomllib.loads((made.folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = [EntryPoint(name, target, "causalkit") for name, target in declared["entry-points"]["causalkit"].items()]
    return Registry.discover([BUILTINS, *points])


def component_file(made: Made) -> Path:
    (found,) = made.folder.glob("src/*/made_*.py")
    return found


def test_the_faults_of_the_newcomer_benchmark_can_be_written_into_the_templates() -> None:
    place = Path(__file__).parents[1] / "benchmarks/_newcomer_faults.py"
    faults = runpy.run_path(str(place))["FAULTS"]
    assert set(faults) == set(KINDS)
    for kind, fault in faults.items():
        assert Path(sys.modules[template(kind).__module__].__file__ or "").read_text("utf-8").count(fault.old) == 1


def test_every_kind_has_a_template_and_a_line_that_selects_it() -> None:
    here = Path(sys.modules["causalkit.scaffolding"].__file__ or "").parent / "components"
    assert {path.stem for path in here.glob("*.py")} - {"__init__"} == set(KINDS) == set(SELECTING)


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_passes_every_check_of_its_kind(kind: str) -> None:
    card = examine(template(kind)(), kind)
    assert card.findings
    assert not [f"{f.check}: {f.reason}" for f in card.of("failed")]


@pytest.mark.parametrize("kind", ["estimator", "discoverer"])
def test_a_template_that_answers_says_what_it_rests_on(kind: str) -> None:
    assert examine(template(kind)(), kind, checks=()).assumes


@pytest.mark.parametrize("kind", KINDS)
def test_the_component_is_under_forty_lines(kind: str, made: Made) -> None:
    text = component_file(made).read_text(encoding="utf-8")
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.If | ast.Import | ast.ImportFrom)]
    after = text.splitlines()[imports[-1].end_lineno or 0 :]
    assert len("\n".join(after).strip().splitlines()) < 40


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_found_and_built(kind: str, made: Made) -> None:
    found = registry(made)
    assert not found.broken
    (entry,) = (entry for entry in found.of(kind) if entry.name == f"made-{kind}")
    assert entry.declaration.summary.endswith(".")
    assert len(entry.declaration.summary) < 90
    built = found.build(kind, f"made-{kind}")
    assert type(built).__name__ == f"Made{kind.title()}"
    assert built.get_params() == template(kind)().get_params()
    assert template(kind).__name__ not in component_file(made).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("llm", "executor", "tracker")])
def test_one_line_of_a_config_selects_it(kind: str, made: Made) -> None:
    line = made.line
    config = load_config(BASE | yaml.safe_load(line), registry=registry(made))
    assert f"made-{kind}" in str(config.to_dict())
    assert line in (made.folder / "README.md").read_text(encoding="utf-8")


def test_an_option_of_a_run_selects_an_executor_or_a_tracker() -> None:
    *_, option, name = SELECTING["executor"].line.split()
    assert (option, _executor(name, None)) == ("--executor", "NAME")
    *_, option, name = SELECTING["tracker"].line.split()
    assert (option, _selection(name, option)) == ("--tracker", "NAME")


@pytest.mark.parametrize("kind", KINDS)
def test_the_distribution_is_whole_and_clean(kind: str, made: Made) -> None:
    package = f"src/causalkit_made_{kind}"
    assert set(made.files) == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        f"{package}/__init__.py",
        f"{package}/hooks.py",
        f"{package}/made_{kind}.py",
        f"{package}/py.typed",
        f"tests/test_made_{kind}.py",
    }
    texts = {path: (made.folder / path).read_text(encoding="utf-8") for path in made.files}
    assert not [path for path, text in texts.items() if "$" in text.replace("${{ matrix.python }}", "")]
    steps = yaml.safe_load(texts[".github/workflows/test.yml"])["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": f"causalkit plugins check causalkit-made-{kind}"}
    *_, test = texts[f"tests/test_made_{kind}.py"].splitlines()
    assert test == f"test_conformance = conformance(Made{kind.title()})"
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent))
    for check in ([ruff, "check", "--no-cache"], [ruff, "format", "--check", "--no-cache"]) if ruff else []:
        done = subprocess.run([*check, str(made.folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["encoder"])
def test_its_own_test_runs_every_check(kind: str, made: Made) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(made.folder)]
    env = {"PYTHONPATH": str(made.folder / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env})
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


ANSWER = {
    "type": "object",
    "properties": {"relation": {"enum": ["causes", "none"]}, "confidence": {"type": "number", "maximum": 1}},
    "required": ["relation"],
}


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ({"relation": "causes"}, True),
        ({"relation": "causes", "confidence": 0.5}, True),
        ({"relation": "prevents"}, False),
        ({"relation": "causes", "confidence": 1.5}, False),
        ({"relation": "causes", "confidence": 5}, False),
        ({"relation": "causes", "confidence": "high"}, False),
        ({"relation": "causes", "why": "…"}, False),
        ({"confidence": 1}, False),
        (["causes"], False),
        (None, False),
    ],
)
def test_the_models_answers_fit_the_schema(written: object, fits: bool, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(json.dumps({"Does a cause b?": written}), encoding="utf-8")
    model = template("llm")(file=str(tmp_path / "answers.json"))
    found = model.ask([Question("ab", "Does a cause b?"), Question("ba", "Does b cause a?")], ANSWER)
    assert found.by_id == {"ab": written if fits else None, "ba": None}


@pytest.mark.parametrize("text", ["", "[1]", "no JSON"])
def test_a_file_that_the_model_cannot_read_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="is no JSON object"):
        template("llm")(file=str(tmp_path / "answers.json")).ask([Question("ab", "Does a cause b?")], ANSWER)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is no name"),
        ("Sure_Gain", "such as 'sure-gain'"),
        ("SureGain", "such as 'sure-gain'"),
        ("../away", "such as 'away'"),
        ("9lives", "is no name"),
        ("two--hyphens", "such as 'two-hyphens'"),
        ("a" * 41, "at most 40"),
        ("causalkit-mine", "Call the component 'mine'"),
        ("lambda", "a word of Python"),
        ("hooks", "the module that declares"),
    ],
)
def test_what_is_no_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Names(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [("effects", "the class would be called Effects"), ("plugins", "'causalkit_plugins' is installed already")],
)
def test_what_means_another_thing_is_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        make(name, "ranker", tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'ranker'"):
        template("rankers")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "causalkit-mine").mkdir()
    with pytest.raises(UsageError, match="already there"):
        make("mine", "ranker", tmp_path)
    assert not list((tmp_path / "causalkit-mine").iterdir())


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written"):
        make("mine", "ranker", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
