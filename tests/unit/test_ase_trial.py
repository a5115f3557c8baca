"""What a calculator of ASE must obey, tried before a run; and which energy its labels are."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.ase_labels import labelled
from tests.support.label_inputs import arrays, explore, loaded, waters, write_input
from tests.support.loop_runs import machine
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.before import Begin, show
from wtemlp.preflight.findings import Findings
from wtemlp.preflight.reference_trial import try_reference
from wtemlp.reference.base import Frames
from wtemlp.reference.styles import labeller_of
from wtemlp.stages import label
from wtemlp.stages.context import RunContext

#: Springs to nearest images; what is wrong with a method is a class of its own.
OWN = """
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

class Good(Calculator):
    implemented_properties = ("energy", "forces", "stress")
    periodic, factor, entropy, offset = True, 1.0, None, 0.0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = self.atoms.get_positions()
        gap = x[:, None] - x[None]
        if self.periodic and self.atoms.pbc.any():
            cell = self.atoms.cell[:]
            gap = gap - np.rint(gap @ np.linalg.inv(cell)) @ cell
        r = np.linalg.norm(gap, axis=-1) + np.eye(len(x))
        near = np.where(r < 2.4, 1.0, 0.0) - np.eye(len(x))
        energy = 0.25 * (near * (2.4 - r) ** 4).sum()
        pull = (near * 2 * (2.4 - r) ** 3 / r)[..., None] * gap
        self.results = {"forces": self.factor * pull.sum(axis=1), "stress": np.zeros(6),
                        "energy": energy + self.offset}
        if self.entropy is not None:
            self.results |= {"free_energy": energy, "energy": energy + self.entropy * r.sum()}

class Blind(Good):
    periodic = False

class Steep(Good):
    factor = 1.2

class Smeared(Good):
    implemented_properties = (*Good.implemented_properties, "free_energy")
    entropy = 0.1

class Offset(Good):
    offset = 5.0

class Choosy(Good):
    def calculate(self, atoms=None, *args, **more):
        if "H" in atoms.get_chemical_symbols():
            raise RuntimeError("no parameters for H")
        super().calculate(atoms, *args, **more)

class NoStress(Good):
    implemented_properties = ("energy", "forces")

class HalfStress(Good):
    def calculate(self, atoms=None, *args, **more):
        super().calculate(atoms, *args, **more)
        if abs(atoms.positions[0, 0] - FIRST) < 1e-9:
            self.results["stress"] = np.full(6, np.nan)
"""
#: A bond across a face of the cell.
POSCAR = """water
1.0
6.4 0 0
0 6.4 0
0 0 6.4
O H
{counts}
Cartesian
0.1 1 1
5.8 1 1
"""


def run_input(root: Path, calculator: str, counts: str = "1 2", **fp_params) -> None:
    """The input of a run that is labelled by a calculator of the user's own file."""
    write_input(root, "ase", {"fp_params": {"calculator": calculator, **fp_params}}, sys.executable)
    (root / "own.py").write_text(OWN)
    atoms = sum(map(int, counts.split()))
    text = POSCAR.format(counts=counts) + "0.4 1.9 1\n" * (atoms - 2)
    if "0" in counts.split():
        text = text.replace("O H\n", "O\n").replace(counts, counts.split()[0])
    param = json.loads((root / "param.json").read_text())
    for number, pattern in enumerate(p for files in param["sys_configs"] for p in files):
        file = root / param.get("sys_configs_prefix", "") / pattern.replace("*", str(number))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    change(root, lambda section: section.update(user_forward_files=["own.py"]))


def change(root: Path, how) -> None:
    """Change the labels' section of the machine file."""
    content = json.loads((root / "machine.json").read_text())
    how(content["fp"])
    (root / "machine.json").write_text(json.dumps(content))


def tried(root: Path) -> list[str]:
    before = sorted(root.rglob("*"))
    try:
        return try_reference(*loaded(root), root)
    finally:
        assert sorted(root.rglob("*")) == before  # nothing is left


def test_a_good_method_is_taken_without_a_word(tmp_path):
    run_input(tmp_path, "own.Good")
    assert tried(tmp_path) == []


@pytest.mark.parametrize(
    ("calculator", "words", "remedy"),
    [
        (
            "own.Blind",
            "does not know periodic cells: an atom moved by a cell vector changes the",
            'use "periodic": false',
        ),
        ("own.Steep", "gives forces that are not the slope of its energy", "converge it better"),
        ("own.Choosy", "failed: RuntimeError: no parameters for H", "elements of type_map"),
        (
            "own.Nobody",
            "cannot be made: AttributeError: module 'own' has no attribute 'Nobody'",
            "correct calculator or kwargs",
        ),
        (
            "nowhere.Model",
            "cannot be made: ModuleNotFoundError: No module named 'nowhere'",
            "install it where the command runs",
        ),
    ],
)
def test_a_method_that_is_none_is_refused(tmp_path, calculator, words, remedy):
    run_input(tmp_path, calculator)
    with pytest.raises(InputError) as caught:
        tried(tmp_path)
    said = str(caught.value)
    assert said.startswith("param.json: fp_params.calculator: the calculator " + calculator)
    assert words in said and remedy in said and "\n" not in said


