"""Initial and validation data are read whole before a run: each fault is told in a line."""

import json
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.support.initial_data import BOX, N, arrays, write
from tests.support.params import GOOD, POSCAR, changed, load
from wtemlp.analysis.neighbours import closest_pairs, heights, most_neighbours
from wtemlp.config.data.report import look_at_data
from wtemlp.config.schema.section import Section
from wtemlp.core.errors import InputError


def report(root: Path, **changes: object):
    content = {**GOOD, "validation_data_sys": [], **changes}
    return look_at_data(Section("param.json", content), root, tuple(content["type_map"]))


def problems(root: Path, **changes: object) -> list[str]:
    return [str(one) for one in report(root, **changes).problems]


def only_problem(root: Path, **changes: object) -> str:
    (one,) = problems(root, **changes)
    assert one.startswith("param.json: ") and "\n" not in one
    return one


@pytest.fixture
def train(tmp_path: Path) -> Path:
    return write(tmp_path / "data/train")


def test_sound_data_have_no_problem(tmp_path, train):
    found = report(tmp_path)
    assert found.problems == () and found.warnings == ()
    assert list(found.summaries()) == [
        (
            "init_data_sys[0]",
            "data/train: 4 frames of 3 atoms (O 1, H 2), energies -10.1000 to -10.0000 eV/atom",
        )
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda a: {key: np.asfortranarray(value) for key, value in a.items()},
        lambda a: {key: value.astype("f4") for key, value in a.items()},
        lambda a: {key: value.astype(">f8") for key, value in a.items()},
        lambda a: a | {"energy": a["energy"].reshape(-1, 1)},
        lambda a: a | {"energy": np.arange(N)},
        lambda a: (
            a | {"force": a["force"].reshape(N, 3, 3), "virial": a["virial"].reshape(N, 3, 3)}
        ),
        lambda a: a | {"atom_ener": np.zeros((N, 3)), "anything": np.zeros((N, 7))},
    ],
)
def test_what_a_training_reads_is_accepted(tmp_path, train, change):
    write(train, change(arrays()))
    assert problems(tmp_path) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("key", ["coord", "box", "energy", "force", "virial", "fparam", "aparam"])
def test_numbers_are_finite(tmp_path, train, key, kind, bad):
    data = arrays() | {"fparam": np.ones((N, 1)), "aparam": np.ones((N, 3))}
    data[key] = data[key].astype(kind)
    data[key].reshape(N, -1)[2, -1] = data[key].reshape(N, -1)[3, 0] = bad
    write(train, data)
    what = "NaN" if np.isnan(bad) else "an infinite number"
    where = f"data/train/set.000/{key}.npy holds {what} in frame 2 (counted from 0) (and in 1 more)"
    assert where in only_problem(tmp_path)


def test_a_number_that_is_not_finite_is_found_in_later_chunks(tmp_path, train, monkeypatch):
    from wtemlp.config.data import systems

    monkeypatch.setattr(systems, "CHUNK", 9)
    data = arrays()
    data["force"][3, 8] = np.nan
    write(train, data)
    assert "force.npy holds NaN in frame 3 " in only_problem(tmp_path)


@pytest.mark.parametrize(
    ("key", "array"),
    [
        ("energy", np.zeros(N - 1)),
        ("energy", np.zeros((N, 2))),
        ("energy", np.zeros(())),
        ("force", np.zeros((N, 6))),
        ("force", np.zeros((N + 1, 9))),
        ("virial", np.zeros((N, 6))),
        ("box", np.zeros((N, 3))),
        ("atom_ener", np.zeros((N, 1))),
        ("anything", np.zeros((N + 2, 1))),
        ("coord", np.zeros((N, 6))),
        ("coord", np.zeros((N, 3, 3))),
        ("coord", np.zeros(9)),
    ],
)
def test_shapes_and_counts_fit(tmp_path, train, key, array):
    write(train, {key: array})
    assert f"data/train/set.000/{key}.npy has the shape {array.shape}" in only_problem(tmp_path)


def test_a_set_without_frames_is_told(tmp_path, train):
    write(train, {key: value[:0] for key, value in arrays().items()}, "set.001")
    assert "data/train/set.001 has no frames" in only_problem(tmp_path)
    (train / "set.001/coord.npy").unlink()
    assert "data/train/set.001 has no coord.npy" in problems(tmp_path)[0]


