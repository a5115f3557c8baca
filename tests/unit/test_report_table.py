"""The table of iterations."""

from dataclasses import replace

import pytest

from tests.support.comparison_runs import scatter
from wtemlp.analysis.widths import WithError
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report.headlines import headlines
from wtemlp.report.run_tables import walker_table
from wtemlp.report.sampling import Sampling, samplings
from wtemlp.report.table import (
    MISSING,
    format_table,
    iteration_table,
    lawful_samplings,
    measured,
    number,
)
from wtemlp.report.widths import Widths


def _walker(
    g: float | None, nvt: float | None, wte: float | None, stopped: str = "", **more: object
) -> WalkerSummary:
    row = {"biasfactor": g, "sigma_nvt_eV": nvt, "sigma_wte_eV": wte, "stopped": stopped}
    row["temperature_K"] = 300.0
    return WalkerSummary.from_json(row | more)


def _summaries() -> list[Summary]:
    return [
        Summary(
            0,
            160,
            2.345,
            101.3,
            explored=400,
            accurate=100,
            candidate=250,
            failed=50,
            selected=40,
            labelled=39,
            walkers=[_walker(16, 0.4, 1.6), _walker(64, 0.4, 9.9, "too hot")],
            seconds={"train": 100, "explore": 65.4},
        ),
        Summary(1, 199, float("nan"), 72.0),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.4567, "0.457"),
        (131.42, "131"),
        (12345.6, "12346"),
        (0, "0"),
        (-2.5, "-2.50"),
        (None, MISSING),
        (float("nan"), MISSING),
        (9.999, "10.0"),
        (1e-9, "0.000000"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_rows_hold_what_is_known():
    table = iteration_table(_summaries())
    titles = [column.title for column in table.columns]
    first = dict(zip(titles, table.rows[0], strict=True))
    assert first["RMSE E"] == "2.35" and first["labelled"] == "39" and first["time"] == "2 min 45 s"
    assert first["WTE g=16"] == "1.60 (x4.00 ± ?)"  # of how many energies nobody knows
    assert first["WTE g=64"] == MISSING  # its only walker was stopped
    second = dict(zip(titles, table.rows[1], strict=True))
    assert second["RMSE E"] == MISSING and second["RMSE F"] == "72.0"
    # K = (0.4 / (8.617e-5 * 300))^2 = 239.4; sqrt(16 (K + 15) / K) = 4.12
    assert table.columns[titles.index("WTE g=16")].unit == "eV (law: x4.12 ± ?)"


def _known(g: float, nvt: float, wte: float, independent: float = 100) -> WalkerSummary:
    """A walker whose energies are known to be worth so many."""
    one = _walker(g, nvt, wte)
    return replace(one, nvt=scatter(nvt, independent), wte=scatter(wte, independent))


def test_a_ratio_has_its_error_and_the_law_that_of_the_heat_capacity():
    summary = Summary(0, explored=1, walkers=[_known(16, 0.4, 1.6), _known(16, 0.4, 1.6)])
    table = iteration_table([summary])
    place = [column.title for column in table.columns].index("WTE g=16")
    # Each sigma is known to 1 / (2 sqrt(200)), half of it in quadrature from both.
    error = 4 * (2 * (0.25 / 200)) ** 0.5
    assert table.rows[0][place] == f"1.60 (x4.00 ± {error:.2f})"
    f = 15 / (239.4 + 15)  # by how much the law falls where sigma_NVT rises
    assert table.columns[place].unit == f"eV (law: x4.12 ± {4.12 * f * (0.25 / 200) ** 0.5:.2f})"
    note = next(one.note for one in headlines([summary]) if "σ" in one.label)
    assert "no difference that its error can tell" in note
    assert "x4.00 +- 0.20" in format_table([summary])


def test_nothing_is_claimed_of_fewer_than_ten_independent_energies():
    few = Summary(0, explored=1, walkers=[_known(16, 0.4, 0.8, 4.0), _known(16, 0.4, 0.8, 4.0)])
    note = next(one.note for one in headlines([few]) if "σ" in one.label)
    assert "too few independent energies to tell" in note
    assert " ± ?" in iteration_table([few]).rows[0][-2]
    many = Summary(0, explored=1, walkers=[_known(16, 0.4, 0.8), _known(16, 0.4, 0.8)])
    note = next(one.note for one in headlines([many]) if "σ" in one.label)
    assert "less than that" in note


def test_the_inefficiency_is_pooled_over_walkers_and_iterations():
    """What one short iteration finds by chance does not make its own error small."""
    usual = [_known(16, 0.4, 1.6) for _ in range(4)]
    lucky = replace(usual[0].wte, inefficiency=2.0, of_squares=1.0, spacing_ps=0.005)
    rows = [replace(one, wte=replace(one.wte, spacing_ps=0.005)) for one in usual]
    alone = Widths({1: [replace(rows[0], wte=lucky)]})
    pooled = Widths({0: rows, 1: [replace(rows[0], wte=lucky)]})
    found = [one.wte(1, Sampling(16.0)).relative for one in (alone, pooled)]
    assert found[0] == pytest.approx(0.5 * (2.0 / 2000) ** 0.5, rel=0.01)
    assert found[1] == pytest.approx(0.5 * (16.4 / 2000) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.312, 0.2, "1.31 ± 0.20"),
        (1.312, None, "1.31 ± ?"),
        (4.0, 0.0, "4.00"),
        (131.42, 13.1, "131 ± 13"),
        (4.123, 0.00012, "4.12 ± 0.0001"),
    ],
)
def test_a_number_with_its_error(value, error, text):
    assert measured(WithError(value, error)) == text


