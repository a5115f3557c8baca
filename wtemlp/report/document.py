"""A page: one self-contained HTML file of headline numbers, sections and figures.

Any page of wtemlp is made here: that of a run, and that of a comparison::

    runs, advice = table_section("Runs", table, key="runs"), PageSection("Advice", Markup(...))
    blocks = [runs, *figures, advice]
    write_text(target, render_page("Bias factors", blocks, kicker="wtemlp comparison"))

Nothing in the page is loaded from anywhere: scripts, style and data are in it, and its content
security policy has the browser refuse all else.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from wtemlp.report.figures.figure import Figure
from wtemlp.report.table import MISSING, Table

TEMPLATE = "document.html.j2"


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class PageSection:
    """A part of a page that is no figure."""

    title: str
    body: Markup
    key: str = ""  #: of the link to it; "": none


def render_page(
    title: str,
    blocks: Sequence[PageSection | Figure],
    *,
    kicker: str = "wtemlp report",
    status: str = "",
    headlines: Sequence[Headline] = (),
    refresh_s: int | None = None,
) -> str:
    """A page as text.

    Parameters
    ----------
    title : str
        Its heading.
    blocks : sequence of PageSection or Figure
        What it holds, in its order; figures are numbered.  A figure without plots says why, and
        has neither number nor caption.
    kicker : str
        The small line above the heading.
    status : str
        The line below it.
    headlines : sequence of Headline
        Numbers at the top.
    refresh_s : int, optional
        The page loads itself again after so many seconds, where the reader is, with the zooms
        and choices that were made.  None: it stays as it is.

    Returns
    -------
    str
        HTML.
    """
    shown = [block for block in blocks if isinstance(block, Figure)]
    keys = [figure.key for figure in shown]
    numbered = [figure.key for figure in shown if figure.plots]
    if len(set(keys)) < len(keys):
        raise ValueError(f"two figures of one key: {', '.join(sorted(keys))}")
    drawn = {
        f"{figure.key}-{place}": {
            **plot.figure.to_plotly_json(),
            "views": list(plot.views.values()),
        }
        for figure in shown
        for place, plot in enumerate(figure.plots)
    }
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            title=title,
            kicker=kicker,
            status=status,
            headlines=headlines,
            blocks=blocks,
            numbers={key: number for number, key in enumerate(numbered, 1)},
            refresh_s=refresh_s,
            written=round(time.time()),
            plotlyjs=Markup(get_plotlyjs()),
            plots=_embedded(drawn),
        )
    )


def section(title: str, template: str, *, key: str = "", **values: Any) -> PageSection:
    """A section from a template in this folder.

    Parameters
    ----------
    title : str
    template : str
        As ``"citations.html.j2"``.
    key : str
    **values
        For the template; all that it names must be given.
    """
    text = _environment().get_template(template).render(**values)
    return PageSection(title, Markup(text), key)


def table_section(
    title: str,
    table: Table,
    *,
    key: str,
    caption: str | Markup = "",
    empty: str = "Nothing is known yet.",
    remarks: Sequence[str] = (),
) -> PageSection:
    """A section of one table, which the reader can take along as CSV.

    Parameters
    ----------
    title : str
    table : Table
    key : str
        Also the table's id, and the name of its file.
    caption : str or Markup
    empty : str
        What to say if the table has no rows.
    remarks : sequence of str
        Lines below the table.
    """
    return section(
        title,
        "table.html.j2",
        key=key,
        id=key,
        table=table,
        caption=caption,
        empty=empty,
        remarks=remarks,
        name=title,
    )


def typeset(text: str) -> str:
    """A table's plain text with the letters and signs that a terminal may lack."""
    for plain, sign in (("sigma ", "σ "), ("g=", "γ = "), ("(x", "(×"), ("meV/A", "meV/Å")):
        text = text.replace(plain, sign)
    return text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["typeset"] = typeset
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals["missing"] = MISSING
    environment.tests["figure"] = lambda block: isinstance(block, Figure)
    return environment


def _embedded(content: Mapping[str, Any]) -> Markup:
    """JSON that can stand in a script element whatever strings it holds."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))