def test_arguments_that_a_calculator_does_not_take(tmp_path):
    run_input(tmp_path, "ase.calculators.emt.EMT", kwargs={"asap_cutoff": 1, "no_such": 2})
    (tmp_path / "own.py").write_text("class Strict:\n    def __init__(self): pass\n")
    run = json.loads((tmp_path / "param.json").read_text())
    run["fp_params"] = {"calculator": "own.Strict", "kwargs": {"model": "small"}}
    (tmp_path / "param.json").write_text(json.dumps(run))
    with pytest.raises(InputError, match=r"cannot be made: TypeError: .*'model'"):
        tried(tmp_path)


def test_a_method_for_molecules_is_taken_for_molecules(tmp_path):
    run_input(tmp_path, "own.Blind", periodic=False)
    assert tried(tmp_path) == []


def test_a_cell_that_is_small_for_its_molecule_is_told(tmp_path):
    run_input(tmp_path, "own.Blind", periodic=False)
    params, _ = loaded(tmp_path)
    for file in (tmp_path / name for names in params.sys_configs for name in names):
        text = file.read_text()  # the molecule stretched over 4 of 6.4 A
        for old, new in (("0.1 1 1", "0.5 1 1"), ("5.8 1 1", "4.5 1 1"), ("0.4 1.9 1", "2.5 1 1")):
            assert old in text
            text = text.replace(old, new)
        file.write_text(text)
    (note, *_) = tried(tmp_path)
    assert "over 62% of the cell" in note and "more than twice their extent" in note


def alone(text: str) -> str:
    """The water of a structure, away from the faces of its cell."""
    return (
        text.replace("0.1 1 1", "3.0 3 3").replace("5.8 1 1", "2.2 3 3").replace("0.4 1", "3.3 3")
    )


def test_a_method_for_molecules_labels_those_that_are_alone(tmp_path):
    """Their labels are those in vacuum; with an image within rcut they are refused."""
    run_input(tmp_path, "own.Blind")
    for file in tmp_path.rglob("*.POSCAR"):
        file.write_text(alone(file.read_text()))
    param = json.loads((tmp_path / "param.json").read_text())
    param["default_training_param"]["model"]["descriptor"]["rcut"] = 2.9
    (tmp_path / "param.json").write_text(json.dumps(param))
    notes = tried(tmp_path)
    assert len(notes) == len(set(notes)) and all("is a molecule alone" in one for one in notes)
    params, machines = loaded(tmp_path)
    method = labeller_of(params, machines, tmp_path, 0)
    whole = np.array([[3.0, 3, 3], [2.2, 3, 3], [3.3, 3.9, 3]])
    through = whole - [2.7, 0, 0]
    through[1, 0] += 6.4
    cells = np.tile(6.4 * np.eye(3), (2, 1, 1))
    frames = Frames(np.array([whole, through]), cells, np.array([0, 1, 1]), ("whole", "through"))
    task = method.prepare(tmp_path / "job", frames, sys.executable)
    (task.folder / "own.py").write_text(OWN)
    subprocess.run(["bash", "-c", task.command], cwd=task.folder, check=True)
    labels = method.collect(task.folder, frames)
    assert labels.ok.tolist() == [True, False] and not np.isfinite(labels.virials).any()
    gaps = np.linalg.norm(whole[:, None] - whole[None], axis=-1)[np.triu_indices(3, 1)]
    assert labels.energies[0] == pytest.approx(0.5 * (np.maximum(2.4 - gaps, 0) ** 4).sum())
    assert "does not know periodic cells, and an atom has another's image" in labels.reasons[1]


def test_a_doubled_cell_that_has_not_twice_the_energy_is_said(tmp_path):
    run_input(tmp_path, "own.Offset")
    (note, *more) = tried(tmp_path)
    assert not more or all("doubled cell" in one for one in more)
    assert "meV/atom in a doubled cell: labels of cells of different size do not belong" in note


def test_an_element_of_no_structure_is_tried_too(tmp_path):
    run_input(tmp_path, "own.Choosy", counts="2 0")
    (note,) = tried(tmp_path)
    assert "failed: RuntimeError: no parameters for H (a made-up frame of H, which no" in note


def test_the_energy_is_that_of_which_the_forces_are_the_slope(tmp_path):
    run_input(tmp_path, "own.Smeared")  # the other energy is the slope of none: it would be refused
    assert tried(tmp_path) == []


def test_a_command_that_is_no_python_with_ase(tmp_path):
    run_input(tmp_path, "own.Good")
    (tmp_path / "numpy.py").write_text("raise ImportError('no NumPy here')\n")
    change(tmp_path, lambda fp: fp.update(user_forward_files=["own.py", "numpy.py"]))
    with pytest.raises(InputError, match=r"cannot be made: .*must be a Python that has NumPy"):
        tried(tmp_path)
    change(tmp_path, lambda fp: fp.update(command="echo hello;"))
    with pytest.raises(InputError, match=r"did not try it .*must be a Python"):
        tried(tmp_path)


