"""The report in a real browser: it renders, complains of nothing, and asks nothing of anyone."""

from dataclasses import replace

import pytest

from causalkit.reporting.html import render_report
from tests.reporting import sample
from tests.reporting.browser import Browser, chromium
from tests.reporting.test_html import PAYLOADS, everywhere


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    path = chromium()
    with Browser(path, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def open_report(browser, tmp_path):
    def opened(view, width=1280, **looks):
        browser.view(width, 900, **looks)
        place = tmp_path / "report.html"
        place.write_text(render_report(view), "utf-8")
        browser.open(place.as_uri())
        assert browser.requests() == [place.as_uri()]
        assert browser.complaints() == []
        return browser

    return opened


@pytest.mark.parametrize("width", [390, 820, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_renders_without_a_complaint_or_a_request(open_report, width, dark):
    browser = open_report(sample.view(), width, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") <= width  # nothing sticks out at the side
    assert browser.value("document.querySelectorAll('main > section').length") == 13
    shown = "Array.from(document.querySelectorAll('main > section')).every(s => s.getBoundingClientRect().height > 60)"
    assert browser.value(shown)
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(20, 23, 27)" if dark else "rgb(251, 250, 246)")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_graph_has_one_drawing_for_each_width_and_it_fits(open_report, width):
    browser = open_report(sample.view(), width)
    drawings = "Array.from(document.querySelectorAll('svg.graph, svg.graph-arcs'))"
    seen = f"{drawings}.filter(s => s.getBoundingClientRect().width)"
    assert browser.value(f"{seen}.map(s => s.getAttribute('class'))") == ["graph-arcs" if width == 390 else "graph"]
    assert browser.value(f"{seen}[0].getBoundingClientRect().right") <= width


def test_the_toggle_switches_the_theme(open_report):
    browser = open_report(sample.view())
    browser.value("document.getElementById('theme').click()")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    browser.value("document.getElementById('theme').click()")
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 246)"


def test_the_table_of_effects_sorts_and_filters(open_report):
    browser = open_report(sample.view())
    first = "document.querySelector('#effects-table').tBodies[0].rows[0].cells"
    assert browser.value(f"{first}[0].textContent.trim()") == "strawberries"
    browser.value("document.querySelectorAll('#effects-table thead button')[2].click()")
    assert browser.value(f"{first}[2].textContent").startswith("−")
    browser.value(
        "(f => { f.value = 'BERRIES'; f.dispatchEvent(new Event('input')) })(document.querySelector('input'))"
    )
    assert browser.value("document.querySelectorAll('#effects-table tbody tr:not([hidden])').length") == 1
    assert browser.value("document.querySelector('[data-found]').textContent") == "1 found"


def test_it_prints_in_light_even_where_the_screen_is_dark(open_report):
    browser = open_report(sample.view(), dark=True, media="print")
    assert browser.value("getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()") == "#1c1f24"
    assert browser.value("getComputedStyle(document.querySelector('.toc')).display") == "none"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_payloads_do_nothing_in_a_real_browser(open_report, payload):
    browser = open_report(everywhere(payload))
    assert browser.value("document.scripts.length") == 1
    assert browser.value("document.querySelectorAll('img, iframe, animate, object').length") == 0


def test_an_unending_word_does_not_widen_the_page(open_report):
    view = replace(sample.view(60), question="x" * 400, item_labels={"strawberries": "y" * 400})
    browser = open_report(view, 390)
    assert browser.value("document.documentElement.scrollWidth") <= 390
