"""Figures for papers: the same numbers as on the page, and nothing left out in silence."""

import csv

import numpy as np
import plotly.graph_objects as go
import pytest
from markupsafe import Markup

from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from tests.support.synthetic_validation import validation
from wtemlp.report.data import read_run
from wtemlp.report.figures import style
from wtemlp.report.figures.figure import Figure, Plot
from wtemlp.report.figures.validation import validation_figures
from wtemlp.report.page import all_figures
from wtemlp.report.paper.axes import colour, mathtext
from wtemlp.report.paper.export import (
    DOUBLE_IN,
    SINGLE_IN,
    Unknown,
    export_figures,
    paper_figure,
    save_data,
)


def one(plot: go.Figure, key: str = "key", title: str = "") -> Figure:
    return Figure(key, "Title", Markup(""), [Plot(plot, title)])


def line(**options) -> go.Figure:
    plot = style.figure("time (ps)", "energy (eV)")
    options = {"x": [0, 1, 2], "y": [1.0, None, 3.0], "line": {"color": "#336699"}, **options}
    return plot.add_scatter(**options)


def axes_of(figure: Figure):
    return paper_figure(figure).axes[0]


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("run"))
    made = all_figures(read_run(run.root, run.init_data, TYPE_MAP), (TRUST, (0.1, 0.3)))
    return [*made, *validation_figures(validation())]


def test_every_figure_can_be_drawn(figures):
    """A new kind of trace on the page is to be taught to the papers' figures, too."""
    assert len(figures) > 12
    for figure in figures:
        paper = paper_figure(figure)
        assert len(paper.axes) == len(figure.plots)
        assert paper.get_figwidth() == (SINGLE_IN if len(figure.plots) == 1 else DOUBLE_IN)
        for axes, plot in zip(paper.axes, figure.plots, strict=True):
            layout = plot.figure.layout
            assert axes.get_xlabel() == mathtext(layout.xaxis.title.text)
            assert axes.get_xscale() == ("log" if layout.xaxis.type == "log" else "linear")
            named = {
                mathtext(t.name)
                for t in plot.figure.data
                if t.showlegend is not False and t.visible in (None, True)
            }
            assert named <= {text.get_text() for text in axes.get_legend().get_texts()}


def test_files_are_whole_and_the_same_each_time(tmp_path):
    figure = one(line(mode="lines+markers"))
    written = export_figures([figure], tmp_path / "new")
    assert [file.name for file in written] == ["key.png", "key.pdf", "key.csv"]
    first = [file.read_bytes() for file in written]
    assert first[0].startswith(b"\x89PNG") and first[1].startswith(b"%PDF")
    assert [file.read_bytes() for file in export_figures([figure], tmp_path / "new")] == first
    assert len(list((tmp_path / "new").iterdir())) == 3
    assert export_figures([Figure("none", "", Markup(""))], tmp_path) == []


def test_lines_and_errors_are_those_of_the_page():
    axes = axes_of(
        one(line(mode="lines+markers", error_y={"array": [0.1, None, 0.2]}, name="σ<sub>NVT</sub>"))
    )
    drawn = next(found for found in axes.lines if found.get_label() == "σ$_{NVT}$")
    assert drawn.get_xdata().tolist() == [0, 1, 2]
    assert np.isnan(drawn.get_ydata()[1]) and drawn.get_ydata()[2] == 3
    (bars,) = axes.containers
    ends = [segment[:, 1].tolist() for segment in bars.lines[2][0].get_segments() if len(segment)]
    assert ends[0] == pytest.approx([0.9, 1.1]) and ends[-1] == pytest.approx([2.8, 3.2])


def test_ranges_logarithms_and_reversed_axes():
    plot = line()
    style.log_axis("y", plot, 0.5, 50)
    plot.update_xaxes(range=[0, 4])
    axes = axes_of(one(plot))
    assert axes.get_yscale() == "log" and axes.get_xlim() == (0, 4)
    assert axes.get_ylim() == pytest.approx((0.5, 50))
    assert "10" in [text.get_text() for text in axes.get_yticklabels()]
    style.log_axis("y", plot, 130, 560)  # less than a decade, and no power of ten in it
    shown = [text.get_text() for text in axes_of(one(plot)).get_yticklabels()]
    assert shown == ["200", "300", "400", "500"]
    plot = style.figure("x", "").add_bar(
        y=["a", "b"], x=[1, 2], orientation="h", marker={"color": "#336699"}
    )
    plot.update_yaxes(autorange="reversed")
    low, high = axes_of(one(plot)).get_ylim()
    assert low > high


@pytest.mark.parametrize("barmode", ["stack", "overlay", "group"])
def test_bars(barmode):
    plot = style.figure("x", "", barmode=barmode)
    for values, name in (([1, 2], "one"), ([3, 4], "two")):
        plot.add_bar(
            y=["a", "b"], x=values, orientation="h", name=name, marker={"color": "#336699"}
        )
    bars = [
        (b.get_x(), b.get_width(), round(b.get_y() + b.get_height() / 2, 3))
        for group in axes_of(one(plot)).containers
        for b in group
    ]
    starts = [start for start, *_ in bars]
    assert [width for _, width, _ in bars] == [1, 2, 3, 4]
    assert starts == ([0, 0, 1, 2] if barmode == "stack" else [0, 0, 0, 0])
    assert len({place for *_, place in bars}) == (4 if barmode == "group" else 2)


def _more_axes() -> go.Figure:
    return line().add_scatter(x=[1], y=[1], yaxis="y2").update_layout(yaxis2={"side": "right"})


@pytest.mark.parametrize(
    "plot",
    [
        style.figure("x", "y").add_heatmap(z=[[1]]),
        line(mode="text"),
        line(fill="tonexty", fillcolor="#336699"),
        line(line={"shape": "hv", "color": "#336699"}),
        line(line={"dash": "5px", "color": "#336699"}),
        line(error_x={"array": [1, 1, 1]}),
        line(mode="markers", marker={"size": [1, 2, 3], "color": "#336699"}),
        line(line={"color": None}),
        line(name="<i>x</i>"),
        _more_axes(),
        line().add_annotation(text="here"),
        line().add_shape(type="circle", x0=0, x1=1, y0=0, y1=1),
    ],
)
def test_what_is_not_known_is_not_left_out_in_silence(plot):
    with pytest.raises(Unknown):
        paper_figure(one(plot))


def test_text_and_colours():
    assert mathtext("10<sup>−3</sup> $") == r"10$^{−3}$ \$"
    assert mathtext("a &lt; b") == "a < b"
    assert colour("rgba(255,0,0,0.5)") == (1, 0, 0, 0.5)
    assert colour("#0000ff") == (0, 0, 1, 1)


def test_the_data_of_all_views(tmp_path):
    plot = line(name="a, b").add_scatter(
        x=[5], y=[6], name="c", visible=False, mode="markers", marker={"color": "#336699"}
    )
    views = {"old": [False, True], "new": [True, False]}
    file = save_data(Figure("k", "", Markup(""), [Plot(plot, "P", views)]), tmp_path)
    lines = file.read_text().splitlines()
    assert lines[0] == "# panel 0 P: x = time (ps), y = energy (eV)"
    rows = list(csv.DictReader(lines[1:]))
    assert [(r["view"], r["trace"], r["x"], r["y"]) for r in rows] == [
        ("new", "a, b", "0", "1.0"),
        ("new", "a, b", "1", ""),
        ("new", "a, b", "2", "3.0"),
        ("old", "c", "5", "6"),
    ]
