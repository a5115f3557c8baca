"""Labelled frames to DeePMD data."""

import tracemalloc
from dataclasses import replace

import dpdata
import numpy as np
import pytest

from tests.support.md_reference_script import NVT
from tests.support.waters import water_box
from wtemlp.initialize.dataset import gap_remark, gap_steps
from wtemlp.reference import dataset as ds
from wtemlp.reference.base import Frames, Labels
from wtemlp.reference.store import Store

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


def origins_of(n, factors=(1.0, 16.0), spacing=10):
    return [ds.Origin(factor, spacing * (k + 1)) for factor in factors for k in range(n)]


@pytest.mark.parametrize("gap", [0, 10, 35, 100])
def test_validation_frames_are_never_between_training_frames(gap):
    """The last ones of each run, so many steps after the last training frame, or more."""
    origins = origins_of(40)
    train, validation = ds.split(origins, 0.25, {1.0: gap, 16.0: 2 * gap}, seed=7)
    assert len(validation) == 20 and not set(train) & set(validation)
    for factor, apart in ((1.0, gap), (16.0, 2 * gap)):
        ends = [origins[k].step for k in train if origins[k].biasfactor == factor]
        begins = [origins[k].step for k in validation if origins[k].biasfactor == factor]
        assert max(ends) < min(begins) and min(begins) - max(ends) >= apart
        assert min(begins) - max(ends) < apart + 20  # no frame is lost for nothing


@pytest.mark.parametrize(
    ("inefficiency", "gap", "short"), [(20.0, 600, False), (2000.0, 3000, True)]
)
def test_the_gap_is_three_correlation_times_or_a_short_run_is_told(inefficiency, gap, short):
    """Energies every 10 steps of 15,000 that count; a fifth of these at most."""
    run = replace(NVT, steps=20_000, frames=100)
    assert gap_steps(run, inefficiency) == gap
    line = gap_remark(run, inefficiency, "NVT", "nvt_steps")
    assert bool(line) == short and ("more nvt_steps part them" in line) == short


def test_both_parts_are_shuffled_by_the_seed():
    origins = origins_of(40)
    one, same, other = (ds.split(origins, 0.2, {}, seed)[0].tolist() for seed in (7, 7, 8))
    assert one == same and one != other and sorted(one) == sorted(other) and one != sorted(one)


def test_a_model_that_knows_its_neighbours_in_time_is_not_favoured():
    """Of a slow walk: a prediction by the nearest training frame is good only by leakage."""
    rng = np.random.default_rng(3)
    walk, ratios = np.cumsum(rng.normal(size=(200, 30)), axis=0), []
    for train, validation in (
        ds.split(origins_of(200, (1.0,), 1), 0.2, {1.0: 20}, seed=1),
        np.split(rng.permutation(200), [160]),  # as it was
    ):
        far = np.linalg.norm(walk[validation, None] - walk[None, train], axis=2).min(axis=1)
        ratios.append(np.mean(far))
    assert ratios[0] > 4 * ratios[1]


def test_structures_cover_the_energies():
    energies = np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0])
    assert energies[ds.across_energies(energies, 3)].tolist() == [2.0, 4.0, 6.0]
    assert energies[ds.across_energies(energies, 1)].tolist() == [4.0]
    assert sorted(energies[ds.across_energies(energies, 6)]) == sorted(energies)


