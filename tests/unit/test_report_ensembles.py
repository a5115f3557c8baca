"""Figures and table of the ensembles that the initial data are from."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.pages import Page
from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from wtemlp.records.ensembles import ENSEMBLES, SampledEnsemble, save_ensembles
from wtemlp.report.data import read_run
from wtemlp.report.figures.ensembles import ensemble_figures, ensemble_table
from wtemlp.report.page import RunFacts, write_report
from wtemlp.report.paper.export import export_figures

ENERGY_EV = [-14.0 + 0.1 * i for i in range(40)]


def _ensemble(biasfactor: float, sigma_eV: float) -> SampledEnsemble:
    density = [math.exp(-0.5 * ((u + 12) / sigma_eV) ** 2) for u in ENERGY_EV]
    curves = {"O-O": ([0.5, 1.0, 2.8], [0.0, 0.1, 2.7]), "O-H": ([1.0, 1.9], [30.0, 1.5])}
    return SampledEnsemble(biasfactor, 200, curves, (ENERGY_EV, density), -12.0, sigma_eV)


NVT = replace(
    _ensemble(1.0, 0.4), diffusion=5.9, diffusion_error=0.31, diffusion_fit_ps=(2.0, 10.0)
)
WTE = replace(_ensemble(64.0, 1.5), diffusion_note="the run is too short")


def test_each_ensemble_is_drawn_as_the_record_has_it():
    energies, structure = ensemble_figures([NVT, WTE])
    lines = energies.plots[0].figure.data
    assert [line.name for line in lines] == ["NVT", "WTE γ = 64"]
    assert list(lines[1].y) == pytest.approx(WTE.energy[1], rel=1e-4)
    assert [plot.title for plot in structure.plots] == ["O–O", "O–H"]
    # beyond the bond, which would hide all else
    assert [list(line.x) for line in structure.plots[1].figure.data] == [[1.9], [1.9]]
    assert ensemble_figures([]) == []


def test_pairs_are_those_of_the_record():
    copper = replace(NVT, rdf={"Cu-Cu": ([2.5], [3.0])})
    assert [plot.title for plot in ensemble_figures([copper])[1].plots] == ["Cu–Cu"]


def test_the_table_has_the_self_diffusion_of_each_ensemble():
    rows = ensemble_table([NVT, WTE]).rows
    assert rows[0][-3:] == ["5.90 ± 0.31", "2 to 10", "-"]
    assert rows[1][-3:] == ["-", "-", "the run is too short"]


def test_page_and_paper_have_them(tmp_path):
    run = write_run(tmp_path / "run")
    (record := run.init_data[0].parent / ENSEMBLES).parent.mkdir(exist_ok=True)
    save_ensembles(record, [NVT, WTE])
    facts = RunFacts("a run", Path(), [TRUST], run.init_data, TYPE_MAP)
    page = Page(write_report(run.root, facts))
    assert "Initial data" in page.words and "WTE γ = 64" in page.words
    figures = ensemble_figures(read_run(run.root, run.init_data, TYPE_MAP).ensembles)
    written = {file.name for file in export_figures(figures, tmp_path / "paper")}
    assert {"ensembles_energy.pdf", "ensembles_rdf.png", "ensembles_rdf.csv"} <= written
    record.write_text("{")
    assert any(ENSEMBLES in note for note in read_run(run.root, run.init_data, TYPE_MAP).notes)