def test_check_tells_what_a_trial_finds(tmp_path):
    run_input(tmp_path / "a", "own.Good")
    run_input(tmp_path / "b", "own.Blind")
    run_input(tmp_path / "c", "own.Offset")
    lines = {}
    for name in "abc":
        findings = Findings(lambda _: None)
        params, machines = loaded(tmp_path / name)
        begin = Begin(tmp_path / name, machines, params=params, explores=True, by_check=True)
        show(begin, findings)
        lines[name] = [one.line for one in findings.all if "fp_params.calculator" in one.line]
    assert "was made and tried" in lines["a"][0] and lines["a"][0].startswith("ok")
    assert lines["b"][0].startswith("error") and '"periodic": false' in lines["b"][0]
    assert lines["c"][0].startswith("warning") and "doubled cell" in lines["c"][0]


# -- where the command runs elsewhere, the first labelling job tries it


def elsewhere(root: Path, calculator: str, iteration: int = 0):
    """An iteration whose labels are made by a queue, done here by hand."""
    run_input(root, calculator)
    queue = machine("")["machine"] | {"batch_type": "Slurm"}
    change(root, lambda fp: fp.update(machine=queue))
    assert try_reference(*loaded(root), root) == []
    context = RunContext(*loaded(root), RunPaths(root))
    label.prepare(context, iteration, explore(root, *waters()))
    (task,), _ = label.tasks(context, iteration)
    (task.folder / "own.py").write_text(OWN)
    done = subprocess.run(["bash", "-c", task.command], cwd=task.folder, check=False)
    assert done.returncode == 0  # what another attempt would not mend is not tried again
    return context, task


@pytest.mark.parametrize(
    ("calculator", "words"),
    [("own.Blind", '"periodic": false'), ("nowhere.Model", "No module named 'nowhere'")],
)
def test_the_first_job_elsewhere_refuses_a_method_that_is_none(tmp_path, calculator, words):
    context, task = elsewhere(tmp_path, calculator)
    with pytest.raises(CalculationError) as caught:
        label.collect(context, 0)
    assert words in str(caught.value) and task.folder.name in str(caught.value)


def test_the_first_job_elsewhere_tells_of_the_method_and_labels(tmp_path):
    context, _ = elsewhere(tmp_path, "own.Offset")
    assert label.collect(context, 0) == (3, {})
    assert any("doubled cell" in line for line in label.remarks(context, 0))


# -- labels


@pytest.mark.parametrize(
    ("calculator", "kind"),
    [("own.Smeared", "the calculator's free_energy"), ("own.Good", "it has no free_energy")],
)
def test_labels_are_of_one_surface_and_say_of_which(tmp_path, calculator, kind):
    context = labelled(tmp_path, {"fp_params": {"calculator": calculator}}, OWN)
    assert label.collect(context, 0) == (3, {})
    (line,) = label.remarks(context, 0)
    assert line.startswith("3 of 3 labels") and kind in line
    data = arrays(context.paths.label_data(0, 0))
    types, frames, cell = waters()
    for coords, energy in zip(frames, data["energy"], strict=True):
        gap = coords[:, None] - coords[None]
        gap = gap - np.rint(gap @ np.linalg.inv(cell)) @ cell
        r = np.linalg.norm(gap, axis=-1)[np.triu_indices(len(types), 1)]
        assert energy == pytest.approx(0.5 * (np.maximum(2.4 - r, 0) ** 4).sum(), abs=1e-6)


@pytest.mark.parametrize("calculator", ["own.NoStress", "own.HalfStress"])
def test_labels_without_a_virial_leave_the_others_theirs(tmp_path, calculator):
    first = float(waters()[1][0][0, 0])
    context = labelled(
        tmp_path, {"fp_params": {"calculator": calculator}}, OWN.replace("FIRST", repr(first))
    )
    assert label.collect(context, 0) == (3, {})
    lacks = 3 if calculator == "own.NoStress" else 1
    assert any(
        line.startswith(f"{lacks} of 3 labels") and "no virial" in line
        for line in label.remarks(context, 0)
    )
    virials = list(context.paths.label_data(0, 0).rglob("virial.npy"))
    assert sum(len(np.load(file)) for file in virials) == 3 - lacks
    energies = context.paths.label_data(0, 0).rglob("energy.npy")
    assert sum(len(np.load(file)) for file in energies) == 3


def test_the_example_of_xtb_refuses_a_cell():
    from ase import Atoms

    from examples.xtb_labels.xtb_program import Xtb

    atoms = Atoms("H2", [[0, 0, 0], [0.7, 0, 0]], cell=[5, 5, 5], pbc=True)
    atoms.calc = Xtb(program="false")
    with pytest.raises(ValueError, match='"periodic": false'):
        atoms.get_potential_energy()
