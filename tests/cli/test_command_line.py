"""The command line: laziness, exit codes, stdout and stderr, `--json`, plugins' commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from causalkit import cli
from causalkit.assumptions import ASSUMPTIONS
from causalkit.cli import COMMANDS, _failure
from causalkit.errors import BudgetReached, CausalkitError, ConfigError, Interrupted, Problem
from tests.command import SCRIPT, call, causalkit, environment

HEAVY = {"torch", "transformers", "sentence_transformers", "dowhy", "causallearn", "sklearn", "scipy"}


def failing(monkeypatch, error):
    """A command `fail` that raises `error`."""

    @click.command()
    @click.option("--json", is_flag=True)
    @click.option("-v", is_flag=True)
    def fail(**options):
        raise error

    get = cli.CommandLine.get_command
    monkeypatch.setattr(cli.CommandLine, "get_command", lambda s, c, n: fail if n == "fail" else get(s, c, n))


def modules_after(*arguments):
    """Names of the modules that a command leaves imported, in a process of its own."""
    code = (
        "import sys\nfrom causalkit.cli import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=environment()
    )
    return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


def test_help_needs_click_and_the_table_alone():
    loaded = modules_after("--help")
    assert "click" in loaded
    assert not loaded & (HEAVY | {"pydantic", "rich", "pandas", "numpy", "yaml", "pluggy"})


def test_listing_plugins_imports_no_heavy_library():
    loaded = modules_after("plugins", "list")
    assert not loaded & (HEAVY | {"pandas", "numpy"})


def test_checking_a_config_imports_no_model_library():
    assert not modules_after("check", "quickstart") & {"torch", "transformers", "sentence_transformers", "dowhy"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_each_command_says(name, capsys):
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert isinstance(command, click.Command)
    code, out, _ = call(capsys, name, "--help")
    assert code == 0
    assert out.startswith("Usage: causalkit " + name)


def test_help_lists_every_command(capsys):
    code, out, err = call(capsys, "--help")
    assert (code, err) == (0, "")
    assert all(f"  {name} " in out for name in COMMANDS)


def test_the_version_is_the_distributions(capsys):
    from importlib.metadata import version

    assert call(capsys, "--version")[1].strip().endswith(version("causalkit"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chek"], "no such command: 'chek'; did you mean 'check'?"),
        (["check"], "Missing argument 'CONFIG'"),
        (["check", "x", "--jsn"], "No such option"),
        (["run", "x", "--workers", "0"], "0 is not in the range"),
        (["check", "quickstrat"], "did you mean 'quickstart'?"),
        (["describe", "estimater"], "did you mean 'estimator'?"),
        (["describe", "estimator", "aiwp"], "did you mean 'aipw'?"),
        (["describe", "config", "slit"], "did you mean 'split'?"),
        (["plugins", "show", "causlkit"], "did you mean 'causalkit'?"),
        (["plugins", "list", "--kind", "rankr"], "did you mean 'ranker'?"),
        (["run", "quickstart", "--dry-run", "--until", "rnak"], "did you mean 'rank'?"),
        (["init"], "give either LOG or --example"),
        (["init", "--example", "quickstrat"], "did you mean 'quickstart'?"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_near(arguments, said, capsys):
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert said in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CausalkitError("broken", "mend it"), 1),
        (ConfigError("split", [Problem("a", ": wrong")]), 2),
        (BudgetReached("spent"), 4),
        (Interrupted("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (ZeroDivisionError("oops"), 1),
        (SystemExit(3), 3),
    ],
)
def test_each_error_has_its_exit_code(error, code, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_failure.tempfile, "tempdir", str(tmp_path))
    failing(monkeypatch, error)
    assert call(capsys, "fail")[0] == code


def test_an_unexpected_error_is_short_and_its_traceback_is_kept(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_failure.tempfile, "tempdir", str(tmp_path))
    failing(monkeypatch, ZeroDivisionError("oops"))
    code, out, err = call(capsys, "fail")
    assert (code, out) == (1, "")
    assert "unexpected ZeroDivisionError: oops" in err
    assert "Traceback" not in err
    kept = next(tmp_path.glob("causalkit-traceback-*.txt"))
    assert str(kept) in err
    assert "ZeroDivisionError: oops" in kept.read_text()
    assert "Traceback" in call(capsys, "fail", "-v")[2]


def test_an_error_under_json_is_one_document(monkeypatch, capsys):
    failing(monkeypatch, CausalkitError("broken", "mend it"))
    code, out, err = call(capsys, "fail", "--json")
    assert json.loads(out) == {
        "schema_version": 1,
        "error": {"type": "CausalkitError", "message": "broken", "todo": "mend it", "problems": []},
        "exit_code": code,
    }
    assert err == "Error: broken\nmend it\n"


def test_plugins_are_listed_as_json(capsys):
    code, out, _ = call(capsys, "plugins", "list", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema_version"] == 1
    found = {(row["kind"], row["name"]) for row in document["components"]}
    assert {("estimator", "aipw"), ("dataset", "tables"), ("ranker", "uplift")} <= found


def test_plugins_of_one_kind(capsys):
    out = call(capsys, "plugins", "list", "--kind", "ranker", "--json")[1]
    assert {row["kind"] for row in json.loads(out)["components"]} == {"ranker"}


def test_a_deep_listing_imports_elsewhere(capsys):
    out = call(capsys, "plugins", "list", "--kind", "ranker", "--deep", "--json")[1]
    assert not [row for row in json.loads(out)["components"] if row["broken"]]


def test_a_plugin_is_shown(capsys):
    code, out, _ = call(capsys, "plugins", "show", "causalkit")
    assert code == 0
    assert "aipw" in out


def test_a_component_asked_for_as_a_plugin_says_what_to_call(capsys):
    code, _, err = call(capsys, "plugins", "show", "aipw")
    assert code == 2
    assert "`causalkit describe estimator aipw`" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_fault_3_a_full_disk_behind_stdout_is_said():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [SCRIPT, "plugins", "list"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False
        )
    assert done.returncode == 1
    assert "cannot be written to stdout: No space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert "fault of causalkit" not in done.stderr


def test_a_component_is_described(capsys):
    out = call(capsys, "describe", "estimator", "aipw")[1]
    assert "folds" in out
    assert "level: item" in out
    schema = json.loads(call(capsys, "describe", "estimator", "aipw", "--json")[1])
    assert schema["properties"]["folds"]["type"] == "integer"
    assert schema["properties"]["folds"]["description"]


@pytest.mark.parametrize("encoder", ["behaviour", "{use: pca, params: {of: behaviour}}"])
def test_check_refuses_histories_of_items(encoder, capsys):
    code, _, err = call(capsys, "check", "shop", "-o", f"encode.item={encoder}")
    assert code == 2
    assert "reads histories, and items have none; write {user: " in " ".join(err.split())
    assert call(capsys, "check", "shop", "-o", f"encode.user={encoder}")[0] == 0


def test_paragraphs_of_a_description_flow_and_formulas_stand(capsys):
    out = call(capsys, "describe", "encoder", "behaviour")[1]
    told = out[out.index("The mean is what") : out.index("input:")].split("\n\n")
    assert all(len(line) > 60 for line in told[0].splitlines()[:-1]), told[0]  # broken by the terminal alone
    assert told[1].startswith("    rows it stands for × max(0, ")
    assert "revision: text  (default empty)" in call(capsys, "describe", "encoder", "clip")[1]


def test_what_a_component_assumes_is_described_in_words(capsys):
    told = json.loads(call(capsys, "describe", "estimator", "difference-in-means", "--json")[1])
    assert told["assumes"]["randomised"] == ASSUMPTIONS["randomised"].sentence
    assert ASSUMPTIONS["randomised"].sentence in call(capsys, "describe", "estimator", "difference-in-means")[1]
    assert "as its parameters say" in call(capsys, "describe", "estimator", "shared")[1]
    assert json.loads(call(capsys, "describe", "ranker", "uplift", "--json")[1])["assumes"] is None


def test_a_kind_and_the_config_are_described(capsys):
    assert "uplift" in call(capsys, "describe", "ranker")[1]
    rows = json.loads(call(capsys, "describe", "config", "split", "--json")[1])["keys"]
    assert {row["key"] for row in rows} >= {"split.by", "split.pattern"}


def test_the_resolved_config_is_printed_as_yaml(tmp_path, capsys):
    path = tmp_path / "a.yaml"
    path.write_text("data: simulated\nestimate: aipw\n")
    code, out, _ = call(capsys, "check", path, "--resolved", "-o", "seed=3")
    again = tmp_path / "b.yaml"
    again.write_text(out)
    assert code == 0
    first, second = (json.loads(call(capsys, "check", p, "--json", "-o", "seed=3")[1]) for p in (path, again))
    assert first["config"] == second["config"]


PLUGIN = """
import click

