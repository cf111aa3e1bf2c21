"""The pages of docs/ as tests run them: every fenced block, in page order, in one folder per page.

What a page may say, in what its readers see or in a comment right above a block:

- a title (```` ```yaml title="mine.yaml" ````) writes the block to that file; a titled config is checked as it stands;
- `console` blocks hold commands after `$ ` and what they print; `…` stands for any text, alone on a line for any lines;
- `sh` blocks hold commands alone;
- `python` blocks run one after another in one module; `yaml` blocks are configs, or parts of one;
- `<!-- test: exit 2 -->` says how the last command of the block ends;
- `<!-- test: not run: WHY -->` leaves a block alone;
- `<!-- test: file -->` marks YAML that is no config.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import pytest
from command import call, environment

from causalkit.components import KINDS, Declaration
from causalkit.config import load_config
from causalkit.config.strict_yaml import parse_yaml
from causalkit.hookspecs import hookimpl
from causalkit.registry import Registry, default_registry
from causalkit.testing import kind_of

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FENCE = re.compile(r"(?:^<!-- test: (?P<told>[^\n]*?) -->\n+)?^```(?P<head>[^\n`]*)\n(?P<text>.*?)^```$", re.M | re.S)
LANGUAGES = {"sh", "console", "python", "yaml", "toml", "csv", "text"}
BASE = {"data": {"use": "simulated"}, "estimate": "difference-in-means"}
"""What a part of a config is laid over before it is checked."""


@dataclass(frozen=True)
class Block:
    """One fenced block: where it is, its language, its title, what the comment above it says, its text."""

    where: str
    language: str
    title: str
    told: str
    text: str


def script(name: str) -> ModuleType:
    """A script of docs/, imported."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SITE_PAGES = script("site_pages")


def pages() -> list[str]:
    """The pages whose blocks are run, by their path in docs/."""
    found = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.parent.name != "decisions"]
    return sorted(set(found) - {"reference.md"})


def read(page: str) -> str:
    """A page as the site shows it: with the code and tables that it takes from the package."""
    return str(SITE_PAGES.filled((DOCS / page).read_text(encoding="utf-8")))


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    made = []
    for found in FENCE.finditer(read(page)):
        language, _, rest = found["head"].strip().partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        where = f"docs/{page}, block {len(made) + 1} ({found['text'].splitlines()[0]})"
        made.append(Block(where, language, title[1] if title else "", found["told"] or "", found["text"]))
    return made


