"""Sound data, structures and scripts broken at random: refused in lines, or right for a run."""

import copy
import os
import tempfile
from pathlib import Path

import dpdata
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.broken_files import FEW
from tests.support.broken_inputs import damaged
from tests.support.initial_data import arrays, write
from tests.support.params import GOOD, POSCAR, WTE, changed, load
from tests.support.structures import MASSES, TYPE_MAP, poscar
from tests.support.templates import DPGEN_JOB, DPGEN_LMP, DPGEN_PLM
from wtemlp.config.data.report import look_at_data
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError
from wtemlp.structures.read import read_structure

# -- texts


def refusals(error: InputError) -> list[str]:
    """The lines of an error; each is one, and says something."""
    lines = [str(one) for one in error.each]
    assert lines and all(line.strip() and "\n" not in line for line in lines)
    return lines


# -- structures

LAMMPS = """water of four atoms

4 atoms
3 atom types
0 6 xlo xhi
0 7 ylo yhi
0 8 zlo zhi
1 -0.5 0.8 xy xz yz

Masses

1 15.9994 # O
2 1.008 # H
3 12.011 # C

Atoms # atomic

1 1 1.0 1.0 1.0
2 2 1.96 1.0 1.0
3 2 0.76 1.93 1.0
4 3 4.0 4.0 4.0
"""
STRU = """ATOMIC_SPECIES
O 15.9994 O.upf
H 1.008 H.upf

LATTICE_CONSTANT
1.8897261254578281

LATTICE_VECTORS
6 0 0
1 7 0
-0.5 0.8 8

ATOMIC_POSITIONS
Cartesian

O
0.0
1
1.0 1.0 1.0 1 1 1
H
0.0
2
1.96 1.0 1.0 1 1 1
0.76 1.93 1.0 1 1 1
"""
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS pp pp pp
0 6
0 7
0 8
ITEM: ATOMS id type x y z
1 1 1.0 1.0 1.0
2 2 1.96 1.0 1.0
3 2 0.76 1.93 1.0
"""
GRO = """water
3
    1SOL      O    1   0.100   0.100   0.100
    1SOL      H    2   0.196   0.100   0.100
    1SOL      H    3   0.076   0.193   0.100
   0.60000   0.70000   0.80000
"""
STRUCTURES = {
    "vasp/poscar": poscar(),
    "lammps/lmp": LAMMPS,
    "abacus/stru": STRU,
    "lammps/dump": DUMP,
    "gromacs/gro": GRO,
}


def look_at_structure(folder: Path, content: bytes, fmt: str) -> None:
    """Refused in a line, or started from: LAMMPS's file has the atoms that were read."""
    file = folder / "structure"
    file.write_bytes(content)
    try:
        structure = read_structure(file, fmt, TYPE_MAP, MASSES)
    except InputError as error:
        (line,) = refusals(error)
        assert line.startswith(f"{file}: ")
        return
    finally:
        assert [path.name for path in folder.iterdir()] == ["structure"]
    structure.system().to_lammps_lmp(str(folder / "conf.lmp"))
    again = read_structure(folder / "conf.lmp", "lammps/lmp", TYPE_MAP, MASSES)
    assert again.symbols == structure.symbols
    assert np.isfinite(again.coords).all()
    assert np.linalg.det(again.cell) == pytest.approx(np.linalg.det(structure.cell), rel=1e-6)


@pytest.mark.parametrize("fmt", STRUCTURES)
@FEW
@given(st.data())
def test_broken_structures(fmt, data):
    content = data.draw(damaged(STRUCTURES[fmt]))
    with tempfile.TemporaryDirectory() as made:
        look_at_structure(Path(made).resolve(), content, fmt)


@pytest.mark.parametrize("fmt", STRUCTURES)
def test_the_structures_are_sound_before_they_are_broken(tmp_path, fmt):
    (tmp_path / "structure").write_text(STRUCTURES[fmt])
    assert read_structure(tmp_path / "structure", fmt, TYPE_MAP, MASSES).n_atoms in (3, 4)


# -- initial data

ARRAYS = ["coord", "box", "energy", "force", "virial"]
DTYPES = ["f2", "f4", ">f8", "i4", "u1", "c16", "?", "U3", "S4", "O", "M8[s]"]


@st.composite
def bad_array(draw, array: np.ndarray) -> np.ndarray:
    """Of another type, shape or content."""
    how = draw(st.sampled_from(["type", "rows", "columns", "shape", "value", "twice"]))
    if how == "type":
        return array.astype(draw(st.sampled_from(DTYPES)))
    if how == "rows":
        return array[draw(st.integers(0, len(array))) :]
    if how == "columns":
        return np.atleast_2d(array)[:, draw(st.integers(0, 2)) :]
    if how == "shape":
        shapes = [array.ravel(), array.T, array[None], array[..., None], np.array(1.0)]
        return draw(st.sampled_from(shapes))
    array = array.copy()
    if how == "twice":
        return np.concatenate([array, array])
    values = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e6, 1e300, 1e-300]
    array.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from(values))
    return array


