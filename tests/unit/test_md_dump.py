"""LAMMPS dumps to arrays and back."""

import tracemalloc

import dpdata
import numpy as np
import pytest

from wtemlp.md import dump as dumps
from wtemlp.md.dump import count_frames, iter_dump, last_frames, read_dump, write_dump

UNSORTED = """\
ITEM: TIMESTEP
40
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS pp pp pp
-1.0 9.0
-2.0 10.0
0.5 11.5
ITEM: ATOMS type fx id fy fz z y x
2 0.1 3 0.2 0.3 3.5 1.0 2.0
1 0.4 1 0.5 0.6 0.5 -2.0 -1.0
2 0.7 2 0.8 0.9 1.5 0.0 1e-1
"""


def test_atoms_are_sorted_and_relative_to_the_corner(tmp_path):
    file = tmp_path / "a.dump"
    file.write_text(UNSORTED + UNSORTED.replace("\n40\n", "\n80\n"))
    dump = read_dump(file)
    assert len(dump) == 2
    assert dump.steps.tolist() == [40, 80]
    assert dump.types.tolist() == [1, 2, 2]
    assert dump.cells[0].tolist() == np.diag([10.0, 12.0, 11.0]).tolist()
    assert dump.coords[1] == pytest.approx(np.array([[0, 0, 0], [1.1, 2, 1], [3, 3, 3]]))
    assert dump.forces is not None
    assert dump.forces[0].tolist() == [[0.4, 0.5, 0.6], [0.7, 0.8, 0.9], [0.1, 0.2, 0.3]]


@pytest.mark.parametrize("tilt", [0.0, 1.0], ids=["orthogonal", "triclinic"])
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path, tilt):
    rng = np.random.default_rng(1)
    cell = np.array([[9.1, 0, 0], [tilt * 1.7, 8.3, 0], [-tilt * 2.1, tilt * 0.9, 10.7]])
    cells = np.array([cell, cell * 1.013])
    coords = rng.normal(scale=20.0, size=(2, 12, 3))
    types = rng.integers(1, 3, size=12)
    write_dump(tmp_path / "a.dump", np.array([3, 7]), cells, types, coords)
    dump = read_dump(tmp_path / "a.dump")
    assert dump.steps.tolist() == [3, 7]
    assert dump.types.tolist() == types.tolist()
    assert np.array_equal(dump.coords, coords)
    assert dump.cells == pytest.approx(cells, rel=1e-15)
    assert dump.forces is None


@pytest.mark.parametrize("tilts", [(0, 0, 0), (1.7, -2.1, 0.9), (-1.7, -2.1, -0.9), (3, 1, -4)])
def test_cells_with_tilts_are_those_that_dpdata_reads(tmp_path, tilts):
    xy, xz, yz = tilts
    cell = np.array([[9.1, 0, 0], [xy, 8.3, 0], [xz, yz, 10.7]])
    file, coords = tmp_path / "a.dump", np.random.default_rng(1).uniform(0, 8, (1, 4, 3))
    write_dump(file, np.array([0]), cell[None], np.array([1, 2, 1, 1]), coords)
    theirs = dpdata.System(str(file), fmt="lammps/dump")["cells"]
    assert np.array_equal(theirs, read_dump(file).cells)
    assert theirs[0] == pytest.approx(cell, abs=1e-14)


def test_frames_can_be_read_one_by_one(tmp_path):
    file = tmp_path / "a.dump"
    file.write_text(UNSORTED * 3)
    assert [frame.step for frame in iter_dump(file)] == [40, 40, 40]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no frames"),
        ("3\nwater\nO 0 0 0\n", "not a LAMMPS dump"),
        (UNSORTED[:-20], "damaged or incomplete"),
        (UNSORTED[: UNSORTED.index("2 0.7")], "2 of 3 atoms"),
        (UNSORTED.replace(" z y x", " z y q"), "no column"),
        (UNSORTED.replace("BOUNDS pp", "BOUNDS abc origin pp"), "general triclinic"),
        (UNSORTED + UNSORTED.replace("1 0.4 1", "2 0.4 1"), "not the same in all frames"),
    ],
)
def test_a_damaged_dump_is_refused_by_name(tmp_path, text, message):
    file = tmp_path / "a.dump"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_dump(file)
    assert str(file) in str(caught.value)


def long_dump(file, n_frames, n_atoms=2):
    coords = np.random.default_rng(3).normal(size=(n_frames, n_atoms, 3))
    cells = np.tile(9.0 * np.eye(3), (n_frames, 1, 1))
    write_dump(file, 10 * np.arange(n_frames), cells, np.ones(n_atoms, int), coords)
    return file


@pytest.mark.parametrize("chunk", [1, 13, 14, 100, 2**24])
def test_frames_are_counted_whatever_the_chunks(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(dumps, "CHUNK_BYTES", chunk)
    assert count_frames(long_dump(tmp_path / "a.dump", 7)) == 7


def test_the_last_frames(tmp_path):
    file = long_dump(tmp_path / "a.dump", 7)
    for count, steps in ((3, [40, 50, 60]), (7, range(0, 70, 10)), (9, range(0, 70, 10)), (0, [])):
        assert [frame.step for frame in last_frames(file, count)] == list(steps)


def test_memory_does_not_grow_with_the_length_of_a_dump(tmp_path, monkeypatch):
    monkeypatch.setattr(dumps, "CHUNK_BYTES", 2**12)
    peaks = []
    for n_frames in (5, 50):
        file = long_dump(tmp_path / f"{n_frames}.dump", n_frames, 300)
        tracemalloc.start()
        for _ in last_frames(file, n_frames):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