@pytest.mark.parametrize("key", ["coord", "energy", "force", "box"])
def test_arrays_that_a_training_needs_are_there(tmp_path, train, key):
    (train / f"set.000/{key}.npy").unlink()
    assert f"data/train/set.000 has no {key}.npy" in only_problem(tmp_path)


@pytest.mark.parametrize("key", ["fparam", "aparam"])
def test_numbers_that_a_network_reads_are_there(tmp_path, train, key):
    param = changed({"default_training_param.model.fitting_net": {f"numb_{key}": 2}})
    asked = {"default_training_param": param["default_training_param"]}
    assert f"set.000 has no {key}.npy" in only_problem(tmp_path, **asked)
    write(train, {key: np.zeros((N, 1 if key == "fparam" else 3))})
    assert f"{key}.npy has the shape" in only_problem(tmp_path, **asked)
    write(train, {key: np.zeros((N, 2 if key == "fparam" else 6))})
    assert problems(tmp_path, **asked) == []


@pytest.mark.parametrize("box", [np.zeros((3, 3)), np.diag([9, 9, 0]), [[9, 0, 0]] * 3])
def test_a_box_without_volume_is_refused_unless_nopbc(tmp_path, train, box):
    data = arrays()
    data["box"][1] = np.ravel(box)
    write(train, data)
    assert "box.npy has in frame 1 (counted from 0) a cell without a" in only_problem(tmp_path)
    (train / "nopbc").touch()
    assert problems(tmp_path) == []
    (train / "set.000/box.npy").unlink()
    assert problems(tmp_path) == []


def test_a_left_handed_box_is_refused_and_a_turned_one_told(tmp_path, train):
    data = arrays()
    data["box"][2:] = BOX[[1, 0, 2]].ravel()
    write(train, data)
    assert "frame 2 (counted from 0) (and in 1 more) a left-handed cell" in only_problem(tmp_path)
    data["box"][2:] = BOX[[1, 2, 0]].ravel()
    write(train, data)
    found = report(tmp_path)
    assert not found.problems and "the cells of 2 frames do not lie along x" in found.warnings[0]


@pytest.mark.parametrize(
    ("types", "names", "words"),
    [
        ("0\n1\n", "O\nH\n", "must be (frames, 6): type.raw has 2 atoms"),
        ("0 1 1 1", "O\nH\n", "must be (frames, 12): type.raw has 4 atoms"),
        ("0 1 -1", "O\nH\n", "type.raw holds -1: types are numbered from 0"),
        ("0 1 2", "O\nH\n", "type.raw holds type 2, but type_map.raw names 2"),
        ("0 1 2", None, "type.raw holds type 2, but type_map has 2 elements"),
        ("0 1 1", "O\n", "type.raw holds type 1, but type_map.raw names 1"),
        ("0 1 1", "O\nC\n", "type_map.raw names C, which type_map lacks"),
        ("0 1 1", "H\nH\n", "type_map.raw names H twice"),
        ("O H H", "O\nH\n", "type.raw must hold one integer per atom"),
        ("0.5 1 1", "O\nH\n", "type.raw must hold one integer per atom"),
        ("0 1\n1 1\n", "O\nH\n", "type.raw has several columns: write one integer a line"),
        ("0 1\n1\n", "O\nH\n", "type.raw has several columns: write one integer a line"),
        ("\ufeff0\n1\n1\n", "O\nH\n", "type.raw begins with a byte-order mark"),
        ("0\n1\n1\n", "\ufeffO\nH\n", "type_map.raw begins with a byte-order mark"),
        ("\n", "O\nH\n", "type.raw is empty"),
        ("", "O\nH\n", "type.raw is empty"),
    ],
)
def test_types_are_within_the_map(tmp_path, train, types, names, words):
    (train / "type_map.raw").unlink()
    write(train, types=types, names=names)
    assert words in only_problem(tmp_path)


@pytest.mark.parametrize("types", ["0 1 1", "\n0\n\n1\n\n1\n\n", "0\r\n1\r\n1\r\n"])
def test_types_in_a_line_or_a_column_are_read(tmp_path, train, types):
    write(train, types=types)
    assert report(tmp_path).problems == ()