def test_sigmas_over_walkers():
    summary = Summary(0, walkers=[_walker(16, 0.3, 1.2), _walker(16, 0.4, None)])
    widths = Widths.of_run([summary])
    assert widths.nvt(0).value == pytest.approx((0.125) ** 0.5)
    # sigma_NVT of both walkers: they sample the same ensemble
    assert widths.of(0, Sampling(16.0)).ratio.value == pytest.approx(1.2 / (0.125) ** 0.5)
    assert widths.of(0, Sampling(64.0)) is None


def test_walkers_of_other_pressures_sample_other_ensembles():
    """Those that fluctuate in volume, too, have another sigma_NVT."""
    rows = [
        _walker(16, 0.3, 1.2, pressure_bar=None),
        _walker(16, 0.6, 2.4, pressure_bar=1.0),
        _walker(16, 1.2, 4.8, pressure_bar=1000.0),
    ]
    assert Widths({0: rows}).of(0, Sampling(16.0)).ratio.value == pytest.approx(4.0)


def _window(g: float | None) -> WalkerSummary:
    return _walker(g, 0.4, 0.4 * (g or 0) ** 0.5, window_K=[250, 400])


def test_walkers_of_a_window_are_one_column():
    """Each has a bias factor of its own, from its own sigma."""
    rows = [[_window(12), _window(15)], [_window(13), _window(None), _walker(16, 0.4, 1.6)]]
    summaries = [Summary(index, walkers=walkers) for index, walkers in enumerate(rows)]
    table = iteration_table(summaries)
    columns = {column.title: column.unit for column in table.columns if "WTE" in column.title}
    k = 239.4  # (0.4 eV / kT)^2
    law = ((12 * (k + 11) + 15 * (k + 14)) / 2 / k) ** 0.5  # of the last that is known whole
    assert columns == {
        "WTE g=16": "eV (law: x4.12 ± ?)",
        "WTE 250-400 K g=12-15": f"eV (law: x{law:.2f} ± ?)",
    }
    ratio = (13.5) ** 0.5
    assert table.rows[0][-2] == f"{0.4 * ratio:.2f} (x{ratio:.2f} ± ?)"
    assert "250-400 K g=12-15" in format_table(summaries)
    found = [line.label for line in headlines(summaries) if "σ" in line.label]
    assert found == ["σ WTE / σ NVT at γ = 16", "σ WTE / σ NVT at 250-400 K γ = 12-15"]


def test_a_window_that_is_held_back_to_no_bias_is_unbiased():
    assert samplings([_window(1.0), _walker(1, 0.4, 0.4)]) == {Sampling(1.0): [1.0]}


def test_text_is_aligned_ascii_and_leaves_out_empty_columns():
    text = format_table(_summaries())
    lines = text.splitlines()
    assert text.isascii() and len(lines) == 5
    assert len(set(map(len, lines[2:]))) == 1
    assert "g=64" not in text and "selected" not in text
    end = lines[0].index("RMSE F") + len("RMSE F")
    assert lines[3][:end].endswith("101") and lines[4][:end].endswith("72.0")


def test_nothing_yet():
    assert format_table([]) == "no iteration has finished yet"
    assert "iter" in format_table([Summary(0)])


def test_opes_is_not_held_to_the_law_of_the_well_tempered_ensemble():
    """A flat distribution of temperatures has another width than sqrt(g) sigma."""
    flat = _walker(16, 0.4, 0.9, method="opes")
    tempered = _walker(16, 0.4, 1.6, method="wte")
    assert lawful_samplings([Summary(0, walkers=[flat])]) == {}
    both = Summary(0, walkers=[flat, tempered])
    assert lawful_samplings([both]) == {Sampling(16.0): [16.0]}
    assert Widths.of_run([both]).wte(0, Sampling(16.0)).value == 1.6
    assert _predicted(both)[0] == MISSING


def test_nor_is_a_bias_on_other_variables_alone():
    """The energy has its unbiased width, or any other."""
    other = _walker(16, 0.4, 0.4, biases_energy=False)
    with_energy = _walker(16, 0.4, 1.6, biases_energy=True)
    found = lawful_samplings([Summary(0, walkers=[other, with_energy])])
    assert found == {Sampling(16.0): [16.0]}
    assert _predicted(Summary(0, walkers=[other, with_energy])) == [MISSING, "4.12 ± ?"]


def _predicted(summary: Summary) -> list[str]:
    table = walker_table([summary])
    place = [column.title for column in table.columns].index("law")
    return [row[place] for row in table.rows]


def test_the_name_of_a_sampling_has_no_nan():
    assert Sampling(None, template=True).name([float("nan")]) == "template"
    assert Sampling(None, (250.0, 400.0)).name([12.0, float("nan"), 15.0]) == "250-400 K g=12-15"
