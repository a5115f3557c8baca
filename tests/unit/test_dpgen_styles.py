"""DP-GEN's fp styles: what is prepared and what is read is what DP-GEN prepares and reads."""

import json
import shutil
from pathlib import Path

import dpdata
import numpy as np
import pytest

from tests import fp_outputs
from tests.loop.conftest import PARAM, machine
from tests.waters import water_box
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.label_files import label_file_problems
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.config.schema.section import Section
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dpgen import adapter
from wtemlp.dpgen.labelling import is_bad_box, read_label
from wtemlp.md.dump import write_dump
from wtemlp.md.topology import whole_cluster
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.stages import label, label_frames, select
from wtemlp.stages.context import RunContext

PP = {"fp_pp_path": "pp", "fp_pp_files": ["O.pp", "H.pp"]}
STYLES = {
    "vasp": {**PP, "fp_incar": "INCAR"},
    "pwscf": {
        **PP,
        "fp_params": {
            "ecut": 30,
            "ediff": 1e-6,
            "smearing": "gauss",
            "sigma": 0.1,
            "kspacing": 2.0,
        },
    },
    "abacus": {
        **PP,
        "fp_orb_files": ["O.orb", "H.orb"],
        "k_points": [1, 1, 1, 0, 0, 0],
        "user_fp_params": {"basis_type": "lcao", "ecutwfc": 50, "cal_force": 1, "cal_stress": 1},
    },
    "siesta": {
        **PP,
        "fp_params": {
            "ecut": 300,
            "ediff": 1e-4,
            "kspacing": 1.0,
            "mixingWeight": 0.05,
            "NumberPulay": 5,
        },
    },
    "gaussian": {
        "fp_params": {"keywords": "force b3lyp/6-31g", "multiplicity": 1, "nproc": 2},
    },
    "cp2k": {
        **PP,
        "fp_params": {
            "FORCE_EVAL": {
                "DFT": {"BASIS_SET_FILE_NAME": "O.pp", "POTENTIAL_FILE_NAME": "H.pp"},
                "SUBSYS": {
                    "KIND": {"_": ["O", "H"], "BASIS_SET": ["a", "b"], "POTENTIAL": ["c", "d"]}
                },
            }
        },
    },
    "pwmat": {**PP, "fp_incar": "etot.input"},
    "cpx": {"fp_params": {"input_fn": "cp", "template_fn": "cp.template"}},
    "custom": {
        "fp_params": {
            "input_fmt": "vasp/poscar",
            "input_fn": "frame.vasp",
            "output_fmt": "deepmd/npy",
            "output_fn": "labelled",
        },
    },
}
AMBER = {"high_level": "a", "fp_params": {"high_level_mdin": "a", "low_level_mdin": "b"}}
#: What DP-GEN sends and brings home.
FILES = {
    "vasp": ("POSCAR INCAR POTCAR KPOINTS", "fp.log OUTCAR vasprun.xml"),
    "pwscf": ("input O.pp H.pp", "output"),
    "abacus": ("INPUT STRU pporb KPT", "output OUT.ABACUS"),
    "siesta": ("input O.pp H.pp", "output"),
    "gaussian": ("input", "output"),
    "cp2k": ("input.inp coord.xyz O.pp H.pp", "output"),  # DP-GEN does not send the last two
    "pwmat": ("atom.config etot.input O.pp H.pp", "REPORT OUT.MLMD output"),
    "cpx": ("cp.in", "cp.cel cp.evp cp.for cp.pos cp.str output"),
    "custom": ("frame.vasp", "labelled"),
}
OURS = {paths.FRAME_DUMP, paths.FRAME, "atom.config"}  # the last: DP-GEN leaves it to PWmat
CP_TEMPLATE = """&SYSTEM
  ibrav = 0,
  nat = 24,
  ntyp = 2,
/
ATOMIC_SPECIES
O 16.0 O.pp
H 1.0 H.pp
CELL_PARAMETERS angstrom
%CELL%
ATOMIC_POSITIONS angstrom
%POSITIONS%
"""
N_FRAMES = 3


