"""What the documentation site shows straight from the code: reference pages, and tables of checks. mkdocs runs it.

Nothing here is committed as text, so none of it can be out of date. A page asks for what is made here by a comment:
`<!-- made: page CONTRIBUTING -->`, `<!-- made: component estimator -->`, `<!-- made: checks estimator -->`,
`<!-- made: worlds effect -->`, `<!-- made: assumptions -->` or `<!-- made: decisions -->`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import causalkit
from causalkit import assumptions, errors, estimation, testing, types
from causalkit.cli.describe import type_of
from causalkit.components import KINDS
from causalkit.parameters import json_schema
from causalkit.registry import default_registry
from causalkit.testing import checks_for
from causalkit.testing import worlds as planted

DOCS = Path(__file__).parent
MARK = re.compile(r"^<!-- made: (\w+)(?: (\w+))? -->$", re.MULTILINE)
COMMA = re.compile(r", (?=[*\w]+(?::|,|$|=))")
QUOTED = re.compile(r"""(: |-> )(['"])(.*?)\2(?=[,)=\s]|$)""")
SECTION = re.compile(r"^(Parameters|Raises|Returns|Yields|Attributes)\n-{3,}\n", re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Mkdocs asks which files there are: those of docs/, and the pages made here."""
    from mkdocs.structure.files import File

    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Mkdocs has read a page: marks become tables."""
    return filled(markdown)


def filled(markdown: str) -> str:
    """A page with what its marks stand for."""
    return MARK.sub(lambda found: TABLES[found[1]](found[2]), markdown)


def component(kind: str) -> str:
    """The component that `causalkit plugins new` begins with, as code."""
    path = f"causalkit/scaffolding/components/{kind}.py"
    return f"`{path}`:\n\n```python\n{(DOCS.parent / path).read_text(encoding='utf-8')}```"


def checks(kind: str) -> str:
    """The checks that components of a kind are held to."""
    found = checks_for(kind)
    rows = [f"| `{check.id}` | {_cell(check.summary)} |" for check in sorted(found, key=lambda c: c.id[:4] == "any/")]
    return "\n".join(["| check | what it holds a component to |", "|---|---|", *rows])


def assumed(_: str | None = None) -> str:
    """The closed list of assumptions."""
    seen = {True: "yes: mark or withhold, item by item", False: "no: say it"}
    rows = [f"| `{told.name}` | {told.sentence} | {seen[told.testable]} |" for told in assumptions.ASSUMPTIONS.values()]
    return "\n".join(["| name | what it says | can the rows show that it fails? |", "|---|---|---|", *rows])


def worlds(sort: str) -> str:
    """The planted worlds of a sort (`effect`, `graph` or `text`), and what holds in each."""
    drawn = [getattr(testing, f"{sort}_world")(name) for name in getattr(planted, f"{sort.upper()}_WORLDS")]
    rows = [
        f"| `{world.name}` | {_cell(world.summary)} | {', '.join(sorted(getattr(world, 'holds', ()))) or '–'} |"
        for world in drawn
    ]
    return "\n".join(["| world | what is planted | assumptions that hold in it |", "|---|---|---|", *rows])


def decisions(_: str | None = None) -> str:
    """Links to the decisions."""
    pages = sorted((DOCS / "decisions").glob("*.md"))
    return "\n".join(
        f"- [{page.read_text(encoding='utf-8').splitlines()[0][2:]}](decisions/{page.name})" for page in pages
    )


def page_of(name: str) -> str:
    """A page of the repository's root; its links into docs/ are links within the site."""
    return (DOCS.parent / f"{name}.md").read_text(encoding="utf-8").replace("](docs/", "](")


TABLES: dict[str, Callable[..., str]] = {
    "page": page_of,
    "component": component,
    "checks": checks,
    "assumptions": assumed,
    "worlds": worlds,
    "decisions": decisions,
}


def components() -> str:
    """Every built-in component: what its docstring says, and its parameters."""
    registry = default_registry()
    lines = ["# Components", "", "What `causalkit describe KIND NAME` says of every built-in component."]
    for kind in KINDS.values():
        entries = [entry for entry in registry.of(kind.name) if entry.distribution == "causalkit"]
        lines += ["", f"## {kind.name}", "", kind.summary] if entries else []
        for entry in entries:
            cls = registry.load(kind.name, f"builtin:{entry.name}")
            lines += ["", f"### `{entry.name}` {{ #{kind.name}-{entry.name} }}", "", _prose(cls), "", *_parameters(cls)]
    return "\n".join(lines) + "\n"


def _parameters(cls: type) -> Iterator[str]:
    schema = json_schema(cls)
    if not schema["properties"]:
        yield "It takes no parameters."
        return
    yield "| parameter | type | default | help |"
    yield "|---|---|---|---|"
    for name, field in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else f"`{field.get('default')}`"
        cells = (type_of(field, schema), default, field.get("description", ""))
        yield f"| `{name}` | {' | '.join(map(_cell, cells))} |"


def python() -> str:
    """The public names of `causalkit`."""
    intro = "`import causalkit as ck`. Names are imported when first used, so that the import itself is light."
    names = [name for name in causalkit.__all__ if not name.startswith("__")]
    estimators = f"## For estimators: `causalkit.estimation`\n\n{_prose(estimation)}"
    listed = [*_names(causalkit, names, "ck."), "", estimators, "", *_names(estimation, estimation.__all__, "")]
    return "\n".join(["# Python", "", intro, "", *listed]) + "\n"


def of_types() -> str:
    """What flows between the steps."""
    intro = "`causalkit.types`: what flows between the steps. Frozen dataclasses over numpy, pandas and pyarrow."
    return "\n".join(["# Types", "", intro, "", *_names(types, types.__all__, "")]) + "\n"


def of_errors() -> str:
    """The tree of errors."""
    tree = (errors.__doc__ or "").partition("\n\n")[2]
    opening = ["# Errors", "", "Every error that a user can cause or meet, with the exit code of the command:"]
    listed = _names(errors, errors.__all__, "")
    return "\n".join([*opening, "", "```text", tree.strip(), "```", "", *listed]) + "\n"


def of_testing() -> str:
    """The conformance kit: planted worlds, every check, and what it is made of."""
    lines = ["# Conformance kit", "", _prose(testing), "", "## Planted worlds"]
    for sort in ("effect", "graph", "text"):
        lines += ["", f"### {sort} {{ #worlds-{sort} }}", "", worlds(sort)]
    lines += ["", "## Checks by kind"]
    for kind in KINDS:
        lines += ["", f"### {kind} {{ #checks-{kind} }}", "", checks(kind)]
    return "\n".join([*lines, "", *_names(testing, testing.__all__, "")]) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/components.md": components,
    "reference/python.md": python,
    "reference/types.md": of_types,
    "reference/testing.md": of_testing,
    "reference/errors.md": of_errors,
}
"""Page → what makes it."""


def _names(home: Any, names: list[str], prefix: str) -> Iterator[str]:
    """A heading, signature and docstring for each name, and for the public methods of a class."""
    for name in names:
        made = getattr(home, name)
        yield f"## `{prefix}{name}` {{ #{name} }}"
        yield ""
        if callable(made) and not get_args(made):
            yield from _signature(f"{prefix}{name}", made)
            yield _prose(made)
        else:
            yield ", ".join(f"`{value}`" for value in _values(made))
        for method, member in _members(made).items() if inspect.isclass(made) else ():
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if method[0] != "_" and inspect.isfunction(function) and function.__doc__:
                arguments = "" if isinstance(member, property) else _arguments(function)
                yield f"\n**`.{method}{arguments}`** {_brief(function)}"
        yield ""


def _members(cls: type) -> dict[str, Any]:
    """What a class has, with what it has from another of causalkit's."""
    own = [base for base in reversed(cls.__mro__) if base.__module__.startswith("causalkit")]
    return {name: member for base in own for name, member in vars(base).items()}


def _values(made: Any) -> list[Any]:
    """What a constant, or a type of a few words, holds."""
    listed = get_args(made) or (f"{len(made)} of them, by name" if isinstance(made, dict) else made)
    return sorted(listed) if isinstance(listed, frozenset) else [listed] if isinstance(listed, str) else list(listed)


def _signature(name: str, made: Any) -> Iterator[str]:
    told = _arguments(made)
    if told and not (inspect.isclass(made) and issubclass(made, Exception)):
        parts = told[1:].rpartition(")")
        lines = COMMA.sub(",\n    ", parts[0])
        wrapped = f"(\n    {lines},\n){parts[2]}"
        yield "```text"
        yield f"{name}{told if len(told) < 80 else wrapped}"
        yield "```"
        yield ""


def _arguments(made: Any) -> str:
    try:
        signature = inspect.signature(made)
    except (TypeError, ValueError):
        return ""
    kept = [
        p.replace(default=p.default if _plain(p.default) else _MADE)
        for p in signature.parameters.values()
        if p.name not in ("self", "cls")
    ]
    return QUOTED.sub(r"\1\3", str(signature.replace(parameters=kept))) if kept or inspect.isfunction(made) else ""


class _Made:
    """Stands for a default that is made anew."""

    def __repr__(self) -> str:
        return "…"


_MADE = _Made()


def _plain(default: Any) -> bool:
    return default is inspect.Parameter.empty or default is None or isinstance(default, str | int | float | bool)


def _brief(function: Any) -> str:
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


def _prose(made: Any) -> str:
    """A docstring as Markdown: its sections of parameters become lists."""
    text = inspect.getdoc(made) or ""
    if inspect.isclass(made) and text.startswith(f"{made.__name__}("):  # what dataclass writes where there is none
        return ""
    head, *rest = SECTION.split(text)
    parts = [_fenced(head)]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        items, _, after = body.partition("\n\n")
        entries = re.findall(r"^(\S[^:\n]*?)(?: : ?(.*(?:\n[ ]+.*)*))?$", items, re.MULTILINE)
        listed = "\n".join(f"- `{name}`: {' '.join(told.split())}" for name, told in entries)
        parts.append(f"\n{title}:\n\n{listed}\n\n{_fenced(after)}")
    return "\n".join(parts).strip()


def _fenced(text: str) -> str:
    """Doctests become code."""
    return re.sub(
        r"((?:^>>> .*\n?(?:^(?!\n|>>>).+\n?)*)+)",
        lambda m: f"```text\n{m[1].rstrip()}\n```\n",
        text,
        flags=re.MULTILINE,
    )


def _cell(text: object) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")