@pytest.mark.parametrize("set_frames", [5000, 7, 3, 1])
def test_data_are_what_dpdata_reads(tmp_path, monkeypatch, set_frames):
    """However many sets they are in."""
    monkeypatch.setattr(ds, "SET_FRAMES", set_frames)
    data = some_data()
    places, validation = ds.split(data.origins, 0.25, {}, seed=7)
    ds.write_data(tmp_path / "data", data, places, validation)
    train = data.pick(places)
    read = dpdata.LabeledSystem(str(tmp_path / "data" / "train"), fmt="deepmd/npy")
    assert read["atom_names"] == ["O", "H"]
    assert read["atom_types"].tolist() == train.frames.types.tolist()
    assert read["coords"] == pytest.approx(train.frames.coords, abs=0)
    assert read["energies"] == pytest.approx(train.labels.energies, abs=0)
    assert read["virials"] == pytest.approx(train.labels.virials, abs=0)
    sets = sorted(file.name for file in (tmp_path / "data/train").glob("set.*"))
    assert sets == [f"set.{k:03d}" for k in range(-(-7 // set_frames))]
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == [
        "frames.csv",
        "train",
        "validation",
    ]
    rows = (tmp_path / "data" / "frames.csv").read_text().splitlines()
    assert rows[0] == "set,frame,biasfactor,step,energy_eV"
    assert len(rows) == 1 + N - 1
    first = train.origins[0]
    energy = train.labels.energies[0]
    assert rows[1] == f"train,0,{first.biasfactor:g},{first.step},{energy:.9f}"


def test_large_frames_make_small_sets(tmp_path, monkeypatch):
    monkeypatch.setattr(ds, "SET_ATOM_FRAMES", 2 * 24 + 5)
    ds.write_data(tmp_path / "data", some_data(), np.arange(5), np.arange(0))
    assert len(list((tmp_path / "data/train").glob("set.*"))) == 3


def test_no_validation_frames_no_validation_folder(tmp_path):
    data = some_data()
    ds.write_data(tmp_path / "data", data, *ds.split(data.origins, 0.0, {}, seed=7))
    assert not (tmp_path / "data" / "validation").exists()


def test_a_store_gives_back_what_was_added(tmp_path):
    data = some_data()
    (tmp_path / "store").mkdir()
    (tmp_path / "store/coords").write_text("left by a killed run")
    store = Store(tmp_path / "store", data.frames.types, data.type_map)
    for places in (np.arange(4), np.arange(0), np.arange(4, 9)):
        store.add(data.pick(places))
    found, picked = store.dataset(), np.array([7, 0, 3])
    assert len(found) == 9
    for places in (np.arange(9), picked):
        one, other = found.pick(places), data.pick(places)
        assert one.origins == other.origins and one.frames.names == other.frames.names
        for part in ("frames", "labels"):
            for name, values in vars(getattr(other, part)).items():
                np.testing.assert_array_equal(getattr(getattr(one, part), name), values)
    store.remove()
    assert not (tmp_path / "store").exists()
    assert len(Store(tmp_path / "store", data.frames.types, data.type_map).dataset()) == 0


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path, monkeypatch):
    """Gathered and written, a set at a time is in memory."""
    monkeypatch.setattr(ds, "SET_FRAMES", 20)
    data, peaks = some_data(), []
    for n_batches in (10, 100):
        tracemalloc.start()
        store = Store(tmp_path / "store", data.frames.types, data.type_map)
        for _ in range(n_batches):
            store.add(data)
        whole = store.dataset()
        places = ds.split(whole.origins, 0.1, {}, seed=7)
        ds.write_data(tmp_path / f"data{n_batches}", whole, *places)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    coordinates = 8 * 24 * 3 * (90 * 9)  # bytes by which one array has grown
    assert peaks[1] - peaks[0] < coordinates  # names and the like


def test_structures_are_poscars_sorted_by_type(tmp_path):
    data = some_data()
    ds.write_structures(tmp_path / "conf", data.frames, ("O", "H"))
    files = sorted((tmp_path / "conf").iterdir())
    assert [file.name for file in files] == [f"{k:04d}.POSCAR" for k in range(N - 1)]
    read = dpdata.System(str(files[3]), fmt="vasp/poscar")
    assert read["atom_names"] == ["O", "H"] and read["atom_numbs"] == [8, 16]
    order = np.argsort(data.frames.types, kind="stable")
    assert read["coords"][0] == pytest.approx(data.frames.coords[3][order], abs=1e-9)
