"""`--no-plugins` and CAUSALKIT_DISABLE: the way out of trouble that a plugin makes."""

from __future__ import annotations

import json

import pytest

from causalkit import disabling
from causalkit.registry import Registry, default_registry
from tests.cli.strangers import Stranger
from tests.command import causalkit


@pytest.fixture
def stranger(tmp_path):
    return Stranger(tmp_path, "My_Plugin").offering("ranker", "theirs", "Ranker")


def listed(ended):
    return {row["name"] for row in ended.json["components"]}


@pytest.mark.parametrize("name", ["my-plugin", "My_Plugin", "my.plugin", "other, my_plugin", "*"])
def test_a_plugin_is_disabled_by_any_spelling_of_its_name(stranger, name):
    assert "theirs" in listed(stranger.command("plugins", "list", "--json"))
    off = stranger.command("plugins", "list", "--json", CAUSALKIT_DISABLE=name)
    assert "theirs" not in listed(off)
    assert "uplift" in listed(off)
    assert "My_Plugin" in {plugin["distribution"] for plugin in off.json["disabled"]}


def test_one_option_leaves_only_built_ins_and_says_how_to_get_the_rest_back(stranger):
    off = stranger.command("--no-plugins", "plugins", "list")
    assert "theirs" not in off.out
    assert "disabled: my_plugin of My_Plugin 1.0" in off.out
    assert "leave out --no-plugins" in off.out


def test_a_name_that_nobody_has_is_said_and_the_command_goes_on(stranger):
    ended = stranger.command("plugins", "list", "--json", CAUSALKIT_DISABLE="my_plugn,builtin")
    assert "CAUSALKIT_DISABLE names no installed plugin: builtin, my-plugn" in ended.err
    assert "theirs" in listed(ended)
    assert "uplift" in listed(ended)


def test_a_config_that_needs_a_disabled_plugin_says_its_name(stranger):
    (stranger.folder / "c.yaml").write_text(json.dumps({"data": "simulated", "estimate": "aipw", "rank": "theirs"}))
    for rank in ("theirs", "my_plugin:theirs"):
        ended = stranger.command("check", "c.yaml", "-o", f"rank={rank}", CAUSALKIT_DISABLE="my-plugin")
        assert ended.code == 2
        assert "Disabled by CAUSALKIT_DISABLE or --no-plugins: my_plugin (of My_Plugin)" in ended.err
    assert stranger.command("check", "c.yaml").code == 0


def test_commands_of_a_disabled_plugin_are_gone_too(stranger):
    stranger.also("causalkit.commands", "hello = my_plugin:hello")
    assert "hello" in stranger.command("--help").out
    assert "hello" not in stranger.command("--help", CAUSALKIT_DISABLE="my-plugin").out
    assert stranger.command("--no-plugins", "hello").code == 2


def test_what_is_disabled_may_change_within_one_process(monkeypatch):
    everything = default_registry()
    with disabling.everything():
        assert default_registry() is not everything
    assert default_registry() is everything


def test_worker_processes_see_the_same_plugins(stranger, monkeypatch):
    monkeypatch.setenv("CAUSALKIT_DISABLE", "my-plugin")
    monkeypatch.syspath_prepend(str(stranger.path))
    assert "my_plugin" in {p.name for p in Registry.discover().disabled}
    from causalkit.probing import each

    outcome = next(each([("causalkit.disabling:unknown", ())]))
    assert outcome.value == []
    outcome = next(each([("os:getenv", ("CAUSALKIT_DISABLE",))]))
    assert outcome.value == "my-plugin"


def test_no_plugin_costs_no_start(tmp_path):
    assert causalkit("--no-plugins", "plugins", "--help").code == 0
