"""Reading time series of COLVAR files."""

import numpy as np

from wtemlp.md import colvar


def test_rows_written_twice_are_read_once(tmp_path):
    """A seam of two runs (0.2), and a job that went on from checkpoints at 0.3 and 0.5."""
    file = tmp_path / "COLVAR"
    file.write_text(
        "#! FIELDS time ene\n0.1 1\n0.2 2\n0.2 2\n0.3 3\n0.4 98\n0.5 99\n"
        "#! FIELDS time ene\n0.3 97\n0.4 4\n0.5 5\n0.6 96\n#! FIELDS time ene\n0.5 95\n0.6 6\n"
    )
    series = colvar.read_series(file)
    np.testing.assert_array_equal(series["time"], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    np.testing.assert_array_equal(series["ene"], [1, 2, 3, 4, 5, 6])


def test_no_row_yet(tmp_path):
    assert colvar.read_series(tmp_path / "none") == {}
