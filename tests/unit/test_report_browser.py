"""The page in a real browser: drawn, quiet, alone, readable on a phone, in the dark, on paper."""

from pathlib import Path

import pytest
from markupsafe import Markup

from tests.support.browser import DESKTOP, DRAWN, PHONE, TOO_WIDE, Browser, require_browser
from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from tests.support.synthetic_validation import validation
from wtemlp.records import validation_record
from wtemlp.report.document import PageSection, render_page, table_section
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.input_files import InputFile
from wtemlp.report.page import RunFacts, write_report
from wtemlp.report.table import Column, Table

PAPER = "getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    require_browser()
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("run"))
    folder = run.root / validation_record.FOLDER
    folder.mkdir()
    validation_record.save(folder / validation_record.FILE, validation())
    inputs = [InputFile("param.json", {"a_long_key": ["a long value"] * 30})]
    facts = RunFacts("Water", Path(), (TRUST,), run.init_data, TYPE_MAP, inputs=inputs)
    return write_report(run.root, facts)


@pytest.fixture(scope="module")
def shown(browser, page):
    """The page on a desk, loaded once."""
    browser.requests.clear()
    browser.show(page)
    return browser


def quiet(browser: Browser, page) -> None:
    """Nothing was complained of, and nothing but the page itself was asked for."""
    assert browser.console == []
    assert set(browser.requests) == {page.as_uri()}


def test_every_figure_is_drawn_without_a_word_or_a_request(shown, page):
    drawn = shown.evaluate(DRAWN)
    assert len(drawn) > 20 and all(drawn.values())
    quiet(shown, page)
    # The browser itself would refuse to load anything.
    refused = "fetch('https://example.org').then(() => 'loaded', () => 'refused')"
    assert shown.evaluate(refused) == "refused"
    assert any("Content Security Policy" in line for line in shown.console)
    shown.console.clear()


def test_dark_and_light(shown):
    ink = "document.querySelector('#rmse-0 .xtitle').style.fill"
    light = shown.evaluate(PAPER), shown.evaluate(ink)
    shown.prefer(dark=True)
    shown.wait_for(f"{ink} !== {light[1]!r}")
    assert shown.evaluate(PAPER) == "rgb(21, 23, 27)"
    shown.prefer(dark=False)
    shown.wait_for(f"{ink} === {light[1]!r}")
    assert shown.evaluate(PAPER) == light[0] == "rgb(253, 253, 251)"


def _saved(browser: Browser, selector: str) -> str:
    """What a button offers to save."""
    browser.evaluate(
        "(() => { window.blobs = []; const make = URL.createObjectURL;"
        " URL.createObjectURL = (blob) => { window.blobs.push(blob); return make(blob); }; })()"
    )
    browser.evaluate(f"document.querySelector({selector!r}).click()")
    return browser.evaluate("window.blobs[0].text()")


def test_data_tables_and_references_can_be_taken_along(shown):
    lines = _saved(shown, 'button[data-plot="rmse-1"]').splitlines()
    assert lines[0].startswith("trace,labelled frames in the training data,RMSE of the forces (meV")
    assert lines[-1].startswith("mean,")
    assert _saved(shown, 'button[data-table="iterations"]').startswith("iter,train frames,")
    assert _saved(shown, 'button[data-name="wtemlp.bib"]').startswith("@article{")
    assert "γ = 64" in _saved(shown, 'button[data-plot="energy-0"]')
    shown.evaluate(
        "(() => { const list = document.querySelector('.views[data-plot=\"energy-0\"]');"
        " list.value = '0'; list.dispatchEvent(new Event('change')); })()"
    )
    assert "γ = 64" not in _saved(shown, 'button[data-plot="energy-0"]')


def test_it_can_be_printed(shown, tmp_path):
    target = tmp_path / "page.pdf"
    shown.paper(target)
    content = target.read_bytes()
    assert content.startswith(b"%PDF") and 2 < content.count(b"/Type /Page\n") < 25


def test_a_phone_shows_it_without_scrolling_sideways(shown, page):
    shown.requests.clear()
    shown.show(page, PHONE)
    assert shown.evaluate(TOO_WIDE) == 0
    assert shown.evaluate("innerWidth") == PHONE["width"]
    quiet(shown, page)


def test_a_page_that_follows_a_run_keeps_the_reader_s_place(browser, tmp_path):
    plot = style.figure("x", "y").add_scatter(x=[0, 9], y=[0, 9], name="kept")
    plot.add_scatter(x=[0, 9], y=[9, 0], name="hidden")
    plot.update_layout(height=1500)
    target = tmp_path / "live.html"

    def write(refresh_s: int | None) -> None:
        fold = PageSection("Fold", Markup("<details><summary>s</summary>text</details>"))
        figure = Figure("f", "Figure", Markup("caption"), [Plot(plot)])
        target.write_text(render_page("Live", [figure, fold], status="s", refresh_s=refresh_s))

    write(3)
    browser.requests.clear()
    browser.show(target, DESKTOP)
    browser.evaluate(
        "Plotly.relayout('f-0', {'xaxis.range[0]': 1, 'xaxis.range[1]': 4})"
        ".then(() => Plotly.restyle('f-0', {visible: 'legendonly'}, [1]))"
        ".then(() => { document.querySelector('details').open = true; scrollTo(0, 321);"
        " window.before = true; })"
    )
    write(None)  # the run has ended meanwhile
    browser.wait_for(
        "window.before === undefined && history.scrollRestoration === 'auto'"
        " && document.querySelector('.main-svg')"
    )
    assert browser.evaluate("document.getElementById('f-0').layout.xaxis.range") == [1, 4]
    assert browser.evaluate("document.getElementById('f-0').data[1].visible") == "legendonly"
    assert browser.evaluate("document.querySelector('details').open") is True
    assert browser.evaluate("scrollY") == 321
    assert browser.requests == [target.as_uri()] * 2
    quiet(browser, target)


def test_any_page_of_sections_and_figures(browser, tmp_path):
    """As that of a comparison."""
    columns = [Column("run", text=True), Column("RMSE F", "meV/A")]
    table = Table(columns, [["<a>", "1"]], frozenset([0]))
    blocks = [
        table_section("Runs", table, key="runs", remarks=["a & b"]),
        Figure("none", "Nothing", Markup("c"), empty="No runs."),
    ]
    target = tmp_path / "page.html"
    target.write_text(render_page("A <b>", blocks, kicker="wtemlp comparison"))
    browser.requests.clear()
    browser.show(target)
    words = browser.evaluate("document.querySelector('main').innerText")
    for word in ("WTEMLP COMPARISON", "A <b>", "<a>", "meV/Å", "a & b", "No runs."):
        assert word in words
    quiet(browser, target)
    with pytest.raises(ValueError, match="two figures"):
        render_page("A", [blocks[1], blocks[1]])