def test_data_without_names_of_their_types_are_told(tmp_path, train):
    """Silently the indices would be taken as the model's."""
    (train / "type_map.raw").unlink()
    found = report(tmp_path)
    assert found.problems == ()
    assert "has no type_map.raw" in found.warnings[0]
    assert "0 as O (1 atoms), 1 as H (2 atoms)" in found.warnings[0]
    (train / "type.raw").write_text("0 0 0")
    assert report(tmp_path, type_map=["O"]).warnings == ()  # nothing to mistake


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 416\n", "git lfs pull"),
        (b"/annex/objects/SHA256E-s416--00.npy\n", "git annex get"),
        (b"half", "is no NumPy array"),
        (b"\x93NUMPY\x01\x00", "is no NumPy array"),
        (b"\x93NUMPY\x09\x00" + bytes(200), "is no NumPy array"),
        (b"PK\x03\x04" + bytes(100), "is no NumPy array"),
    ],
)
@pytest.mark.parametrize("key", ["coord", "force", "virial"])
def test_files_that_are_no_arrays_are_named(tmp_path, train, key, content, words):
    (train / f"set.000/{key}.npy").write_bytes(content)
    assert f"data/train/set.000/{key}.npy" in (line := only_problem(tmp_path)) and words in line


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([None] * N), "Python objects"),
        (np.array(["a"] * N), "values of type"),
        (np.ones(N, dtype=complex), "values of type"),
        (np.ones(N, dtype=bool), "values of type"),
    ],
)
def test_arrays_of_other_things_than_numbers_are_refused(tmp_path, train, array, words):
    np.save(train / "set.000/energy.npy", array)
    assert "energy.npy holds " in (line := only_problem(tmp_path)) and words in line