@click.command()
def hello():
    "Greets."
    click.echo("hello from a plugin")

not_a_command = 3
"""


@pytest.fixture
def with_plugin(tmp_path):
    """A folder with a distribution that offers commands: one that works and two that do not."""
    (tmp_path / "greeting.py").write_text(PLUGIN)
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    info = tmp_path / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[causalkit.commands]\n"
        "hello = greeting:hello\nodd = greeting:not_a_command\ngone = exits:x\nrun = greeting:hello\n"
    )
    return tmp_path


def test_a_plugins_command_is_listed_and_called(with_plugin):
    listed = causalkit("--help", PYTHONPATH=str(with_plugin))
    assert "Commands of plugins:\n" in listed.out
    assert "hello  (greeting)" in listed.out
    called = causalkit("hello", PYTHONPATH=str(with_plugin))
    assert (called.code, called.out) == (0, "hello from a plugin\n")


def test_a_plugins_command_cannot_replace_our_own(with_plugin):
    assert "Run CONFIG" in causalkit("run", "--help", PYTHONPATH=str(with_plugin)).out


@pytest.mark.parametrize(("name", "said"), [("odd", "no click command"), ("gone", "could not be imported: SystemExit")])
def test_a_plugins_broken_command_says_whose_it_is(with_plugin, name, said):
    ended = causalkit(name, PYTHONPATH=str(with_plugin))
    assert ended.code == 2
    assert said in ended.err
    assert "of greeting" in ended.err


NOISY = """
print("a plugin that prints when imported")
import os
from causalkit.hookspecs import hookimpl

@hookimpl
def causalkit_rankers():
    print("and when asked")
    return []
"""


def test_fault_19_a_plugin_that_prints_does_not_reach_the_result(tmp_path):
    (tmp_path / "noisy.py").write_text(NOISY)
    info = tmp_path / "noisy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[causalkit]\nnoisy = noisy\n")
    ended = causalkit("plugins", "list", "--json", PYTHONPATH=str(tmp_path))
    assert ended.json["schema_version"] == 1
    assert "a plugin that prints when imported" in ended.err
    assert "and when asked" in ended.err


def test_a_reader_that_goes_away_is_no_failure():
    done = subprocess.run(
        ["bash", "-c", f"{SCRIPT} plugins list --json | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
