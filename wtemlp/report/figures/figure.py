"""What a figure is: for the page, for paper and for its data."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go
from markupsafe import Markup


@dataclass(frozen=True)
class Plot:
    """One plot of a figure."""

    figure: go.Figure
    title: str = ""
    views: dict[str, list[bool]] = field(default_factory=dict)
    """Sets of traces to choose from, by name: which of the traces are shown; the last is first."""


@dataclass(frozen=True)
class Figure:
    """A figure: one plot or several beside each other, under one caption."""

    key: str  #: letters, digits and ``_``: the name of its files
    title: str
    caption: Markup
    plots: Sequence[Plot] = field(default_factory=list)
    empty: str = ""  #: what to say when there are no plots
