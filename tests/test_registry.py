"""Plugins: found, told apart, isolated, and built from config."""

from __future__ import annotations

import itertools
import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from causalkit.components import KINDS, Declaration
from causalkit.errors import InvalidParameter, PluginError
from causalkit.hookspecs import hookimpl
from causalkit.registry import Registry, default_registry, parse_selection


def plugin(**hooks: Any) -> types.SimpleNamespace:
    made = types.SimpleNamespace()
    for name, declared in hooks.items():

        def hook(declared: Any = declared) -> Any:
            return declared

        hook.__name__ = name
        setattr(made, name, hookimpl(hook))
    return made


def lsa(name: str = "mine", **changes: Any) -> Declaration:
    return Declaration(name, **({"target": "causalkit_plugins.encoders.lsa:Lsa", "summary": "…"} | changes))


def test_every_kind_has_a_hook_and_every_hook_a_kind() -> None:
    from causalkit import hookspecs

    declared = {kind.hook for kind in KINDS.values()}
    broadcast = {"run_started", "step_started", "step_finished", "step_failed", "run_finished"}
    written = {n.removeprefix("causalkit_") for n in vars(hookspecs) if n.startswith("causalkit_")}
    assert {h.removeprefix("causalkit_") for h in declared} | broadcast == written


def test_builtins_all_load() -> None:
    registry = default_registry()
    assert not [b for b in registry.broken if b.distribution == "causalkit"]
    for entry in registry.entries:
        cls = registry.load(entry.kind, f"{entry.plugin}:{entry.name}")
        for method in KINDS[entry.kind].methods:
            assert callable(getattr(cls, method, None)), f"{entry.name} lacks {method}"


def test_a_plugin_that_exits_on_import_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rude_plugin.py").write_text("raise SystemExit(3)")
    (tmp_path / "torn_plugin.py").write_text("import no_such_library_at_all")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint(n, n, "causalkit") for n in ("rude_plugin", "torn_plugin")]
    builtin = EntryPoint("builtin", "causalkit_plugins.hooks", "causalkit")
    registry = Registry.discover([*points, builtin])
    assert {b.name: b.reason.split(":")[0] for b in registry.broken} == {
        "rude_plugin": "failed to import",
        "torn_plugin": "failed to import",
    }
    assert registry.find("encoder", "lsa")


def test_an_unknown_hook_is_named_with_the_nearest() -> None:
    registry = Registry()
    registry.add("odd", plugin(causalkit_encodes=[]))
    assert registry.broken[0].reason == "unknown hook 'causalkit_encodes'; did you mean 'causalkit_encoders'?"


@pytest.mark.parametrize(
    ("declaration", "reason"),
    [
        (lsa(api=99), "speaks api 99"),
        (lsa(target="no_such_module:X"), "no module 'no_such_module'"),
        (lsa(target="causalkit_plugins.encoders.nothing:X"), "no module"),
        (lsa(target="causalkit_plugins.encoders.lsa"), "is not 'package.module:Class'"),
        ("lsa", "must give Declaration objects"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(declaration: Any, reason: str) -> None:
    registry = Registry()
    registry.add("odd", plugin(causalkit_encoders=[declaration, lsa("healthy")]))
    assert reason in registry.broken[0].reason
    assert registry.find("encoder", "healthy")


def test_a_doubled_name_is_an_error_only_where_the_bare_name_is_used() -> None:
    registry = Registry()
    registry.add("one", plugin(causalkit_encoders=[lsa()]), "dist-one")
    registry.add("two", plugin(causalkit_encoders=[lsa()]), "dist-two")
    with pytest.raises(PluginError, match="from dist-one and dist-two\nWrite one:mine or two:mine"):
        registry.find("encoder", "mine")
    assert registry.find("encoder", "two:mine").distribution == "dist-two"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(PluginError, match="no encoder named 'lsaa'; did you mean 'lsa'"):
        default_registry().find("encoder", "lsaa")


def test_wrong_params_point_to_describe() -> None:
    with pytest.raises(InvalidParameter, match="causalkit describe encoder lsa"):
        default_registry().build("encoder", {"use": "lsa", "params": {"dimz": 3}})


def test_selection_sugar_and_its_errors() -> None:
    assert parse_selection("ndcg@5") == ("ndcg", {"k": 5})
    assert parse_selection({"use": "ndcg@5", "params": {"k": 7}}) == ("ndcg", {"k": 7})
    for wrong in ("ndcg@x", {"params": {}}, 3, {"use": "ndcg", "parms": {}}):
        with pytest.raises(InvalidParameter):
            parse_selection(wrong)


def test_discovering_plugins_imports_no_heavy_library() -> None:
    heavy = [
        "numpy",
        "pandas",
        "pydantic",
        "torch",
        "transformers",
        "sentence_transformers",
        "dowhy",
        "causallearn",
        "sklearn",
        "scipy",
    ]
    code = (
        "import sys; from causalkit.registry import Registry; r = Registry.discover(); "
        f"assert r.entries; print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "name", [5, None, ["l"], "", "a/b", "../up", "x:y", "ndcg@3", "two words", "line\n", "\x1b[31mred"]
)
def test_a_declaration_that_no_config_can_select_is_broken_and_others_of_it_stand(name: Any) -> None:
    registry = Registry()
    registry.add("odd", plugin(causalkit_encoders=[lsa(name), lsa("fine")]))
    assert [e.name for e in registry.of("encoder")] == ["fine"]
    assert f"name = {name!r}: must be" in registry.broken[0].reason


@pytest.mark.parametrize("part", ["target", "summary", "examples"])
def test_what_a_declaration_says_must_be_text(part: str) -> None:
    registry = Registry()
    registry.add("odd", plugin(causalkit_encoders=[lsa("mine", **{part: None})]))
    assert f"{part} = None: must be text" in registry.broken[0].reason
    with pytest.raises(PluginError, match="must be text"):
        registry.find("encoder", "mine")


def test_a_hook_that_declares_without_end_is_stopped() -> None:
    registry = Registry()
    registry.add("endless", plugin(causalkit_encoders=(lsa(f"a{i}") for i in itertools.count())))
    assert "declares more than 1000 components" in registry.broken[0].reason
    assert not registry.entries


def test_a_plugin_that_cannot_be_looked_at_is_broken() -> None:
    class Weird:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __call__(self) -> None: ...

    registry = Registry()
    registry.add("weird", types.SimpleNamespace(inner=Weird()))
    assert "cannot be looked at: RuntimeError: causalkit_impl" in registry.broken[0].reason