def write_input(
    root: Path, style: str, keys: dict | None = None, command: str = "sh engine.sh"
) -> None:
    """The input of a run with a style, and the files that it names."""
    (root / "pp").mkdir(parents=True)
    for name in ("O.pp", "H.pp", "O.orb", "H.orb"):
        (root / "pp" / name).write_text(f"of {name}\n")
    (root / "INCAR").write_text("ENCUT = 400\nKSPACING = 0.5\nKGAMMA = .TRUE.\nNSW = 0\n")
    (root / "etot.input").write_text("8 1\nin.atom=atom.config\nmp_n123=1 1 1 0 0 0\n")
    (root / "cp.template").write_text(CP_TEMPLATE)
    content = {k: v for k, v in PARAM.items() if k != "fp_params"}
    content |= {"fp_style": style, **(keys or STYLES[style])}
    (root / "param.json").write_text(json.dumps(content))
    sections = {name: machine(command) for name in ("train", "model_devi", "fp")}
    content = {"api_version": "1.0", "deepmd_version": "3.2.0", **sections}
    (root / "machine.json").write_text(json.dumps(content))


def waters() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Types, frames and cell: the atoms are not sorted, the cell is skew."""
    frames = [water_box(2, 6.4, seed=1, noise=0.01 * (k + 1)) for k in range(N_FRAMES)]
    cell = np.array([[6.4, 0, 0], [0.3, 6.4, 0], [0.2, 0.1, 6.4]])
    return frames[0][0], np.array([frame[1] for frame in frames]), cell


def explore(root: Path, types: np.ndarray, frames: np.ndarray, cell: np.ndarray) -> FrameTable:
    """Explored frames of one task, all of them chosen."""
    task = root / "iter.000000/01.model_devi/task.000.000000"
    (task / "traj").mkdir(parents=True)
    (task / "job.json").write_text("{}\n")
    lines = ["# step v v v max_devi_f f f"]
    for step, coords in enumerate(frames):
        file = task / "traj" / f"{10 * step}.lammpstrj"
        write_dump(file, [10 * step], cell[None], types + 1, coords[None])
        lines.append(f"{10 * step} 0 0 0 0.5 0 0")
    (task / "model_devi.out").write_text("\n".join(lines) + "\n")
    n = len(frames)
    zeros, ones = np.zeros(n), np.ones(n)
    return FrameTable(
        system=zeros.astype(int),
        task=zeros.astype(int),
        walker=zeros.astype(int),
        biasfactor=16 * ones,
        temperature_K=300 * ones,
        phase=ones.astype(int),
        step=10 * np.arange(n),
        energy_eV=zeros,
        bias_eV=zeros,
        max_devi_f=0.5 * ones,
        decision=np.full(n, Decision.SELECTED),
    )


@pytest.fixture(params=sorted(STYLES))
def style(request):
    return request.param


def prepared(root: Path, style: str) -> RunContext:
    """An iteration whose frames are ready to be labelled."""
    write_input(root, style)
    types, frames, cell = waters()
    if style == "gaussian":  # without a cell: a cluster in the middle of a wide box
        whole, cell = whole_cluster(frames[0], cell), 2.5 * cell
        frames = frames - frames[0] + whole + (cell.sum(axis=0) / 2 - whole.mean(axis=0))
    table = explore(root, types, frames, cell)
    context = RunContext(
        load_params(root / "param.json", root, check_files=False),
        load_machines(root / "machine.json", root),
        RunPaths(root),
    )
    label.prepare(context, 0, table)
    return context


@pytest.fixture
def both(tmp_path, style, monkeypatch):
    """The same frames prepared by wtemlp and by DP-GEN."""
    context = prepared(tmp_path / "ours", style)
    theirs = tmp_path / "theirs"
    shutil.copytree(tmp_path / "ours", theirs, symlinks=True)
    shutil.rmtree(theirs / "iter.000000/02.fp")
    monkeypatch.chdir(theirs)
    generator = adapter.import_quietly("dpgen.generator.run")
    jdata = json.loads(json.dumps(context.params.jdata))
    generator.make_fp(0, jdata, {})
    return context, theirs, generator, jdata


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_inputs_are_dpgens(both, style):
    context, theirs, _, _ = both
    ours = label_frames.frame_folders(context.paths, 0)
    tasks = sorted((theirs / "iter.000000/02.fp").glob("task.*"))
    assert [folder.name for folder in ours] == [folder.name for folder in tasks]
    assert len(tasks) == N_FRAMES
    for mine, its in zip(ours, tasks, strict=True):
        found, expected = content(mine), content(its)
        assert set(found) - set(expected) <= OURS and set(expected) <= set(found)
        for name, text in expected.items():
            assert found[name] == text, name


def test_files_that_travel(tmp_path, style):
    context = prepared(tmp_path / "run", style)
    tasks, common = label.tasks(context, 0)
    assert len(tasks) == N_FRAMES and not common
    for task in tasks:
        assert (task.forward, task.backward) == tuple(tuple(x.split()) for x in FILES[style])
        for name in task.forward:
            assert (task.folder / name).exists(), name
        assert task.command == f"{{ sh engine.sh; }} >> {task.logs[0]} 2>&1"


def written(both, style) -> None:
    """Have both sets of tasks the same outputs."""
    context, theirs, _, _ = both
    for mine in label_frames.frame_folders(context.paths, 0):
        for folder in (mine, theirs / mine.relative_to(context.paths.root)):
            fp_outputs.STYLES[style](folder, fp_outputs.sample(folder / "POSCAR"))


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """What is trained on; one folder of data, whatever it is called."""
    (raw,) = {path.parent for path in folder.rglob("type.raw")}
    names = (raw / "type_map.raw").read_text().split()
    kinds = [names[int(kind)] for kind in (raw / "type.raw").read_text().split()]
    names = {file.name for file in raw.glob("set.000/*.npy")}
    sets = sorted(raw.glob("set.*"))
    found = {Path(n).stem: np.concatenate([np.load(s / n) for s in sets]) for n in names}
    return {**found, "elements": np.array(kinds), "nopbc": np.array((raw / "nopbc").exists())}


RECORDED = sorted(STYLES)  #: made up by `fp_outputs`
#: Of the frame that was sent, where DP-GEN has what the program prints: how much they may differ.
PRINTED = {"coord": 1e-5, "box": 1e-6, "virial": 1e-4}


@pytest.mark.parametrize("style", RECORDED)
def test_labels_are_dpgens(both, style):
    context, theirs, generator, jdata = both
    written(both, style)
    labelled, reasons = label.collect(context, 0)
    assert (labelled, reasons) == (N_FRAMES, {})
    generator.post_fp(0, jdata)
    found = arrays(context.paths.label_data(0, 0))
    expected = arrays(theirs / "iter.000000/02.fp/data.000")
    if style == "cpx":  # DP-GEN takes every step of the dynamics, wtemlp the frame it sent
        expected = {k: v[::2] if v.ndim == 2 or k == "energy" else v for k, v in expected.items()}
    assert set(found) == set(expected)
    for name, array in expected.items():
        if name in PRINTED:
            np.testing.assert_allclose(found[name], array, atol=PRINTED[name], err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("style", RECORDED)
def test_labels_are_of_the_bare_frame(tmp_path, style):
    context = prepared(tmp_path / "run", style)
    for folder in label_frames.frame_folders(context.paths, 0):
        fp_outputs.STYLES[style](folder, fp_outputs.sample(folder / "POSCAR"))
    label.collect(context, 0)
    frames = json.loads((context.paths.label(0) / paths.LABELS).read_text())
    for frame in frames:
        poscar = context.paths.label(0) / frame["frame"] / "POSCAR"
        energy, _ = fp_outputs.law(dpdata.System(str(poscar), fmt="vasp/poscar")["coords"][0])
        assert frame["label_eV"] == pytest.approx(energy, abs=2e-6)
        assert frame["biasfactor"] == 16 and frame["labelled"] and not frame["reason"]


@pytest.mark.parametrize("style", RECORDED)
def test_a_frame_without_a_good_label_fails_alone(tmp_path, style):
    context = prepared(tmp_path / "run", style)
    context.params.jdata["ratio_failed"] = 0.5
    object.__setattr__(context.params, "ratio_failed", 0.9)
    first, second, third = label_frames.frame_folders(context.paths, 0)
    write = fp_outputs.STYLES[style]
    write(first, fp_outputs.sample(first / "POSCAR"))
    if style == "cpx":  # molecular dynamics: nothing to converge
        write(second, fp_outputs.sample(first / "POSCAR"))
    else:
        write(second, fp_outputs.sample(second / "POSCAR"), converged=False)
    labelled, reasons = label.collect(context, 0)
    assert labelled == 1 and set(reasons) == {second.name, third.name}
    assert len(arrays(context.paths.label_data(0, 0))["energy"]) == 1
    assert "label" in reasons[third.name] or "output" in reasons[third.name]


@pytest.mark.parametrize("style", sorted({*RECORDED} - {"pwscf", "abacus"}))
def test_a_label_of_another_frame_is_refused(tmp_path, style):
    """Not so where DP-GEN reads the positions from the input file."""
    context = prepared(tmp_path / "run", style)
    first, *others = label_frames.frame_folders(context.paths, 0)
    for folder in (first, *others):
        fp_outputs.STYLES[style](folder, fp_outputs.sample(first / "POSCAR"))
    with pytest.raises(CalculationError, match=r"2 of 3 frames.*positions or cell differ by 0\.\d"):
        label.collect(context, 0)


# -- what is wrong is found before anything is written


def loaded(root: Path, check_files: bool = False):
    return (
        load_params(root / "param.json", root, check_files=check_files),
        load_machines(root / "machine.json", root),
    )


def changed(root: Path, style: str, **changes) -> None:
    """The input of a run, with some keys changed; ``...`` takes one away."""
    write_input(root, style)
    data = json.loads((root / "param.json").read_text())
    data |= {key: value for key, value in changes.items() if value is not ...}
    data = {key: value for key, value in data.items() if changes.get(key) is not ...}
    (root / "param.json").write_text(json.dumps(data))


def test_a_rehearsal_leaves_nothing(tmp_path, style):
    write_input(tmp_path / "run", style)
    before = sorted((tmp_path / "run").rglob("*"))
    params, machines = loaded(tmp_path / "run")
    section = Section("param.json", params.jdata)
    assert label_file_problems(section, tmp_path / "run") == []
    check_labels(params, machines, tmp_path / "run")
    assert sorted((tmp_path / "run").rglob("*")) == before


@pytest.mark.parametrize(
    ("style", "file", "words"),
    [
        ("vasp", "INCAR", 'fp_incar = "INCAR"; no such file in'),
        ("vasp", "pp/H.pp", 'fp_pp_files[1] = "H.pp"; no such file in'),
        ("cp2k", "pp/O.pp", 'fp_pp_files[0] = "O.pp"; no such file in'),
        ("abacus", "pp/O.orb", 'fp_orb_files[0] = "O.orb"; no such file in'),
        ("pwmat", "etot.input", 'fp_incar = "etot.input"; no such file in'),
        ("cpx", "cp.template", 'fp_params.template_fn = "cp.template"; no such file in'),
    ],
)
def test_missing_files(tmp_path, style, file, words):
    write_input(tmp_path, style)
    (tmp_path / file).unlink()
    section = Section("param.json", loaded(tmp_path)[0].jdata)
    (problem,) = label_file_problems(section, tmp_path)
    assert words in str(problem)


def by_lammps(entry: dict | None = None, **changes: object) -> dict:
    """Changes of a parameter file: plain MD, with some keys of its entry and of the file."""
    job = {"sys_idx": [0], "temps": [300], "ensemble": "nvt", "nsteps": 100, "trj_freq": 10}
    return {"model_devi_engine": "lammps", "model_devi_jobs": [job | (entry or {})]} | changes


@pytest.mark.parametrize(
    ("style", "changes", "words"),
    [
        ("vasp", {"fp_pp_files": ["O.pp"]}, "must have one file per element of type_map (2)"),
        ("vasp", {"fp_skip_bad_box": "length:5"}, '"length:5" must be NAME:NUMBER'),
        ("pwscf", {"fp_params": ...}, "fp_params is missing; add it, or user_fp_params"),
        ("cp2k", {"fp_params": ...}, "is missing; add it, or external_input_path"),
        ("cp2k", {"fp_params": {}}, "is missing; add it, or external_input_path"),
        ("pwmat", {"fp_incar": ...}, "PWmat requires at least one input source: fp_incar"),
        ("gaussian", {"use_clusters": True}, "cluster_cutoff is missing; add it (Angstrom)"),
        ("gaussian", {"cluster_cutoff": 3.0}, 'needs "use_clusters": true: else the models give'),
        (
            "gaussian",
            {"use_clusters": True, "cluster_cutoff": 3.0},
            'use_clusters = true; only with "model_devi_engine": "lammps"',
        ),
        ("vasp", {"use_ele_temp": 1}, 'use_ele_temp = 1; only with "model_devi_engine": "lammps"'),
        ("vasp", {"use_ele_temp": 3}, "must be 0, 1 (of the frame) or 2 (of each atom)"),
        ("gaussian", {"use_ele_temp": 1}, 'must be "vasp" with use_ele_temp'),
        ("gaussian", by_lammps(use_clusters=True, cluster_cutoff=0.0), "must be a positive number"),
        (
            "gaussian",
            by_lammps(use_clusters=True, cluster_cutoff=3.0, selection={"method": "random"}),
            "not with use_clusters (wtemlp",
        ),
        (
            "vasp",
            by_lammps({"temps": [[300, -1]]}, use_ele_temp=1),
            "must be a pair of positive numbers (K)",
        ),
        ("vasp", by_lammps({"nbeads": 4}, use_ele_temp=1), "not with use_ele_temp (each bead has"),
        ("vasp", by_lammps({"template": {"lmp": "in"}}, use_ele_temp=1), "not with use_ele_temp:"),
        ("amber/diff", {}, 'fp_style = "amber/diff"; labels what Amber explored'),
    ],
)
def test_wrong_keys(tmp_path, style, changes, words):
    write_input(tmp_path, "vasp")
    data = {k: v for k, v in PARAM.items() if k != "fp_params"}
    data |= {"fp_style": style, **STYLES.get(style, AMBER), **changes}
    data = {key: value for key, value in data.items() if value is not ...}
    (tmp_path / "param.json").write_text(json.dumps(data))
    with pytest.raises(InputError) as caught:
        loaded(tmp_path)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("style", "spoil", "words"),
    [
        ("vasp", {"INCAR": "ENCUT = 400\nKGAMMA = T\n"}, "KSPACING must be given in INCAR"),
        (
            "pwscf",
            {
                "fp_params": {
                    "ecut": 30,
                    "ediff": 1e-6,
                    "smearing": "cold",
                    "sigma": 0.1,
                    "kspacing": 1.0,
                }
            },
            "unknow smearing method cold",
        ),
    ],
)
def test_what_dpgen_cannot_prepare_is_found_by_a_rehearsal(tmp_path, style, spoil, words):
    changed(tmp_path, style, **{k: v for k, v in spoil.items() if k == "fp_params"})
    for name, text in spoil.items():
        if name != "fp_params":
            (tmp_path / name).write_text(text)
    params, machines = loaded(tmp_path)
    with pytest.raises(InputError) as caught:
        check_labels(params, machines, tmp_path)
    line = str(caught.value)
    assert line.startswith("param.json: fp_style: DP-GEN cannot make the inputs of")
    assert words in line and "\n" not in line


@pytest.mark.parametrize(
    ("key", "name", "near"),
    [("input_fmt", "vasp/poscarr", "vasp/poscar"), ("output_fmt", "vasp/outcr", "vasp/outcar")],
)
def test_formats_that_there_are_not(tmp_path, key, name, near):
    fp_params = {
        "input_fmt": "vasp/poscar",
        "input_fn": "a",
        "output_fmt": "deepmd/npy",
        "output_fn": "c",
    }
    for folder, given in (("good", fp_params), ("bad", fp_params | {key: name})):
        changed(tmp_path / folder, "custom", fp_params=given)
    check_labels(*loaded(tmp_path / "good"), tmp_path / "good")
    with pytest.raises(InputError) as caught:
        check_labels(*loaded(tmp_path / "bad"), tmp_path / "bad")
    assert (
        str(caught.value) == f'param.json: fp_params.{key}: "{name}"; must be a format of '
        f'dpdata: did you mean "{near}"?'
    )


def test_a_molecule_that_a_face_cuts_is_sent_whole(tmp_path):
    write_input(tmp_path, "gaussian")
    types, cell = np.array([0, 1, 1]), 8.0 * np.eye(3)
    whole = np.array([[0.1, 4.0, 4.0], [-0.6, 4.6, 4.0], [1.0, 4.2, 4.1]])
    table = explore(tmp_path, types, (whole % 8.0)[None], cell)
    context = RunContext(*loaded(tmp_path), RunPaths(tmp_path))
    label.prepare(context, 0, table)
    (folder,) = label_frames.frame_folders(context.paths, 0)
    lines = [line.split() for line in (folder / "input").read_text().splitlines()]
    sent = np.array([words[1:] for words in lines if words and words[0] in "OH"], dtype=float)
    assert len(sent) == 3
    np.testing.assert_allclose(np.diff(sent, axis=0), np.diff(whole, axis=0), atol=1e-5)


@pytest.mark.parametrize("style", ["vasp", "ase"])
def test_a_machine_file_for_other_labels(tmp_path, style):
    write_input(tmp_path, style, {"fp_params": {"calculator": "a.B"}} if style == "ase" else None)
    data = json.loads((tmp_path / "machine.json").read_text())
    data["fp"]["command"] = "wtemlp lmp"
    (tmp_path / "machine.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"fp\.command: wtemlp lmp is LAMMPS; give the command of"):
        check_labels(*loaded(tmp_path), tmp_path)


def test_bad_boxes_are_not_labelled(tmp_path):
    changed(tmp_path, "vasp", fp_skip_bad_box="length_ratio:5;min_distance:0.9", fp_task_max=3)
    table = explore(tmp_path, *waters())
    table = FrameTable(**{**vars(table), "decision": np.full(N_FRAMES, Decision.CANDIDATE)})
    params, machines = loaded(tmp_path)
    context = RunContext(params, machines, RunPaths(tmp_path))
    decided = select.decide(context, 0, table)
    near = [
        is_bad_box(select.frame_dump(context.paths, 0, table, row), "min_distance:0.9")
        for row in range(N_FRAMES)
    ]
    assert any(near) and not all(near)
    assert [d == Decision.CANDIDATE for d in decided.decision] == near


@pytest.mark.parametrize(("mode", "name"), [(1, "fparam"), (2, "aparam")])
def test_a_label_has_the_electron_temperature_of_its_walker(tmp_path, mode, name):
    """Of the frame, or of each of its atoms; kept in the data that models are trained on."""
    coords = np.array([[0.0, 0.0, 0.0], [0.9, 0.0, 0.1], [0.0, 0.9, 0.2]])
    sample = fp_outputs.Sample(["O", "H"], [1, 2], 9 * np.eye(3), coords, *fp_outputs.law(coords))
    fp_outputs.vasp(tmp_path, sample)
    (tmp_path / "job.json").write_text('{"ele_temp": 20000}')
    jdata = {"fp_style": "vasp", "type_map": ["O", "H"], "use_ele_temp": mode}
    read_label(tmp_path, jdata).to_deepmd_npy(str(tmp_path / "data"))
    kept = np.load(tmp_path / f"data/set.000/{name}.npy")
    np.testing.assert_array_equal(kept, np.full((1, 1 if mode == 1 else 3), 20000.0))