def change_system(data, folder: Path) -> None:
    """One fault of an array, of its file, or of the system's lists."""
    how = data.draw(st.sampled_from(["array", "array", "bytes", "file", "swap", "text", "place"]))
    file = folder / "set.000" / f"{data.draw(st.sampled_from(ARRAYS))}.npy"
    if how == "array":
        np.save(file, data.draw(bad_array(np.load(file))), allow_pickle=True)
    elif how == "bytes":
        raw = file.read_bytes()
        at, size = data.draw(st.integers(0, len(raw))), data.draw(st.sampled_from([0, 1, 4, 999]))
        more = data.draw(st.sampled_from([b"", b"\x00", b"x", b"\xff" * 8]))
        file.write_bytes(raw[:at] + more + raw[at + size :])
    elif how == "swap":
        other = folder / "set.000" / f"{data.draw(st.sampled_from(ARRAYS))}.npy"
        raw = file.read_bytes()
        file.write_bytes(other.read_bytes())
        other.write_bytes(raw)
    elif how == "text":
        name, text = data.draw(
            st.sampled_from([("type.raw", "0\n1\n1\n"), ("type_map.raw", "O\nH\n")])
        )
        (folder / name).write_bytes(data.draw(damaged(text)))
    else:
        places = [file, folder / "type.raw", folder / "type_map.raw", folder / "set.000"]
        place = file if how == "file" else data.draw(st.sampled_from(places))
        kind = data.draw(st.sampled_from(["missing", "folder", "link", "loop", "pipe", "empty"]))
        place.rename(folder.parent / "away")
        if kind == "folder":
            place.mkdir()
        elif kind in ("link", "loop"):
            place.symlink_to("nowhere" if kind == "link" else place.name)
        elif kind == "pipe":
            os.mkfifo(place)
        elif kind == "empty":
            place.touch()


@FEW
@given(st.data())
def test_broken_initial_data(data):
    """What is not refused, DP-GEN and dpdata read: frames of the same atoms."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made).resolve()
        system = write(root / "data/train")
        for _ in range(data.draw(st.integers(1, 2))):
            try:
                change_system(data, system)
            except (OSError, ValueError, IndexError):  # a second fault of the same place
                break
        content = {**GOOD, "validation_data_sys": []}
        before = sorted(root.rglob("*"))
        found = look_at_data(Section("param.json", content), root, ("O", "H"))
        assert sorted(root.rglob("*")) == before
        for problem in found.problems:
            refusals(problem)
        assert all("\n" not in line for line in found.warnings)
        if found.problems:
            return
        read = dpdata.LabeledSystem(str(system), fmt="deepmd/npy", type_map=["O", "H"])
        assert read.get_nframes() > 0 and read.get_natoms() > 0
        for name in ("coords", "forces", "energies", "cells"):
            assert np.isfinite(read[name].astype(float)).all()


@pytest.mark.parametrize("place", ["set.000/coord.npy", "set.000", "type.raw", "", ".."])
@pytest.mark.parametrize("mode", [0, 0o444])
def test_data_that_may_not_be_read_are_refused(place, mode):
    """Also for root, who may read everything: it is looked at as somebody else."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        system = write(root / "data/train")
        closed = (system / place).resolve()
        old = closed.stat().st_mode
        if mode and closed.is_file():
            mode = 0o200
        closed.chmod(mode)
        me = os.geteuid()
        try:
            if me == 0:
                os.seteuid(65534)
            content = {**GOOD, "validation_data_sys": []}
            found = look_at_data(Section("param.json", content), root, ("O", "H"))
        finally:
            os.seteuid(me)
            closed.chmod(old)
        (problem, *_) = found.problems
        (line,) = refusals(problem)
        assert "cannot be read (Permission denied)" in line


# -- scripts

PLUMED = """# mine
d: DISTANCE ATOMS=1,2
c: COORDINATION ...
  GROUPA=1 GROUPB=2-4
  R_0=1.2
...
UPPER_WALLS ARG=d AT=3.0 KAPPA=5.0 LABEL=wall
PRINT ARG=d,c FILE=own.dat STRIDE=10
"""


def loads(root: Path, changes: dict) -> None:
    """The parameter file is a record, or refused in lines; nothing is written."""
    before = sorted(root.rglob("*"))
    try:
        load(root, changed(changes))
    except InputError as error:
        refusals(error)
    assert sorted(root.rglob("*")) == before


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("run").resolve()
    write(root / "data/train")
    write(root / "data/validation", arrays(2, shift=0.1))
    (root / "conf").mkdir()
    for name in "ab":
        (root / f"conf/{name}.POSCAR").write_text(POSCAR)
    load(root, GOOD)  # writes the parameter file
    return root


@FEW
@given(damaged(PLUMED), st.sampled_from(["file", "lines", "included"]))
def test_broken_plumed_lines(run_folder, content, how):
    (run_folder / "own.dat").write_bytes(content)
    given_lines = {
        "file": "own.dat",
        "lines": content.decode(errors="replace").split("\n"),
        "included": ["INCLUDE FILE=own.dat"],
    }[how]
    loads(run_folder, {WTE + "plumed": given_lines})


@FEW
@given(damaged(DPGEN_LMP), damaged(DPGEN_PLM), st.sampled_from([(1, 0), (0, 1), (1, 1)]))
def test_broken_templates(run_folder, lmp, plm, which):
    for name, content, sound, broken in zip(
        ("in.lammps", "in.plumed"), (lmp, plm), (DPGEN_LMP, DPGEN_PLM), which, strict=True
    ):
        (run_folder / name).write_bytes(content if broken else sound.encode())
    loads(run_folder, copy.deepcopy(DPGEN_JOB))


def test_the_scripts_are_sound_before_they_are_broken(run_folder):
    (run_folder / "own.dat").write_text(PLUMED)
    load(run_folder, changed({WTE + "plumed": "own.dat"}))
    (run_folder / "in.lammps").write_text(DPGEN_LMP)
    (run_folder / "in.plumed").write_text(DPGEN_PLM)
    load(run_folder, changed(copy.deepcopy(DPGEN_JOB)))
