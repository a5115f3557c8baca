"""Labels by a calculator of ASE: many frames in one process, each for itself."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.support.ase_labels import labelled
from tests.support.label_inputs import arrays, explore, loaded, waters, write_input
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch import script, task_status
from wtemlp.stages import label
from wtemlp.stages.context import RunContext

EMT = {"fp_params": {"calculator": "ase.calculators.emt.EMT"}}
OWN = """
from ase.calculators.emt import EMT

class Fussy(EMT):
    def calculate(self, atoms=None, *args):
        if abs(atoms.positions[0, 0] - {x!r}) < 1e-9:
            raise RuntimeError("I do not like this one")
        super().calculate(atoms, *args)
"""


def test_labels_are_the_calculators(tmp_path):
    from ase import Atoms
    from ase.calculators.emt import EMT as Calculator

    context = labelled(tmp_path, EMT)
    assert label.collect(context, 0) == (3, {})
    data = arrays(context.paths.label_data(0, 0))
    types, frames, cell = waters()
    for k, coords in enumerate(frames):
        atoms = Atoms([("O", "H")[t] for t in types], coords, cell=cell, pbc=True)
        atoms.calc = Calculator()
        assert data["energy"][k] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(data["force"][k].reshape(-1, 3), atoms.get_forces(), atol=1e-9)
        virial = -atoms.get_stress(voigt=False) * atoms.get_volume()
        np.testing.assert_allclose(data["virial"][k].reshape(3, 3), virial, atol=1e-9)
    assert not data["nopbc"]


def test_a_frame_that_fails_fails_alone(tmp_path):
    bad = float(waters()[1][1][0, 0])
    keys = {"fp_params": {"calculator": "own.Fussy", "periodic": False}, "ratio_failed": 0.4}
    context = labelled(tmp_path, keys, OWN.format(x=bad))
    number, reasons = label.collect(context, 0)
    assert number == 2
    assert reasons == {"task.000.000001": "the calculator failed: I do not like this one"}
    data = arrays(context.paths.label_data(0, 0))
    assert data["nopbc"] and "virial" not in data and len(data["energy"]) == 2


def test_a_molecule_that_a_face_cuts_is_labelled_whole(tmp_path):
    """In vacuum: the same energy wherever the molecule is in the box."""
    write_input(
        tmp_path, "ase", {"fp_params": EMT["fp_params"] | {"periodic": False}}, sys.executable
    )
    context = RunContext(*loaded(tmp_path), RunPaths(tmp_path))
    whole = np.array([[4.1, 4.0, 4.0], [3.4, 4.6, 4.0], [5.0, 4.2, 4.1]])
    moves = np.array([[0, 0, 0], [-4.0, 0, 0], [4.0, -4.1, 3.9]])
    frames = (whole + moves[:, None]) % 8.0
    assert np.ptp(frames[1:], axis=1).max(axis=1).min() > 6.0  # cut
    label.prepare(context, 0, explore(tmp_path, np.array([0, 1, 1]), frames, 8.0 * np.eye(3)))
    (task,), _ = label.tasks(context, 0)
    subprocess.run(["bash", "-c", task.command], cwd=task.folder, check=True)
    assert label.collect(context, 0) == (3, {})
    data = arrays(context.paths.label_data(0, 0))
    np.testing.assert_allclose(data["energy"], data["energy"][:1].repeat(3, 0), atol=1e-8)
    coords = data["coord"].reshape(3, 3, 3)
    np.testing.assert_allclose(
        np.diff(coords, axis=1), np.diff(whole, axis=0)[None].repeat(3, 0), atol=1e-6
    )


def test_half_a_file_of_labels_is_no_label(tmp_path):
    """As a job leaves it that was killed while it wrote: a failure with its reason."""
    context = labelled(tmp_path, EMT)
    (batch,) = context.paths.label(0).glob("batch.*")
    file = batch / "labels.npz"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CalculationError, match=r"failed for 3 of 3 frames.*cannot be read"):
        label.collect(context, 0)


def test_a_finished_batch_with_a_damaged_file_is_calculated_again(tmp_path):
    context = labelled(tmp_path, EMT)
    (batch,) = context.paths.label(0).glob("batch.*")
    (batch / script.DONE).touch()
    (batch / "labels.npz").write_bytes(b"PK")
    with pytest.raises(CalculationError, match="cannot be read"):
        label.collect(context, 0)
    assert task_status.is_forgotten(batch) and not task_status.has_finished(batch)


@pytest.mark.parametrize("path", ["EMT", "ase calculators.EMT", "ase..EMT"])
def test_what_is_no_import_path(tmp_path, path):
    write_input(tmp_path, "ase", {"fp_params": {"calculator": path}})
    with pytest.raises(InputError, match="must be the import path of a class") as caught:
        loaded(tmp_path)
    assert json.dumps(path) in str(caught.value)