@dataclass
class Page:
    """A page being run: its folder, its Python module, and where its plugins are installed."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    module: ModuleType = field(default_factory=lambda: ModuleType("docs_page"))
    installed: bool = False

    def __post_init__(self) -> None:
        self.module.__spec__ = ModuleSpec(self.module.__name__, None)  # where the registry looks
        sys.modules[self.module.__name__] = self.module

    def run(self, block: Block) -> None:
        """Run one block; fails with where it is."""
        assert block.language in LANGUAGES, f"{block.where}: no language {block.language!r}; there is {LANGUAGES}"
        if block.told.startswith("not run: "):
            return
        if block.title:
            path = self.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        getattr(self, f"_{block.language}")(block)

    def _csv(self, block: Block) -> None:
        assert block.title, f"{block.where}: a table needs a title to be written to"

    def _text(self, block: Block) -> None:
        """Nothing to run."""

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.text)

    def _python(self, block: Block) -> None:
        file = self.folder / f".{len(list(self.folder.glob('.*.py')))}.py"
        file.write_text(block.text, encoding="utf-8")
        self.module.__file__ = str(file)  # where `inspect` looks for the help below fields
        try:
            exec(compile(block.text, str(file), "exec"), vars(self.module))
        except Exception as error:
            error.add_note(f"in {block.where}")
            raise

    def _yaml(self, block: Block) -> None:
        if block.told == "file":
            return
        told = parse_yaml(block.text, block.where).plain()
        config = told if block.title else {**BASE, **told}
        load_config(config, registry=self._registry())

    def _registry(self) -> Registry:
        """What is installed, and the components that this page's Python defines, named as they would be."""
        own: dict[str, list[Declaration]] = {}
        for cls in [v for v in vars(self.module).values() if isinstance(v, type) and v.__module__ == "docs_page"]:
            if hasattr(cls, "get_params"):
                name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()
                own.setdefault(kind_of(cls), []).append(Declaration(name, f"docs_page:{cls.__name__}", "Of the page."))
        if not own:
            return default_registry()
        hooks = ModuleType("docs_page_hooks")
        for kind, declared in own.items():
            hook = KINDS[kind].hook
            setattr(hooks, hook, hookimpl(lambda declared=declared: declared))
        sys.modules[hooks.__name__] = hooks
        hooks.__spec__ = ModuleSpec(hooks.__name__, None)
        own_point = EntryPoint("page", "docs_page_hooks", "causalkit")
        return Registry.discover([own_point, *entry_points(group="causalkit")])

    def _sh(self, block: Block) -> None:
        lines = [line for line in block.text.replace("\\\n", " ").splitlines() if shlex.split(line, comments=True)]
        for i, line in enumerate(lines):
            self._command(block, line, "", _code(block) if i == len(lines) - 1 else 0)

    def _console(self, block: Block) -> None:
        parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)[1:]
        assert parts, f"{block.where}: no line begins with `$ `"
        for i in range(0, len(parts), 2):
            self._command(block, parts[i], parts[i + 1], _code(block) if i == len(parts) - 2 else 0)

    def _command(self, block: Block, line: str, shown: str, code: int) -> None:
        words = [self._named(word) for word in shlex.split(line, comments=True)]
        more = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        match words[len(more) :]:
            case ["causalkit", *arguments]:
                ended = self._causalkit(arguments, more)
            case ["make", target]:
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M), f"{block.where}: no {target}"
                return
            case ["pip", "install", "-e", given]:
                ended = self._install(given.partition("[")[0])
            case ["python", *arguments]:
                ended = self._process([sys.executable, *arguments])
            case _:
                raise AssertionError(f"{block.where}: a test does not know how to run {line!r}")
        where = f"{block.where}: {line}"
        assert ended[0] == code, f"{where}\nended with {ended[0]}, not {code}:\n{ended[1]}{ended[2]}"
        if shown.strip():
            assert any(matches(shown, out) for out in (*ended[1:], ended[2] + ended[1])), (
                f"{where}\nshows\n{shown}\nand prints\n{ended[1]}\n{ended[2]}"
            )

    def _install(self, folder: str) -> tuple[int, str, str]:
        """A distribution of this page, into a folder of this page, so that nothing else is changed."""
        self.installed = True
        quiet = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
        return self._process([sys.executable, "-m", "pip", "install", *quiet, "--target", "installed", f"./{folder}"])

    def _named(self, word: str) -> str:
        """`FIRST` and `SECOND` stand for the page's runs, as its text says."""
        if word not in ("FIRST", "SECOND"):
            return word
        return sorted(path.name for path in (self.folder / "runs").glob("2*"))[word == "SECOND"]

    def _causalkit(self, arguments: list[str], more: dict[str, str]) -> tuple[int, str, str]:
        if self.installed or more or {"quickstart", "--no-plugins"} & {*arguments}:
            return self._process([sys.executable, "-m", "causalkit", *arguments], **more)
        code, out, err = call(self.capsys, *arguments)
        return int(code or 0), out, err

    def _process(self, command: list[str], **more: str) -> tuple[int, str, str]:
        """In a process of its own: new plugins are seen, and memory is given back."""
        path = {"PYTHONPATH": str(self.folder / "installed")} if self.installed else {}
        env = environment(OMP_NUM_THREADS="2", **path, **more)
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, env=env)
        return done.returncode, done.stdout, done.stderr


def _code(block: Block) -> int:
    found = re.match(r"exit (\d+)", block.told)
    return int(found[1]) if found else 0


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is what a page shows, `…` standing for any text and, alone on a line, for any lines.

    Spaces of every sort are alike.

    >>> matches("a\\n…\\nd … f\\n", "a\\nb\\nc\\nd e f\\n")
    True
    >>> matches("a\\n", "a\\nb\\n")
    False
    """
    parts = []
    for line in shown.strip().splitlines():
        text = r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("…"))
        parts.append(r"(?:[^\n]*\n)*?" if line.strip() == "…" else rf"{text}\n")
    tidy = "\n".join(re.sub(r"\s", " ", line).rstrip() for line in printed.strip().splitlines()) + "\n"
    return re.fullmatch("".join(parts), tidy) is not None
