"""Labelled frames to DeePMD data."""

import dpdata
import numpy as np
import pytest

from tests.waters import water_box
from wtemlp.reference import dataset as ds
from wtemlp.reference.base import Frames, Labels

N = 10


def some_data():
    types, coords, _ = water_box(2, 8.0)
    rng = np.random.default_rng(2)
    frames = Frames(
        coords + rng.normal(scale=0.02, size=(N, 24, 3)),
        np.tile(np.eye(3) * 8.0, (N, 1, 1)),
        types,
        tuple(f"f{k}" for k in range(N)),
    )
    ok = np.arange(N) != 4
    labels = Labels(
        energies=np.arange(N) - 20.0,
        forces=rng.normal(size=(N, 24, 3)),
        virials=rng.normal(size=(N, 3, 3)),
        ok=ok,
        reasons=tuple("" if good else "bad" for good in ok),
        refused=~ok,
    )
    origins = [ds.Origin(16.0 if k > 5 else 1.0, 10 * k) for k in range(N)]
    return ds.accepted(frames, labels, origins, ("O", "H"))


def test_refused_labels_are_left_out():
    data = some_data()
    assert len(data) == N - 1
    assert "f4" not in data.frames.names and -16.0 not in data.labels.energies


def test_the_split_is_a_shuffle_by_the_seed():
    data = some_data()
    train, validation = ds.split(data, 0.2, seed=7)
    assert (len(train), len(validation)) == (7, 2)
    assert sorted(train.frames.names + validation.frames.names) == sorted(data.frames.names)
    assert train.frames.names != tuple(sorted(train.frames.names))
    assert ds.split(data, 0.2, seed=7)[0].frames.names == train.frames.names
    assert ds.split(data, 0.2, seed=8)[0].frames.names != train.frames.names


def test_structures_cover_the_energies():
    energies = np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0])
    assert energies[ds.across_energies(energies, 3)].tolist() == [2.0, 4.0, 6.0]
    assert energies[ds.across_energies(energies, 1)].tolist() == [4.0]
    assert sorted(energies[ds.across_energies(energies, 6)]) == sorted(energies)


def test_data_are_what_dpdata_reads(tmp_path):
    train, validation = ds.split(some_data(), 0.2, seed=7)
    ds.write_data(tmp_path / "data", train, validation)
    read = dpdata.LabeledSystem(str(tmp_path / "data" / "train"), fmt="deepmd/npy")
    assert read["atom_names"] == ["O", "H"]
    assert read["atom_types"].tolist() == train.frames.types.tolist()
    assert read["coords"] == pytest.approx(train.frames.coords, abs=0)
    assert read["energies"] == pytest.approx(train.labels.energies, abs=0)
    assert read["virials"] == pytest.approx(train.labels.virials, abs=0)
    rows = (tmp_path / "data" / "frames.csv").read_text().splitlines()
    assert rows[0] == "set,frame,biasfactor,step,energy_eV"
    assert len(rows) == 1 + N - 1
    first = train.origins[0]
    energy = train.labels.energies[0]
    assert rows[1] == f"train,0,{first.biasfactor:g},{first.step},{energy:.9f}"


def test_no_validation_frames_no_validation_folder(tmp_path):
    train, validation = ds.split(some_data(), 0.0, seed=7)
    ds.write_data(tmp_path / "data", train, validation)
    assert not (tmp_path / "data" / "validation").exists()


def test_structures_are_poscars_sorted_by_type(tmp_path):
    data = some_data()
    ds.write_structures(tmp_path / "conf", data.frames, ("O", "H"))
    files = sorted((tmp_path / "conf").iterdir())
    assert [file.name for file in files] == [f"{k:04d}.POSCAR" for k in range(N - 1)]
    read = dpdata.System(str(files[3]), fmt="vasp/poscar")
    assert read["atom_names"] == ["O", "H"] and read["atom_numbs"] == [8, 16]
    order = np.argsort(data.frames.types, kind="stable")
    assert read["coords"][0] == pytest.approx(data.frames.coords[3][order], abs=1e-9)
