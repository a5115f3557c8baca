"""PLUMED input: units said, bias only where there is one, grid wide enough."""

import math

import pytest

from wtemlp.md import plumed_input

WTE = {
    "biasfactor": 16.0,
    "sigma": 0.4,
    "height": 0.0129,
    "pace": 100,
    "temperature_K": 300.0,
    "grid_min": -20.0,
    "grid_max": 10.0,
    "stride": 10,
    "hills": "HILLS",
    "colvar": "COLVAR",
    "units": "metal",
}


@pytest.mark.parametrize(("units", "energy"), [("metal", "eV"), ("real", "kcal/mol")])
def test_units_are_said(units, energy):
    for text in (
        plumed_input.nvt_input(10, "COLVAR", units),
        plumed_input.wte_input(**{**WTE, "units": units}),
    ):
        assert text.splitlines()[0] == f"UNITS LENGTH=A TIME=ps ENERGY={energy}"
        assert "ene: ENERGY" in text.splitlines()


def test_metad_has_temperature_bias_factor_and_grid():
    text = plumed_input.wte_input(**WTE)
    line = next(line for line in text.splitlines() if "METAD" in line)
    words = dict(word.split("=") for word in line.split() if "=" in word)
    assert words["TEMP"] == "300" and words["BIASFACTOR"] == "16" and words["PACE"] == "100"
    assert (words["GRID_MIN"], words["GRID_MAX"], words["GRID_BIN"]) == ("-20", "10", "4000")
    assert "PRINT ARG=ene,metad.bias STRIDE=10 FILE=COLVAR" in text


def test_bias_factor_one_is_unbiased():
    text = plumed_input.wte_input(**{**WTE, "biasfactor": 1})
    assert "METAD" not in text
    assert text == plumed_input.nvt_input(10, "COLVAR", "metal")


def test_bias_factor_below_one_is_refused():
    with pytest.raises(ValueError, match=r"0\.5"):
        plumed_input.wte_input(**{**WTE, "biasfactor": 0.5})


@pytest.mark.parametrize("biasfactor", [2, 16, 256])
def test_the_grid_is_wide_and_fine_in_sigmas(biasfactor):
    half = plumed_input.grid_half_width(biasfactor)
    assert half >= 20 * math.sqrt(biasfactor)
    assert 2 * half / plumed_input.grid_bins_for(biasfactor) <= 0.2


def test_lammps_writes_the_input_line_by_line():
    text = plumed_input.wte_input(**{**WTE, "sigma": "${sigma}", "grid_min": "${low}"})
    commands = plumed_input.lammps_print(text, "plumed.dat").splitlines()
    assert len(commands) == len(text.splitlines())
    assert commands[0].endswith('" file plumed.dat screen no')
    assert all(line.endswith('" append plumed.dat screen no') for line in commands[1:])
    assert [line.split('"')[1] for line in commands] == text.splitlines()
    assert any("SIGMA=${sigma} " in line and "GRID_MIN=${low} " in line for line in commands)


def test_quotes_cannot_be_printed():
    with pytest.raises(ValueError, match="quotes"):
        plumed_input.lammps_print('a "b"', "file")
