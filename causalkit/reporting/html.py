"""The report as one HTML file that asks nothing of anyone: no request, no clock, no binary."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from causalkit.reporting import checks, parts
from causalkit.reporting.graph_marks import evidence_of
from causalkit.reporting.graph_svg import draw
from causalkit.reporting.graph_words import graph_summary
from causalkit.reporting.recommendations import recommendations
from causalkit.reporting.summary import answer, cards, caveats, status_counts, units_of
from causalkit.reporting.svg import shape
from causalkit.reporting.view import ReportView
from causalkit.reporting.words import count, joined, number, percent, shortened

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["MOST_BYTES", "render_report"]

MOST_BYTES = 1_000_000
"""The report stays below this; tables are cut, and say so."""
MOST_CONFIG = 20_000
MOST_WORDS = 2_000
"""Characters of any one text; no text of a log may crowd out the rest."""


def render_report(view: ReportView) -> str:
    """The report of a run, one self-contained HTML document of at most `MOST_BYTES` bytes in UTF-8.

    Byte-equal for equal results. Whatever is None or empty is said to have been left out.
    """
    template = _environment().get_template("report.html.j2")
    content = _content(view)
    for rows in (3000, 1200, 300, 50):
        shown, total = parts.effect_rows(view, content["units"], rows)
        page = template.render(content, effect_rows=shown, effects_total=total)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("causalkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": count, "number": number, "percent": percent, "joined": joined, "shortened": shortened,
        "evidence": evidence_of, "with_code": _with_code,
    }  # fmt: skip
    environment.globals |= {"shape": _legend_shape}
    return environment


def _shown(value: object) -> object:
    """Every value that a template prints, before it is escaped: what cannot be shown is taken out."""
    if isinstance(value, Markup) or value is None or callable(value):
        return value
    return shortened(value, MOST_WORDS) if isinstance(value, str) else value


def _with_code(text: str) -> Markup:
    """A text in which what stands between backticks is set as code."""
    parts = str(_shown(text)).split("`")
    if len(parts) % 2 == 0:  # one is open: they are no marks
        return escape("`".join(parts))
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def _legend_shape(kind: str, style: str) -> Markup:
    return shape(kind, "8", 8.0, style)


def _content(view: ReportView) -> Mapping[str, Any]:
    units = units_of(view)
    style, script = _asset("report.css"), _asset("report.js")
    return {
        "view": view, "units": units, "style": style, "script": script,
        "style_hash": _fingerprint(style), "script_hash": _fingerprint(script),
        "answer": answer(view), "cards": cards(view), "caveats": caveats(view), "statuses": status_counts(view),
        "graph_summary": graph_summary(view),
        "drawing": draw(view.graph, view) if view.graph is not None and view.graph.nodes else None,
        "ladder": parts.ladder(view, units), "forest": parts.forest(view, units),
        "falsification": checks.tests(view, units, "falsification"),
        "software_checks": checks.tests(view, units, "software-check"),
        "text_chart": checks.text_chart(view, units), "calibration": checks.calibration_chart(view, units),
        "transport": checks.transport_rows(view, units),
        "overlap": checks.overlap_chart(view), "metrics": checks.metric_charts(view, units),
        "most_points": checks.MOST_POINTS,
        "lists": recommendations(view, units),
        "config": shortened_lines(view.config, MOST_CONFIG).splitlines(),
        "assumptions": tuple(dict.fromkeys([*view.assumptions, *(view.effects.assumptions if view.effects else ())])),
    }  # fmt: skip


def shortened_lines(text: str, most: int) -> str:
    """The text, cut after `most` characters at a line's end, saying so."""
    if len(text) <= most:
        return text
    return text[:most].rpartition("\n")[0] + "\n# … cut here; config.yaml of the run has the rest"


def _asset(name: str) -> Markup:
    """A packaged file that goes into the page as it is: our own words, none of the data's."""
    from importlib.resources import files

    text = files("causalkit.reporting").joinpath("templates", name).read_text("utf-8").replace("\r\n", "\n")
    return Markup(text)  # noqa: S704 - ours


def _fingerprint(text: str) -> str:
    """The hash by which the page's own policy admits exactly this style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()
