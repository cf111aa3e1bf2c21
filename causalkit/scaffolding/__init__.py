"""A new plugin: a distribution with one small working component, its test, its README and its CI file.

The component is a copy of the one in `components/` of its kind, which is tested here like any other.
"""

from __future__ import annotations

import inspect
import re
import shutil
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from string import Template

from causalkit.components import KINDS, kind_named
from causalkit.errors import StoreError, UsageError
from causalkit.scaffolding.naming import Names
from causalkit.scaffolding.selecting import SELECTING

__all__ = ["Made", "make", "template"]

_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    ".github/workflows/test.yml": "test.yml",
    "src/$package/hooks.py": "hooks.py",
    "tests/test_$module.py": "test.py",
}
"""Path in the distribution → the text in `files/` that it is made of."""


@dataclass(frozen=True)
class Made:
    """A new plugin: what it is called, where it is, and how a user selects its component.

    Parameters
    ----------
    line : the line of a config, or the option of `causalkit run`, that selects it.
    run : a command that uses it in the packaged example `shop`.
    files : what was written, relative to `folder`.
    """

    name: str
    kind: str
    distribution: str
    folder: Path
    files: tuple[str, ...]
    line: str
    run: str


def template(kind: str) -> type:
    """The component that a new plugin of this kind begins with.

    Raises
    ------
    UsageError : there is no such kind.
    """
    module = import_module(f"causalkit.scaffolding.components.{kind_named(kind).name}")
    (found,) = (cls for _, cls in inspect.getmembers(module, inspect.isclass) if cls.__module__ == module.__name__)
    return found


def make(name: str, kind: str, out: Path) -> Made:
    """Write the distribution `causalkit-NAME` into the folder `out`, which is made where it is not there.

    Raises
    ------
    UsageError : an unknown kind, a name that can't be one, or a folder that is there already.
    StoreError : it cannot be written; nothing half-written stays.
    """
    names, source = Names(name), _source(template(kind))
    names.check_free(source)
    folder = out / names.distribution
    if folder.exists():
        raise UsageError(f"{folder} is already there", "Choose another name, or another place with --out.")
    texts = _texts(names, kind, source)
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(f"{folder} cannot be written: {error.strerror}", "Give another place with --out.") from None
    how = SELECTING[kind]
    line, run = (text.replace("NAME", name) for text in (how.line, how.run))
    return Made(name, kind, names.distribution, folder, tuple(sorted(texts)), line, run)


def _source(cls: type) -> str:
    return Path(inspect.getfile(cls)).read_text(encoding="utf-8")


def _texts(names: Names, kind: str, source: str) -> dict[str, str]:
    """Every file of the distribution by its path."""
    cls, how = template(kind), SELECTING[kind]
    summary = (inspect.getdoc(cls) or "").splitlines()[0]
    article = "an" if kind[0] in "aeioul" else "a"  # an llm
    values = {
        "distribution": names.distribution,
        "package": names.package,
        "module": names.module,
        "name": names.name,
        "cls": names.cls,
        "kind": kind,
        "hook": KINDS[kind].hook,
        "summary": summary,
        "article": article,
        "article_capital": article.capitalize(),
        "version": _version(),
        "selecting": how.told,
        "line": how.line.replace("NAME", names.name),
        "run": how.run.replace("NAME", names.name),
    }
    written = {
        Template(path).substitute(values): Template(_text(file)).substitute(values) for path, file in _FILES.items()
    }
    package = f"src/{names.package}"
    return written | {
        f"{package}/__init__.py": f'"""{summary}"""\n',
        f"{package}/{names.module}.py": _renamed(source, cls, names),
        f"{package}/py.typed": "",
    }


def _text(file: str) -> str:
    return files("causalkit.scaffolding").joinpath("files", f"{file}.txt").read_text(encoding="utf-8")


def _renamed(source: str, cls: type, names: Names) -> str:
    """The component's source with its class, and the name that it calls itself by, replaced."""
    own = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()
    return re.sub(rf"\b{own}\b", names.name, re.sub(rf"\b{cls.__name__}\b", names.cls, source))


def _version() -> str:
    """Major and minor of this causalkit."""
    from causalkit import __version__

    return ".".join(__version__.split(".")[:2])
