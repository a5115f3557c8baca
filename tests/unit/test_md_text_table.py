"""Tables of engines that are cut anywhere, damaged, or change their columns."""

import subprocess

import numpy as np
import pytest

from tests.support.walkers import WALKER
from wtemlp.core.paths import HILLS
from wtemlp.md import colvar, wte_command
from wtemlp.md.wte_script import files
from wtemlp.stages.exploration.walker_results import read_rows, remarks

TEXT = """#! FIELDS time ene sigma_ene height biasf
#! SET multivariate false
 0.001    -3.25   1.5   0.0123   16
 0.002    -4.125  1.5   0.0122   16
#! FIELDS time ene sigma_ene height biasf
 0.003    -5.5    1.5   0.0121   16
"""
ROWS = [
    [0.001, -3.25, 1.5, 0.0123, 16],
    [0.002, -4.125, 1.5, 0.0122, 16],
    [0.003, -5.5, 1.5, 0.0121, 16],
]


@pytest.mark.parametrize("more", ["", "\0" * 40, "\0" * 40 + "\n"], ids=["cut", "zeros", "line"])
@pytest.mark.parametrize("length", range(0, len(TEXT) + 1, 3))
def test_a_file_that_is_cut_anywhere_is_read_as_far_as_it_is_whole(tmp_path, length, more):
    """Never half of a number, nor a row of half of a header."""
    file = tmp_path / "HILLS"
    file.write_text(TEXT[:length] + more)
    columns = colvar.read(file)
    n = sum(not line.startswith("#") for line in TEXT[:length].split("\n")[:-1])
    found = np.column_stack([*columns.values()]).tolist() if columns else []
    assert found == ROWS[:n]
    text, left_out = colvar.whole_rows(file)
    assert left_out == colvar.rows_left_out(file)
    assert TEXT.startswith(text) and text.count("\n") == len(text.splitlines())
    assert (
        "\0" not in text
        and [line for line in text.splitlines() if line[0] != "#"]
        == [line for line in TEXT.splitlines() if line[0] != "#"][:n]
    )


@pytest.mark.parametrize("length", range(len(TEXT) - 60, len(TEXT)))
def test_what_went_on_behind_a_cut_row_is_read(tmp_path, length):
    """The header of the next job is on the line of the row that was cut."""
    (tmp_path / "COLVAR").write_text(TEXT[:length] + TEXT)
    times = colvar.read(tmp_path / "COLVAR")["time"].tolist()
    assert times[-3:] == [0.001, 0.002, 0.003]
    assert times[:-3] == [row[0] for row in ROWS[: len(times) - 3]]


@pytest.mark.parametrize(
    ("second", "row", "ene", "bias"),
    [
        ("time metad.bias ene", "0.2 7.0 2.0", [1.0, 2.0], [5.0, 7.0]),
        ("time ene", "0.2 2.0", [1.0, 2.0], [5.0, None]),
        ("time d ene metad.bias", "0.2 9.0 2.0 7.0", [1.0, 2.0], [5.0, 7.0]),
        ("time d", "0.2 9.0", [1.0, None], [5.0, None]),
    ],
)
def test_columns_that_change_are_those_of_the_header_before_the_row(
    tmp_path, second, row, ene, bias
):
    file = tmp_path / "COLVAR"
    file.write_text(f"#! FIELDS time ene metad.bias\n0.1 1.0 5.0\n#! FIELDS {second}\n{row}\n")
    series = colvar.read_series(file)
    for name, expected in (("ene", ene), ("metad.bias", bias)):
        wanted = [np.nan if value is None else value for value in expected]
        np.testing.assert_array_equal(series[name], wanted)
    assert colvar.rows_left_out(file) == 0


NEW = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f\n"
OLD = NEW.replace("_v", "_e")


@pytest.mark.parametrize(
    ("text", "virials"),
    [
        (NEW + "0 7.5 0 0 0.1 0 0\n10 nan 0 0 0.2 0 0\n", [7.5, np.inf]),
        (OLD + "0 7.5 0 0 0.1 0 0\n10 7.5 0 0 0.2 0 0\n", [np.nan, np.nan]),
        (OLD + "0 7.5 0 0 0.1 0 0\n" + NEW + "10 2.5 0 0 0.2 0 0\n", [np.nan, 2.5]),
        (NEW + "0 2.5 0 0 0.1 0 0\n" + OLD + "10 7.5 0 0 0.2 0 0\n", [2.5, np.nan]),
        ("0 7.5 0 0 0.1 0 0\n10 2.5 0 0 0.2 0 0\n", [7.5, 2.5]),
        ("# step max_devi_f max_devi_v\n0 0.1 7.5\n10 0.2 2.5\n", [7.5, 2.5]),
        (
            NEW.rstrip() + " atm_devi_f(N)\n0 7.5 0 0 0.1 0 0 1 1\n10 2.5 0 0 0.2 0 0 1 1\n",
            [7.5, 2.5],
        ),
    ],
)
def test_deviations_are_read_by_their_names(tmp_path, text, virials):
    file = tmp_path / "model_devi.out"
    file.write_text(text)
    steps, found, forces, _ = read_rows(file)
    assert steps.tolist() == [0, 10] and forces.tolist() == [0.1, 0.2]
    np.testing.assert_array_equal(found, virials)
    told = any("of DeePMD-kit 1" in line for line in remarks(tmp_path))
    assert told == (OLD in text and NEW not in text)


def test_deviations_that_are_damaged_are_left_out_and_told(tmp_path):
    file = tmp_path / "model_devi.out"
    text = NEW + "0 0 0 0 0.1 0.1 0\n" + "10 0 0 0 0.2# step of the next job\n20 0 0 0 0.3 0.1 0\n"
    file.write_text(text + "\0" * 20 + "\n30 0 0 0 0.4 0 0")
    assert read_rows(file)[0].tolist() == [0, 20]
    assert remarks(tmp_path) == ["3 rows of model_devi.out are cut or damaged and left out"]


@pytest.mark.parametrize("length", range(len(TEXT) - 38, len(TEXT) + 1))
@pytest.mark.parametrize("more", ["", "\0" * 40])
def test_hills_that_are_cut_do_not_reach_plumed(tmp_path, length, more):
    """Those of the iteration before, and those that a job goes on with."""
    made = files(WALKER)
    (tmp_path / "previous.hills").write_text(TEXT[:length])
    for name in ("shift.awk", "hills.awk"):
        (tmp_path / name).write_text(made[name])

    def sh(command: str) -> str:
        return subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    (tmp_path / HILLS).write_text(TEXT[:length] + more)
    sh(wte_command._cut_last(HILLS))
    kept = sh(f"awk -v until=0.0035 -f hills.awk {HILLS}")
    shifted = sh("awk -v shift=1 -v factor=4 -f shift.awk previous.hills")
    for text in (kept, shifted):
        rows = [line.split() for line in text.splitlines() if line[0] != "#"]
        assert all(len(row) == 5 for row in rows) and len(rows) >= 2
    assert [line.split()[0] for line in kept.splitlines() if line[0] != "#"] == [
        "0.001",
        "0.002",
        "0.003",
    ][: 3 if length == len(TEXT) else 2]