def test_a_cut_array_and_links_into_nowhere_are_named(tmp_path, train):
    file = train / "set.000/force.npy"
    file.write_bytes(file.read_bytes()[:-8])
    assert "force.npy is cut off (280 of 288 bytes)" in only_problem(tmp_path)
    np.save(file, np.zeros((N, 36 // N)))
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert "force.npy is damaged (289 bytes, must be 288): copy it as bin" in only_problem(tmp_path)
    file.unlink()
    file.symlink_to("../.git/annex/objects/x/force.npy")
    assert "which is missing: fetch its content (git annex get)" in only_problem(tmp_path)
    (train / "type.raw").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "type.raw is a pointer" in only_problem(tmp_path)


@pytest.mark.parametrize("shift", [[0, 0, 0], [9, 0, 0], [-9, 19, 10], [0.05, 0, 0]])
@pytest.mark.parametrize("turn", [np.eye(3), np.linalg.qr(np.arange(9).reshape(3, 3) ** 1.5)[0]])
def test_overlapping_atoms_are_found_with_their_images(tmp_path, train, shift, turn):
    turn = turn * np.linalg.det(turn)
    data = arrays()
    data["coord"][2, 6:] = data["coord"][2, 3:6] + shift
    data["coord"] = (data["coord"].reshape(-1, 3) @ turn).reshape(N, 9)
    data["box"] = np.tile((BOX @ turn).ravel(), (N, 1))
    write(train, data)
    assert (
        "data/train/set.000: atoms 1 and 2 of frame 2 (all counted from 0) are 0.0"
        in only_problem(tmp_path)
    )


def test_atoms_that_are_close_are_told(tmp_path, train):
    data = arrays()
    data["coord"][0, 3:6] = data["coord"][0, :3] + [0.3, 0, 0]
    write(train, data)
    found = report(tmp_path)
    assert not found.problems
    assert "atoms 0 and 1 of frame 0 (all counted from 0) are 0.300 Angstrom" in found.warnings[0]
    (train / "nopbc").touch()
    assert "are 0.300 Angstrom apart" in report(tmp_path).warnings[0]


def test_a_sample_of_many_frames_is_said_to_be_one(tmp_path, train, monkeypatch):
    from wtemlp.config.data import report as data_report

    monkeypatch.setattr(data_report, "PAIR_ATOMS", 6)
    write(train, arrays(shift=0.5), "set.001")
    found = report(tmp_path)
    assert found.warnings == () and "2 of 8 frames, evenly spaced" in [*found.summaries()][-1][1]


def test_sets_that_are_not_there_are_told(tmp_path, train):
    write(train, arrays(shift=0.5), "set.003")
    found = report(tmp_path)
    assert not found.problems
    assert "has 2 sets up to set.003, without set.001, set.002" in found.warnings[0]


def test_a_copy_of_a_set_is_told(tmp_path, train):
    write(train, arrays(shift=0.5), "set.000.bak")
    found = report(tmp_path)
    assert not found.problems
    assert "data/train/set.000.bak is trained on like the other sets" in found.warnings[0]


@pytest.mark.parametrize("target", [None, "nowhere", "set.001"])
def test_what_is_called_like_a_set_and_is_none_is_refused(tmp_path, train, target):
    if target is None:
        (train / "set.000.tar.gz").write_bytes(b"packed")
    else:
        (train / "set.001").symlink_to(target)
    assert "is no folder, and dp train takes all set.* for sets" in only_problem(tmp_path)


@pytest.mark.parametrize("lacking", ["set.000", "set.001"])
@pytest.mark.parametrize("key", ["virial", "atom_ener"])
def test_sets_of_a_system_have_the_same_arrays(tmp_path, train, key, lacking):
    """DeePMD-kit takes zeros for labels, where others of the system have one."""
    for name, shift in (("set.000", 0.0), ("set.001", 0.5)):
        write(
            train,
            arrays(shift=shift) | {"atom_ener": np.ones((N, 3)), "numb_copy": np.ones(N)},
            name,
        )
    (train / "set.001/numb_copy.npy").unlink()
    assert problems(tmp_path) == []
    (train / lacking / f"{key}.npy").unlink()
    other = "set.001" if lacking == "set.000" else "set.000"
    said = f"data/train: {key}.npy is in {other}, but not in {lacking}: move the sets without it"
    assert said in only_problem(tmp_path)


def test_zeros_in_the_place_of_virials_are_told(tmp_path, train):
    data = arrays()
    data["virial"][1:] = 0
    data["force"][3] = 0
    write(train, data)
    found = report(tmp_path)
    assert not found.problems
    assert "virial.npy holds zeros in 2 frames that have forces" in found.warnings[0]


def test_an_energy_far_from_the_others_is_told(tmp_path, train):
    found = arrays(shift=0.5)
    found["energy"][2] += 3 * 25.0
    write(train, found, "set.001")
    (line,) = report(tmp_path).warnings
    assert "data/train/set.001: the energy of frame 2 (counted from 0) is +24.8" in line


MIXED = {"type": "se_atten", "rcut": 4.0, "rcut_smth": 0.5, "sel": 20}
PLAIN = {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 0.5, "sel": [20, 20]}


@pytest.mark.parametrize(
    ("descriptor", "good"),
    [
        (PLAIN, False),
        ({**PLAIN, "type": "se_e2_r"}, False),
        ({**MIXED, "type": "dpa1"}, True),
        (MIXED, True),
        ({"type": "hybrid", "list": [MIXED, PLAIN]}, False),
        ({"type": "hybrid", "list": [MIXED, MIXED]}, True),
    ],
)
def test_mixed_types_are_for_networks_that_take_them(tmp_path, train, descriptor, good):
    write(
        train,
        {"real_atom_types": np.array([[0, 1, 1], [1, 0, 0], [0, 0, -1], [1, 1, 1]])},
        types="0 0 0",
    )
    param = changed({"default_training_param.model.descriptor": descriptor})
    asked = {"default_training_param": param["default_training_param"]}
    if good:
        found = report(tmp_path, **asked)
        assert not found.problems and "labels of the run are not" in found.warnings[0]
        assert not report(tmp_path, model_devi_jobs=[], **asked).warnings
        write(train, {"real_atom_types": np.full((N, 3), 2)}, types="0 0 0")
        assert "holds in frame 0 (counted from 0) a type that" in only_problem(tmp_path, **asked)
        write(train, {"real_atom_types": np.zeros((N, 3))}, types="0 0 0")
        write(tmp_path / "data/plain", arrays(shift=0.5))
        both = asked | {"init_data_sys": ["train", "plain"]}
        assert "takes either all or none" in only_problem(tmp_path, **both)
    else:
        assert "data/train is of mixed type" in only_problem(tmp_path, **asked)


def hdf5(file: Path, group: str, data: dict[str, np.ndarray]) -> None:
    with h5py.File(file, "a") as content:
        top = content.create_group(group)
        top["type.raw"], top["type_map.raw"] = [0, 1, 1], [b"O", b"H"]
        for key, array in data.items():
            top[f"set.000/{key}.npy"] = array


def test_groups_of_hdf5_files_are_read(tmp_path):
    file = tmp_path / "data/all.hdf5"
    file.parent.mkdir()
    hdf5(file, "one", arrays())
    hdf5(file, "deep/two", arrays(shift=0.5))
    asked = {"init_data_sys": ["all.hdf5"]}
    found = report(tmp_path, **asked)
    assert not found.problems
    assert [line.partition(":")[0] for _, line in found.summaries()] == [
        "data/all.hdf5#/deep/two",
        "data/all.hdf5#/one",
    ]
    bad = arrays(shift=1.0)
    bad["force"][1, 0] = np.nan
    hdf5(file, "three", bad)
    assert "data/all.hdf5#/three/set.000/force.npy holds NaN in frame 1" in only_problem(
        tmp_path, **asked
    )
    file.write_bytes(file.read_bytes()[:-3000])
    assert "data/all.hdf5 is no HDF5 file, or damaged" in only_problem(tmp_path, **asked)
    file.write_text("no data\n")
    assert "data/all.hdf5 is no HDF5 file, or damaged" in only_problem(tmp_path, **asked)
    file.write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "data/all.hdf5 is a pointer" in only_problem(tmp_path, **asked)


def test_all_problems_are_told_at_once_up_to_a_number(tmp_path):
    bad = arrays()
    bad["force"][1, 0] = bad["energy"][2] = np.nan
    for number in range(15):
        write(tmp_path / f"data/many/{number:02d}", bad)
    found = report(tmp_path, init_data_sys=["many"])
    assert len(found.problems) == 30 and len(found.shown) == 21
    assert str(found.shown[-1]).endswith("and 10 more problems of the data")
    (tmp_path / "conf").mkdir()
    for name in "ab":
        (tmp_path / f"conf/{name}.POSCAR").write_text(POSCAR)
    with pytest.raises(InputError, match="and 29 more, which `wtemlp check` tells"):
        load(tmp_path, {**GOOD, "init_data_sys": ["many"], "validation_data_sys": []})


def shuffled(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frames with their hydrogens (which are alike) the other way round."""
    order = {"coord": [0, 2, 1], "force": [0, 2, 1]}
    return {
        key: array.reshape(N, 3, 3)[:, order[key]].reshape(N, 9) if key in order else array
        for key, array in data.items()
    }


def wrapped(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frames with some atoms at another image, and all of them moved."""
    images = np.array([[1, 0, 0], [0, 0, -1], [0, 2, 0]]) @ BOX
    return data | {"coord": data["coord"] + 0.7 + images.ravel()}


def as_text(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frames as a file of text holds them."""
    return {key: np.char.mod("%.8f", array).astype(float) for key, array in data.items()}


def as_rows(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frames with a force of three numbers for each atom."""
    return data | {"force": data["force"].reshape(N, 3, 3)}


def at_rest(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frames with no force, as labels of energies alone are."""
    return data | {"force": 0 * data["force"], "energy": np.full(N, -30.0)}


CHANGES = {
    "single": lambda data: {key: array.astype("f4") for key, array in data.items()},
    "atoms": shuffled,
    "frames": lambda data: {key: array[::-1] for key, array in data.items()},
    "images": wrapped,
    "text": as_text,
    "rows": as_rows,
    "all": lambda data: CHANGES["single"](shuffled(wrapped(CHANGES["frames"](data)))),
}


@pytest.mark.parametrize("how", ["copy", "sets", *CHANGES, "part", "link", "parent", "again"])
def test_validation_data_are_not_trained_on(tmp_path, train, how):
    other, named = tmp_path / "data/other", "other"
    if how == "copy":
        shutil.copytree(train, other)
    elif how in CHANGES:
        write(other, CHANGES[how](arrays()))
    elif how == "sets":
        for name, part in (("set.000", [3, 1]), ("set.001", [2, 0])):
            write(other, {key: array[part] for key, array in arrays().items()}, name)
    elif how == "part":
        more = arrays(shift=0.5)
        write(other, {key: np.concatenate([more[key], arrays()[key][2:3]]) for key in more})
    elif how == "link":
        other.symlink_to(train)
    elif how == "parent":
        named = "."
    else:
        named = "./train"
    line = only_problem(tmp_path, validation_data_sys=[named])
    count = "1 of the 5" if how == "part" else "4 of the 4"
    assert f"{count} frames of data/" in line
    assert "are trained on, too (init_data_sys: data/train)" in line


def test_frames_at_rest_are_told_apart_by_their_atoms(tmp_path, train):
    """Two atoms out of reach of each other have one energy and no force, however far they are."""
    write(train, at_rest(arrays()))
    other = write(tmp_path / "data/other", at_rest(arrays(shift=0.5)))
    assert not problems(tmp_path, validation_data_sys=["other"])
    write(other, at_rest(shuffled(arrays())))
    assert "4 of the 4 frames" in only_problem(tmp_path, validation_data_sys=["other"])


@pytest.mark.parametrize("key", ["energy", "force", "box"])
def test_frames_that_differ_in_a_label_are_others(tmp_path, train, key):
    write(tmp_path / "data/other", arrays() | {key: arrays()[key] + 1e-4})
    assert not problems(tmp_path, validation_data_sys=["other"])


def test_a_link_to_data_counts_as_dpgen_counts_it(tmp_path, train):
    """A whole run as initial data holds its validation data behind links."""
    held_out = write(tmp_path / "held_out", arrays(shift=0.5))
    links = tmp_path / "data/iter.000000/00.train/data.valid"
    links.mkdir(parents=True)
    (links / "000").symlink_to(held_out)
    asked = {"init_data_sys": ["."], "validation_data_sys": ["../held_out"]}
    assert "are trained on, too (init_data_sys: data/iter" in only_problem(tmp_path, **asked)


def test_other_frames_are_validation_data(tmp_path, train):
    write(tmp_path / "data/other", arrays(shift=0.5))
    found = report(tmp_path, validation_data_sys=["other"])
    assert not found.problems and len(list(found.summaries())) == 2


def test_data_that_are_named_twice_are_told(tmp_path, train):
    found = report(tmp_path, init_data_sys=["train", "../data/train"])
    assert not found.problems
    assert "all frames of data/../data/train are in the data before it" in found.warnings[0]


def dpgens(root: Path, **changes: object) -> tuple[str, list[str]]:
    params = load(root, {**GOOD, "validation_data_sys": [], **changes}, check_files=False)
    return params.jdata["init_data_prefix"], params.jdata["init_data_sys"]


def test_data_outside_the_prefix_are_handed_to_dpgen_without_dots(tmp_path, train):
    """DP-GEN joins them with a link in its own folder as text, where `..` leads elsewhere."""
    run = tmp_path / "run"
    shutil.copytree(tmp_path / "data", run / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "other/iter.000000/02.fp")
    given = ["../other/iter.000000/02.fp", "data/train"]
    assert dpgens(run, init_data_prefix="", init_data_sys=given) == (
        str(tmp_path),
        ["other/iter.000000/02.fp", "run/data/train"],
    )
    prefix, names = dpgens(run, init_data_prefix="data", init_data_sys=["../../other"])
    assert (prefix, names) == (str(tmp_path), ["other"])
    assert dpgens(run, init_data_sys=["train"]) == ("data", ["train"])
    (run / "linked").symlink_to(tmp_path / "other/iter.000000", target_is_directory=True)
    prefix, names = dpgens(run, init_data_prefix="linked", init_data_sys=["../../data/train"])
    assert Path(prefix, names[0]) == train.resolve()  # where the file system leads, not the text


def test_patterns_stand_for_all_that_match(tmp_path):
    for number in range(3):
        write(tmp_path / f"data/part.{number}", arrays(shift=float(number)))
    write(tmp_path / "data/[odd]", arrays(shift=5.0))
    sizes = {"init_batch_size": [4, 2]}
    given = {"init_data_sys": ["part.[0-2]", "[odd]"], **sizes}
    prefix, names = dpgens(tmp_path, **given)
    assert (prefix, names) == ("data", ["part.0", "part.1", "part.2", "[odd]"])
    params = load(tmp_path, {**GOOD, "validation_data_sys": [], **given}, check_files=False)
    assert params.jdata["init_batch_size"] == [4, 4, 4, 2]
    assert [path.name for path in params.init_data_sys] == names
    found = report(tmp_path, **given)
    assert [key for key, _ in found.summaries()] == ["init_data_sys[0]"] * 3 + ["init_data_sys[1]"]
    assert "no such folder" in only_problem(tmp_path, init_data_sys=["nothing*"])


@pytest.mark.parametrize(
    ("sel", "words"),
    [
        ([0, 1], "have up to 1 O, 2 H neighbours within rcut (4 Angstrom)"),
        ([1, 2], ""),
        ("auto", ""),
    ],
)
def test_sel_that_is_too_small_for_the_data_is_told(tmp_path, train, sel, words):
    param = changed({"default_training_param.model.descriptor": {**PLAIN, "sel": sel}})
    found = report(tmp_path, default_training_param=param["default_training_param"])
    assert not found.problems
    assert len(found.warnings) == bool(words) and words in "".join(found.warnings)
    if words:
        assert found.warnings[0].startswith(
            "param.json: default_training_param.model.descriptor.sel = [0, 1]: "
        )


@pytest.mark.parametrize(("sel", "told"), [(1, True), (2, False), ([1, 0], True), ([1, 1], False)])
def test_one_sel_for_all_types_counts_them_together(tmp_path, train, sel, told):
    param = changed({"default_training_param.model.descriptor": {**MIXED, "sel": sel}})
    found = report(tmp_path, default_training_param=param["default_training_param"])
    assert bool(found.warnings) == told


def test_neighbours_and_distances_are_those_of_ase():
    from ase.neighborlist import primitive_neighbor_list

    rng = np.random.default_rng(3)
    turned = np.linalg.qr(rng.random((3, 3)))[0] * 5
    cells = np.array([BOX, BOX + rng.standard_normal((3, 3)), turned])
    coords, types = rng.uniform(-20, 20, (3, 15, 3)), np.arange(15) % 2
    for at, cell in zip(coords, cells, strict=True):
        i, j, d = primitive_neighbor_list("ijd", [1, 1, 1], cell, at, 4.9)
        own = [np.bincount(i[types[j] == kind], minlength=15).max() for kind in (0, 1)]
        assert [*own, np.bincount(i).max()] == most_neighbours(at, cell, types, 2, 4.9).tolist()
        # Where images of one atom are farther away than the radius, its pairs are all.
        radius = heights(cell[None]).min() / 2.01
        (length,), ((a, b),) = closest_pairs(at[None], cell[None], radius)
        near = i != j
        assert length == pytest.approx(d[near].min()) and {a, b} == {
            i[near][np.argmin(d[near])],
            j[near][np.argmin(d[near])],
        }
    assert np.all(np.isinf(closest_pairs(coords, None, 1e-3)[0]))


def test_a_gigabyte_takes_little_time(tmp_path):
    """A tenth of it, within a tenth of 2 s (and what a busy machine adds)."""
    rng = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3) * 2.2
    n, atoms = 9500, len(grid)
    coords = np.tile(grid.ravel(), (n, 1)) + 0.2 * rng.random((n, 3 * atoms))
    folder = write(
        tmp_path / "data/train",
        {
            "coord": coords,
            "force": coords,
            "energy": rng.random(n),
            "box": np.tile((13.2 * np.eye(3)).ravel(), (n, 1)),
        },
        types="0 " * 72 + "1 " * 144,
    )
    assert sum(file.stat().st_size for file in folder.glob("*/*")) > 9e7
    began = time.process_time()
    assert report(tmp_path).problems == ()
    assert time.process_time() - began < 3


def test_check_prints_what_the_data_hold_and_run_refuses_before_it_writes(root):
    np.save(root / "data/train/set.000/energy.npy", np.array([np.nan]))
    before = sorted(root.rglob("*"))
    with pytest.raises(InputError, match=r"energy\.npy holds NaN in frame 0"):
        load(root, GOOD)
    assert {*before, root / "params.json"} == {*root.rglob("*")}
    assert json.loads((root / "params.json").read_text())["seed"] == 7


def test_a_gap_of_any_size_is_told(tmp_path, train):
    (train / "set.000").rename(train / "set.99999999999")
    (hint,) = report(tmp_path).warnings
    assert "without set.000, set.001, set.002, set.003, set.004 and 99999999994 more" in hint
