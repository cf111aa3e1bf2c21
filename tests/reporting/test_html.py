import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from causalkit.reporting.html import MOST_BYTES, render_report
from causalkit.reporting.view import DatasetFacts, LadderRow, ReportView, TextGain
from causalkit.types import CausalGraph, Edge, Estimand, Evidence, Measurement, StepRecord
from tests.reporting import sample

SECTIONS = [
    "summary",
    "asked",
    "graph",
    "ladder",
    "effects",
    "falsification",
    "text",
    "held-out",
    "overlap",
    "recommendations",
    "metrics",
    "assumptions",
    "reproduce",
]

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "</title><svg onload=alert(1)><animate onbegin=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "</text></svg><iframe srcdoc='<script>alert(1)</script>'>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!--<script>alert(1)</script>-->",
    "{{ 7*7 }}{% raw %}${7*7}",
    "javascript:alert(1)",
    "milk\x00<b>\x1b[31m",
    "\u202eegnaro\u202c \u2066x\u2069",
]


class Page(HTMLParser):
    """Elements and attributes of a page, and its visible text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page():
    return render_report(sample.view())


def everywhere(payload):
    """The sample with one text put wherever data can bring text."""
    view = sample.view(60)
    effects = view.effects
    table = effects.item.rename(index={"strawberries": payload}).assign(reason=payload)
    ranked = view.ranking.table.replace({"strawberries": payload, "household 1": payload})
    ranked["who"] = ranked["who"].where(ranked["who"] == "", payload)
    estimand = replace(
        view.estimand, reason=payload, population=payload, warnings=(payload,), unit=(payload,), adjustment=(payload,)
    )
    nodes = ("mailed", "bought", payload)
    graph = CausalGraph(nodes, (Edge(payload, "bought", "->", 0.5, (Evidence("llm", payload),)),), notes=(payload,))
    receipts = tuple(
        replace(r, item=payload, text=payload, bundle=payload, falsification=payload, who=r.who and payload, of=payload)
        for r in view.explanation
    )
    return replace(
        view,
        name=payload,
        question=payload,
        answer=payload,
        per=payload,
        items_called=payload,
        dataset=DatasetFacts(payload, 1, 1, 1, 1, (payload,), (sample.Count(payload, 3),), payload, (payload,)),
        labels={"bought": payload, "mailed": payload},
        tier_names={0: payload, 4: payload},
        graph=graph,
        estimand=estimand,
        secondary=(replace(estimand, name=payload, identified=False),),
        config=payload,
        config_hash=payload,
        ladder=(LadderRow(payload, payload, 0.1, 0.0, 0.2, 0.1, 0.3),),
        effects=replace(effects, item=table, assumptions=(payload,)),
        text=TextGain(payload, 3, 4, 0.1, 0.2, payload, payload),
        ranking=replace(view.ranking, table=ranked, ranker=payload),
        verdicts=tuple(replace(v, refuter=payload, tried=payload, read=payload) for v in view.verdicts),
        measurements=(Measurement(payload, 0.1, 0.0, 0.2, 3, payload, payload),),
        transport_note=payload,
        transport=(Measurement(payload, 0.1, 0.0, 0.2, 3, payload, payload),),
        assumptions=(payload,),
        commands=(payload,),
        explanation=replace(view.explanation, receipts=receipts),
        versions={payload: payload},
        data_fingerprint=payload,
        steps=(StepRecord(payload, payload, 1.0, payload, payload),),
        claimed=view.claimed.assign(item=payload),
    )


def test_every_section_is_there_in_order_with_a_heading(page):
    assert re.findall(r'<section id="([\w-]+)"', page) == SECTIONS
    headings = re.findall(r"<h([1-4])", page)
    assert headings[0] == "1"
    assert headings.count("1") == 1
    assert all(f'href="#{section}"' in page for section in SECTIONS)


def test_the_answer_is_per_hundred_with_sign_and_interval(page):
    text = Page(page).text
    assert "about +0.36 per 100 household-weeks (95 % interval +0.30 to +0.42)" in text
    assert "on a baseline of 0.81" in text
    assert "7.1 times the adjusted estimate" in text
    assert not re.search(r"\bprov(e|es|en|ed)\b", text)


def test_software_checks_stand_apart_from_falsification(page):
    falsification = page[page.index('id="falsification"') : page.index('id="text"')]
    first, second = falsification.split("Software checks")
    assert "future-exposure" in first
    assert "permutation" not in first
    assert "permutation" in second
    assert "cannot see confounding" in second


def test_predicted_items_are_marked_as_such(page):
    forest = page[page.index('id="effects"') : page.index('id="effects-table"')]
    assert "Predicted from similar" in forest
    assert forest.count("mark predicted ring") >= 6


def test_the_graph_marks_treatment_outcome_and_adjustment(page):
    graph = page[page.index('id="graph"') : page.index('id="ladder"')]
    assert graph.count('class="node treatment"') == 3  # wide, narrow, legend
    assert graph.count('class="node outcome"') == 3
    assert graph.count('class="node adjusted"') == 2 * 3 + 1
    assert "added <bdi" in graph


def test_the_same_results_give_the_same_bytes_and_seconds_are_not_shown(page):
    assert render_report(sample.view()) == page
    slower = sample.view()
    slower = replace(slower, steps=tuple(replace(s, seconds=s.seconds + 1234.5) for s in slower.steps))
    assert render_report(slower) == page


def test_nothing_points_outside(page):
    found = Page(page)
    for tag, name, value in found.attributes:
        if name in ("href", "src", "srcset", "action", "data", "xlink:href", "poster", "background"):
            assert value.startswith("#") or value == "data:,", (tag, name, value)
    assert not set(found.elements) & {
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "audio",
        "video",
        "use",
        "image",
    }
    assert not re.search(r"@import|url\(|https?:|fetch\(|XMLHttp|sendBeacon|WebSocket", page)


def test_the_policy_admits_only_our_own_style_and_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inner = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [a for a in Page(page).attributes if a[1] == "style" or a[1].startswith("on")]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_stay_inert_wherever_data_brings_text(payload):
    made = render_report(everywhere(payload))
    found, plain = Page(made), Page(render_report(everywhere("plain words")))
    assert counted(found) == counted(plain)
    assert {(tag, name) for tag, name, _ in found.attributes} == {(tag, name) for tag, name, _ in plain.attributes}
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", made)
    assert made.count("<script") == 1
    if "7*7" in payload:
        assert "{{ 7*7 }}" in found.text
        assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", made)[0]


def counted(page):
    """How often each element stands; but for lines of SVG text, which are as many as words need."""
    return Counter(tag for tag in page.elements if tag != "text")


def test_half_a_surrogate_pair_is_taken_out():
    view = replace(sample.view(60), question="a \ud800", config="b: \udfff", assumptions=("c \ud801",))
    assert "a \ufffd" in Page(render_report(view)).text


def test_right_to_left_titles_are_kept_and_isolated():
    view = replace(sample.view(), item_labels={"strawberries": "תות שדה"})
    assert "<bdi>תות שדה</bdi>" in render_report(view)


def test_an_empty_run_says_what_was_left_out():
    made = render_report(ReportView(name="nothing yet"))
    text = " ".join(Page(made).text.split())
    assert re.findall(r'<section id="([\w-]+)"', made) == SECTIONS
    assert made.count('class="left-out"') >= 11
    for key in ("identify", "discover", "estimate", "refute", "encode: none", "evaluate", "rank"):
        assert key in text
    assert "No effect was estimated in this run." in text


@pytest.mark.parametrize(
    "field",
    [
        "dataset",
        "graph",
        "estimand",
        "effects",
        "text",
        "claimed",
        "ranking",
        "explanation",
        "ladder",
        "verdicts",
        "measurements",
    ],
)
def test_any_one_part_may_be_missing(field):
    view = sample.view(60)
    empty = () if isinstance(getattr(view, field), tuple) else None
    made = render_report(replace(view, **{field: empty}))
    assert re.findall(r'<section id="([\w-]+)"', made) == SECTIONS
    assert "None" not in Page(made).text
    assert "nan" not in Page(made).text.lower().split()


def test_a_run_that_is_not_identified_says_so_first():
    view = sample.view(60)
    lost = Estimand("mailed", "bought", identified=False, reason="the treatment never varies")
    made = Page(render_report(replace(view, estimand=lost))).text
    assert "The effect is not identified from this log: the treatment never varies." in made


def test_the_quickstart_s_size_fits_with_every_effect():
    made = render_report(sample.view(2378))
    assert len(made.encode()) <= MOST_BYTES
    assert "Every effect as a table (2\u202f378 product types)" in made


def test_thirty_thousand_items_with_endless_titles_fit_and_the_cut_is_said():
    view = sample.view(300)
    table = pd.concat([view.effects.item] * 100, ignore_index=True)
    table.index = pd.Index([f"{i} " + "ж" * 500 for i in range(len(table))])
    many = pd.concat([view.claimed] * 100, ignore_index=True)
    words = tuple(f"{i} " + "ж" * 9000 for i in range(500))
    big = replace(
        view,
        effects=replace(view.effects, item=table),
        config="a: 1\n" * 100_000,
        claimed=many,
        assumptions=words,
        commands=words,
        question=words[0],
    )
    made = render_report(big)
    assert len(made.encode()) <= MOST_BYTES
    assert re.search(r"Every effect as a table \([\d\u202f]+ of 30\u202f000 product types\)", made)
    assert "config.yaml of the run has the rest" in made


def test_both_dark_palettes_are_the_same():
    css = files("causalkit.reporting").joinpath("templates/report.css").read_text("utf-8")
    blocks = [
        dict(re.findall(r"(--[\w-]+): (#\w+)", block)) for block in re.findall(r"color-scheme: dark;([^}]*)}", css)
    ]
    assert len(blocks) == 2
    assert blocks[0] == blocks[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_marks_stand_out_from_what_is_behind_them(scheme):
    css = files("causalkit.reporting").joinpath("templates/report.css").read_text("utf-8")
    block = re.search(rf"color-scheme: {scheme};([^}}]*)}}", css).group(1)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", block))
    for words in ("ink", "muted", "accent", "warm", "good"):
        for behind in ("paper", "raised", "band"):
            assert contrast(colours[words], colours[behind]) >= 4.5, (scheme, words, behind)
    assert contrast(colours["accent"], colours["accent-soft"]) >= 4.5
    for mark in ("point", "ghost", "strong-rule"):
        assert contrast(colours[mark], colours["paper"]) >= 3, (scheme, mark)


def contrast(one, other):
    """WCAG 2.2's contrast ratio of two #rrggbb colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])
