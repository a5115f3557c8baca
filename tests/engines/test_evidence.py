"""The copper study, in its smallest size, runs to the tables of its analysis."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import environment

FOLDER = Path(__file__).parents[2] / "benchmarks" / "evidence" / "copper"

pytestmark = pytest.mark.engines


def test_the_toy_size_runs_to_its_tables(tmp_path):
    study = [sys.executable, str(FOLDER / "study.py"), "toy", "--out", str(tmp_path)]
    done = subprocess.run(study, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.DictReader((tmp_path / "toy" / "errors.csv").open()))
    sets = {row["set"] for row in rows}
    assert {"crystal1200", "melt1500", "between"} <= sets and len(rows) == 4 * len(sets)
    assert all(0 < float(row["force_rmse_meV_A"]) < 1e4 for row in rows)
    again = subprocess.run(study, env=environment(), capture_output=True, text=True)
    assert again.returncode == 0
    analysis = [sys.executable, str(FOLDER / "analysis.py"), str(tmp_path / "toy")]
    shown = subprocess.run(analysis, env=environment(), capture_output=True, text=True, check=True)
    assert "(b) better than unbiased" in shown.stdout and "not told apart" in shown.stdout
