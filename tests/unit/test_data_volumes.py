"""How dense and how dilute the labelled frames are."""

import json

import numpy as np
import pytest

from tests.support.initial_data import arrays, write
from tests.support.label_inputs import loaded, write_input
from wtemlp.core.paths import RunPaths
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.data_volumes import DataVolumes
from wtemlp.stages.exploration.starting_structures import Start

WATER = {"O": 1, "H": 2}


def of(root, start, *lengths, iteration=0, types="0\n1\n1\n"):
    """The bounds of a structure, with initial data in cubic boxes of some edges."""
    if not (root / "param.json").exists():
        write_input(root, "gaussian")
    param = json.loads((root / "param.json").read_text())
    data = arrays(len(lengths))
    data["box"] = np.array([(np.eye(3) * length).ravel() for length in lengths])
    (system,) = param["init_data_sys"]
    write(root / param.get("init_data_prefix", "") / system, data, types=types)
    context = RunContext(*loaded(root), RunPaths(root))
    return DataVolumes(context, iteration).of(start)


def start(n_molecules=1, volume_A3=1000.0, **atoms):
    return Start(
        "conf", "", None, atoms or {k: n * n_molecules for k, n in WATER.items()}, volume_A3
    )


def test_the_bounds_are_the_volumes_of_the_data_for_as_many_atoms(tmp_path):
    assert of(tmp_path, start(), 9.0, 12.0) == pytest.approx((729.0, 1728.0))
    assert of(tmp_path, start(2, 2000.0), 9.0, 12.0) == pytest.approx((1458.0, 3456.0))


def test_a_molecule_in_a_large_box_is_no_strain(tmp_path):
    """Of 10 and 12 Angstrom, only the first is within three times the structure's volume."""
    assert of(tmp_path, start(1, 400.0), 10.0, 12.0) == pytest.approx((1000.0, 1000.0))
    assert of(tmp_path, start(1, 100.0), 10.0, 12.0) is None


def test_other_compositions_do_not_count(tmp_path):
    assert of(tmp_path, start(O=2, H=2), 9.0) is None


def test_labelled_frames_of_earlier_iterations_count(tmp_path):
    labelled = arrays(1)
    labelled["box"] = np.eye(3).reshape(1, 9) * 8.0
    write(tmp_path / "iter.000000/02.fp/data.000", labelled)
    assert of(tmp_path, start(), 9.0) == pytest.approx((729.0, 729.0))
    assert of(tmp_path, start(), 9.0, iteration=1) == pytest.approx((512.0, 729.0))
