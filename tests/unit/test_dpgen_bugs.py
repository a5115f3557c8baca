"""DP-GEN's bugs do not come along: the table of the docs, and what no other test looks at."""

import ast
import re
import time
from pathlib import Path

import numpy as np
import pytest

from wtemlp.analysis.deviation import classify
from wtemlp.dpgen import adapter
from wtemlp.stages.exploration.walker_results import read_rows

ROOT = Path(__file__).parents[2]
HEADER = "#       step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f\n"
_TEST = re.compile(r"`(\w+(?:/\w+)*\.py)::(test_\w+)`")


def test_the_tests_that_the_document_names_are_there():
    text = (ROOT / "docs/dpgen.md").read_text().partition("## DP-GEN's bugs")[2]
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    assert [int(row.split("|")[1]) for row in rows] == list(range(1, 13))
    for row in rows:
        named = _TEST.findall(row)
        assert named, row
        for file, name in named:
            tree = ast.parse((ROOT / "tests" / file).read_text())
            assert name in {getattr(node, "name", "") for node in tree.body}, (file, name)


@pytest.mark.parametrize(
    ("text", "steps", "deviations"),
    [
        ("0 1 1 1 0.1 1 1\n", [0], [0.1]),  # one row: DP-GEN's adaptive selection ends
        ("0 1 1 1 0.1 1 1\n10 1 1 1 nan 1 1\n", [0, 10], [0.1, np.nan]),
        ("0 1 1 1 0.1 1 1\n10 1 1 1 0.", [0], [0.1]),  # cut: DP-GEN says "ValueError"
        ("0 1 1 1 0.1 1 1\n10 1 ", [0], [0.1]),
        ("0 nan nan nan nan nan nan\n", [0], [np.nan]),
        ("", [], []),
    ],
)
def test_deviation_files_of_any_length(tmp_path, text, steps, deviations):
    file = tmp_path / "model_devi.out"
    file.write_text(HEADER + text)
    found, _, forces, _ = read_rows(file)
    np.testing.assert_array_equal(found, steps)
    np.testing.assert_array_equal(forces, deviations)


def test_frames_are_sorted_as_arrays(tmp_path):
    """In less time than DP-GEN's loop over the frames, with the same counts."""
    n = 100_000
    rng = np.random.default_rng(1)
    table = np.column_stack([10 * np.arange(n), *rng.uniform(0, 0.5, (6, n))])
    task = tmp_path / "task.000.000000"
    task.mkdir()
    np.savetxt(task / "model_devi.out", table, header=HEADER[1:].strip(), fmt="%d" + " %.6e" * 6)
    began = time.process_time()
    _, _, forces, _ = read_rows(task / "model_devi.out")
    decision = classify(forces, 0.1, 0.3)
    ours = time.process_time() - began
    with adapter.run_folder(tmp_path, 0) as generator:
        began = time.process_time()
        *_, counter = generator._select_by_model_devi_standard(
            [task.name], 0.1, 0.3, 1e10, 1e10, None, "lammps"
        )
        theirs = time.process_time() - began
    assert np.bincount(decision).tolist() == [
        counter["accurate"],
        counter["candidate"],
        counter["failed"],
    ]
    assert ours < theirs
