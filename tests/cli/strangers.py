"""Tiny distributions of strangers, as pip would have left them in a folder that Python looks in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.command import Ended, causalkit

__all__ = ["Stranger", "hooks"]

BODIES = {
    "Ranker": """
@component
class Ranker:
    '''The same order for everybody.'''

    def fit(self, dataset, effects=None, embeddings=None, *, context=Context()):
        {fit}
        return self

    def scores(self, users, items, *, context=Context()):
        {scores}
        return Scores(users, items, np.tile(np.arange(len(items), dtype=float), (len(users), 1)))
""",
}
HEAD = """
import numpy as np
from causalkit.components import Context, component
from causalkit.types import Scores
"""


def hooks(*rows: tuple[str, str, str], before: str = "", **more: object) -> str:
    """A module of hooks, a declaration for each (kind, name, target)."""
    lines = [before, "from causalkit.components import Declaration", "from causalkit.hookspecs import hookimpl"]
    by_kind: dict[str, list[str]] = {}
    for kind, name, target in rows:
        told = "".join(f", {key}={value!r}" for key, value in more.items())
        by_kind.setdefault(kind, []).append(f"Declaration({name!r}, {target!r}, 'A stranger.'{told})")
    for kind, declared in by_kind.items():
        plural = "propensities" if kind == "propensity" else f"{kind}s"
        lines += ["@hookimpl", f"def causalkit_{plural}():", f"    return [{', '.join(declared)}]"]
    return "\n".join(lines) + "\n"


@dataclass
class Stranger:
    """A distribution in `folder/site`, made of modules and entry points; commands run in `folder` see it."""

    folder: Path
    distribution: str
    version: str = "1.0"

    def __post_init__(self) -> None:
        self.points: dict[str, list[str]] = {}
        self.path.mkdir(exist_ok=True)
        self.info.mkdir()
        (self.info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: {self.version}\n"
            "Requires-Python: >=3.11\nRequires-Dist: causalkit\n"
        )

    @property
    def path(self) -> Path:
        """Where Python looks."""
        return self.folder / "site"

    @property
    def info(self) -> Path:
        """Its metadata."""
        return self.path / f"{self.distribution}-{self.version}.dist-info"

    @property
    def module(self) -> str:
        """Its one top-level module of hooks."""
        return self.distribution.lower().replace("-", "_")

    def also(self, group: str, point: str) -> Stranger:
        """With one more entry point."""
        self.points.setdefault(group, []).append(point)
        text = "".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in self.points.items())
        (self.info / "entry_points.txt").write_text(text)
        return self

    def with_module(self, name: str, source: str) -> Stranger:
        """With one more module."""
        (self.path / f"{name}.py").write_text(source)
        modules = sorted(p.name for p in self.path.glob(f"{self.module}*.py"))
        (self.info / "RECORD").write_text("".join(f"{module},,\n" for module in modules))
        return self

    def with_hooks(self, source: str) -> Stranger:
        """With a plugin of its module's name, whose hooks are `source`."""
        return self.with_module(self.module, source).also("causalkit", f"{self.module} = {self.module}")

    def offering(self, kind: str, name: str, body: str, **replaced: str) -> Stranger:
        """With one component: a class of `BODIES` or source of its own, and its hook."""
        source = HEAD + BODIES[body].format(**{"fit": "pass", "scores": "pass", **replaced})
        self.with_module(f"{self.module}_parts", source)
        return self.with_hooks(hooks((kind, name, f"{self.module}_parts:{body}")))

    def uninstall(self) -> None:
        """As pip does it."""
        for path in [*self.path.glob(f"{self.module}*.py"), *self.info.iterdir()]:
            path.unlink()
        self.info.rmdir()

    def command(self, *arguments: str | Path, **more: str) -> Ended:
        """`causalkit …` where this distribution is installed."""
        return causalkit(*arguments, cwd=self.folder, PYTHONPATH=str(self.path), **more)
