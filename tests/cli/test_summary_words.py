"""What `causalkit run` prints at the end of a run whose graph is all, or in which a language model was asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from causalkit.cli._summary import render
from causalkit.types import CausalGraph, Usage
from tests.cli.small_runs import config, write_log
from tests.command import call


def test_a_run_until_discovery_says_how_to_see_its_graph(tmp_path, capsys):
    write_log(tmp_path)
    (tmp_path / "c.yaml").write_text(str(config(tmp_path, discover="pc")).replace("'", '"'))
    code, out, told = call(
        capsys, "run", tmp_path / "c.yaml", "--until", "discover", "-q", "--runs-dir", tmp_path / "runs"
    )
    assert code == 0, told
    assert "The causal graph: causalkit graph show 20" in out


def test_what_models_took_is_said_to_be_of_when_they_first_answered():
    from io import StringIO

    from rich.console import Console

    run = SimpleNamespace(
        id="20260101-a",
        path=Path("runs/a"),
        status="done",
        config=SimpleNamespace(name="c"),
        result=SimpleNamespace(steps=(), usage=Usage(3, 120, 30, 0.25), measurements=()),
        report_path=Path("nowhere/report.html"),
        effects=None,
        ranking=None,
        explanation=None,
        embeddings=None,
        measurements=(),
        graph=CausalGraph(("a", "b")),
    )
    out = StringIO()
    render(Console(file=out, width=120), run)  # type: ignore[arg-type]
    assert "Language models: 3 calls, 150 tokens, cost 0.25, when their answers were first given" in out.getvalue()
