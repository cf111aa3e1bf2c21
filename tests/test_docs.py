"""The docs say what the code does: the reference is current, and README's commands and code run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from causalkit.config import load_config
from causalkit.registry import Registry, default_registry

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str, holding: str = "") -> list[str]:
    return [text for name, text in BLOCKS if name == language and holding in text]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert written == script("make_reference").reference(default_registry()), "run: python docs/make_reference.py"


def test_the_figures_are_those_of_the_committed_results() -> None:
    made = script("make_figures")
    assert made.filled(README) == README, "run: python docs/make_figures.py"
    written = (ROOT / "docs" / "figures.md").read_text(encoding="utf-8")
    assert made.page() == written, "run: python docs/make_figures.py"


def test_every_committed_result_and_every_headline_is_shown() -> None:
    made = script("make_figures")
    committed = {path.stem for path in (ROOT / "benchmarks" / "results").glob("*.json")}
    assert {name.replace("/", "-") for name in made.TITLES} == committed
    for name, chosen in made.HEADLINES.items():
        rows = [row["what"] for row in made._result(name)["rows"]]
        assert [start for start in chosen if not any(row.startswith(start) for row in rows)] == [], name


def test_every_public_name_is_in_the_reference() -> None:
    import causalkit

    written = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    missing = [n for n in causalkit.__all__ if not n.startswith("__") and f"`ck.{n}`" not in written]
    assert missing == []


def test_the_readme_opens_with_the_two_commands_and_the_makefile_has_them() -> None:
    commands = [line.split("#")[0].split() for line in BLOCKS[0][1].splitlines()]
    assert commands == [["make", "demo"], ["make", "test"]]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


def test_pictures_and_links_of_the_readme_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_the_python_in_the_readme_runs(tmp_path: Path) -> None:
    (code,) = blocks("python", "ck.run(")
    small = code.replace(
        'ck.run("shop")', 'ck.run("shop", overrides=["data.params.users=200", "data.params.items=30"])'
    )
    assert small != code
    done = subprocess.run([sys.executable, "-c", small], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "effect" in done.stdout


def test_the_config_in_the_readme_is_valid_but_for_its_file(tmp_path: Path) -> None:
    (text,) = blocks("yaml", "# mine.yaml")
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    config = load_config(path, registry=default_registry())
    assert config.estimate["pair"].use == "t-learner-eb"


def test_the_graph_in_the_readme_can_be_drawn(tmp_path: Path) -> None:
    (text,) = blocks("yaml", "use: fused")
    path = tmp_path / "mine.yaml"
    path.write_text(f"data: simulated\nestimate: difference-in-means\n{text}")
    config = load_config(path, registry=default_registry())
    assert config.discover is not None
    made = default_registry().build("discoverer", {"use": config.discover.use, "params": config.discover.params})
    assert type(made.model.provider).__name__ == "OpenAIModel"


def test_the_plugin_in_the_readme_is_found_and_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component, hooks = (next(b for b in blocks("python", f"# my_package/{n}.py")) for n in ("longest", "hooks"))
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "longest.py").write_text(component)
    (package / "hooks.py").write_text(hooks)
    monkeypatch.syspath_prepend(str(tmp_path))
    (entry,) = re.findall(r'mine = "([\w.]+)"', blocks("toml")[0])
    registry = Registry.discover([EntryPoint("mine", entry, "causalkit")])
    assert registry.broken == []
    shop = default_registry().build("dataset", {"use": "simulated", "params": {"users": 20, "items": 5}}).load()
    ranker = registry.build("ranker", "longest").fit(shop)
    assert ranker.scores(["u"], list(shop.items.index)).values.shape == (1, 5)


@pytest.mark.parametrize("line", sorted(set(re.findall(r"`(causalkit [^`]+)`", README))))
def test_the_commands_in_the_readme_exist(line: str) -> None:
    """Each command's own --help knows every option that the README gives it."""
    words = shlex.split(line)[1:]
    if words[0].isupper() or words[0].startswith("<"):
        return
    subcommand = words[:2] if words[0] in ("plugins", "runs", "data", "graph") and len(words) > 1 else words[:1]
    done = subprocess.run(
        [sys.executable, "-m", "causalkit", *subcommand, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in (w for w in words if w.startswith("-")):
        assert option in done.stdout, f"{line}: no option {option}"
