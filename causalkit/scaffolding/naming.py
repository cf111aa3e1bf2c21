"""Names of a new plugin: what its distribution, package, module and class are called, and what they must not be."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from importlib.util import find_spec
from keyword import iskeyword

from causalkit.errors import UsageError

__all__ = ["Names"]

LONGEST = 40


@dataclass(frozen=True)
class Names:
    """What a plugin called `name` is called everywhere.

    >>> names = Names("sure-gain")
    >>> names.distribution, names.package, names.module, names.cls
    ('causalkit-sure-gain', 'causalkit_sure_gain', 'sure_gain', 'SureGain')
    """

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name) or len(self.name) > LONGEST:
            raise UsageError(
                f"{self.name!r} is no name for a component",
                f"Use lower-case words joined by hyphens, at most {LONGEST} letters{self._suggestion()}.",
            )
        if self.name.startswith("causalkit-"):
            raise UsageError(
                f"{self.name!r}: the distribution's name begins with causalkit- already",
                f"Call the component {self.name.removeprefix('causalkit-')!r}.",
            )
        if iskeyword(self.module) or self.module == "hooks":
            what = "a word of Python" if iskeyword(self.module) else "the module that declares the component"
            raise UsageError(f"{self.name!r} can't be the name of a module: it is {what}", "Choose another name.")

    def _suggestion(self) -> str:
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", self.name)
        words = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:LONGEST].rstrip("-")
        return f", such as {words!r}" if re.match("[a-z]", words) and words != self.name else ""

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return f"causalkit-{self.name}"

    @property
    def package(self) -> str:
        """What Python imports."""
        return f"causalkit_{self.module}"

    @property
    def module(self) -> str:
        """The file of the component, without `.py`."""
        return self.name.replace("-", "_")

    @property
    def cls(self) -> str:
        """The component's class."""
        return "".join(word[0].upper() + word[1:] for word in self.name.split("-"))

    def check_free(self, source: str) -> None:
        """Raise `UsageError` where the package is importable already, or `source` means another thing by the class."""
        if find_spec(self.package) is not None:
            raise UsageError(f"a package {self.package!r} is installed already", "Choose another name.")
        if self.cls in _names_in(source):
            raise UsageError(
                f"the class would be called {self.cls}, which means another thing where it is written",
                "Choose another name.",
            )


def _names_in(source: str) -> set[str]:
    """Every name that a module imports or uses."""
    nodes = list(ast.walk(ast.parse(source)))
    imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    return imported | {node.id for node in nodes if isinstance(node, ast.Name)}
