"""`causalkit check`: every problem of a config at once, without running it."""

from __future__ import annotations

from typing import Any

import click

from causalkit.cli._output import Output, common_options

__all__ = ["check"]


@click.command()
@click.argument("config")
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help="Set a key of the config.")
@click.option("--resolved", is_flag=True, help="Print the config with every default filled in, as YAML.")
@common_options
def check(config: str, overrides: tuple[str, ...], resolved: bool, out: Output) -> None:
    """Check CONFIG (a YAML file or an example): keys, components, parameters. The log is not read."""
    from causalkit.config import load_config

    loaded = load_config(config, overrides=overrides)

    def render(console: Any) -> None:
        if resolved:
            console.out(loaded.to_yaml(), end="")
        else:
            console.print(f"{config} is valid ({loaded.hash}).")

    out.result({"valid": True, "config_hash": loaded.hash, "config": loaded.to_dict()}, render)
