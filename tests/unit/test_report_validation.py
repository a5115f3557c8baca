"""A validation's figures and tables, from its record alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.synthetic_validation import validation
from wtemlp.records.validation_record import Estimate, Validation
from wtemlp.report.figures.validation import validation_figures
from wtemlp.report.validation_tables import check_table, distance_table, in_words, run_table

KEYS = [
    f"validation_{name}"
    for name in (
        "rdf",
        "variables",
        "energy",
        "temperature",
        "msd",
        "vacf",
        "diffusion",
        "parity",
        "bins",
    )
]


@pytest.fixture(scope="module")
def figures():
    return {figure.key: figure for figure in validation_figures(validation())}


def shown(plot) -> list[str]:
    return [t.name for t in plot.figure.data if t.visible in (None, True) and t.line.width != 0]


def test_every_part_of_the_record_has_its_figure(figures):
    assert list(figures) == KEYS
    assert all("Look for" in figure.caption for figure in figures.values())
    rdf = figures["validation_rdf"].plots
    assert [plot.title for plot in rdf] == ["O–H", "O–O"]
    assert list(rdf[0].views) == ["O–H, 350 K", "O–H, 300 K"]
    assert shown(rdf[1]) == ["model 0", "model 1", "reference"]
    nvt, nve = figures["validation_temperature"].plots
    assert nvt.title == "NVT" and len(nve.views) == 2
    assert "model 1 (ended early)" in [trace.name for trace in nvt.figure.data]


def test_energies_stand_about_their_own_mean_in_the_record_s_units(figures):
    for trace in figures["validation_energy"].plots[0].figure.data:
        x, y = np.array(trace.x), np.array(trace.y)
        assert np.average(x, weights=y) == pytest.approx(0, abs=0.01)
        assert np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2) == pytest.approx(1, abs=0.02)


def test_diffusion_keeps_numbers_and_errors(figures):
    by_name = {trace.name: trace for trace in figures["validation_diffusion"].plots[0].figure.data}
    assert by_name["reference"].y[0] == pytest.approx(2.4)
    assert by_name["model 1, corrected"].y[0] == pytest.approx(3.0)
    assert list(by_name["model 1"].error_y.array) == [0.1, 0.1]


def test_parity_is_relative_to_the_labels_mean_in_meV(figures):
    model = figures["validation_parity"].plots[0].figure.data[0]
    assert np.mean(model.x) == pytest.approx(0, abs=1e-3)
    assert np.std(np.array(model.y) - np.array(model.x)) == pytest.approx(1.0, rel=0.3)


def test_a_record_with_nothing_in_it():
    empty = Validation(0, (), "", "No MD was done.", False)
    assert validation_figures(empty) == []
    assert check_table(empty).rows == run_table(empty).rows == distance_table(empty).rows == []


def test_runs_without_curves_and_numbers_that_are_none():
    bare = validation()
    md = tuple(replace(run, curves={}, diffusion=(), temperature_K=None) for run in bare.md)
    keys = [figure.key for figure in validation_figures(replace(bare, md=md))]
    assert keys == ["validation_parity", "validation_bins"]
    lost = replace(bare.md[0], temperature_K=Estimate(float("nan"), None))
    table = run_table(replace(bare, md=(lost,)))
    assert "mean T" not in [column.title for column in table.columns]


def test_tables():
    found = validation()
    checks, runs = check_table(found), run_table(found)
    assert checks.warned == {1} and checks.rows[1][3] == "not good"
    titles = [column.title for column in runs.columns]
    assert "density" not in titles and "D" in titles
    assert next(row for i, row in enumerate(runs.rows) if i in runs.warned)[-1].startswith("temp")
    assert in_words(Estimate(2.4312, 0.0871)) == "2.431 ± 0.087"
    assert in_words(Estimate(300.44, 1.23), 4) == "300.4 ± 1.2"
    assert in_words(Estimate(1234.0, 56.0)) == "1234 ± 56"
    assert in_words(None) == "-"


def test_bonds_do_not_hide_the_liquid(figures):
    with_hydrogen, oxygens = figures["validation_rdf"].plots
    assert min(min(trace.x) for trace in with_hydrogen.figure.data) > 1.2
    assert min(min(trace.x) for trace in oxygens.figure.data) < 0.1
