"""DP-GEN's fp styles: what is prepared and what is read is what DP-GEN prepares and reads."""

import json
import shutil
from pathlib import Path

import dpdata
import numpy as np
import pytest

from tests.support import fp_outputs
from tests.support.label_inputs import (
    N_FRAMES,
    STYLES,
    arrays,
    by_lammps,
    content,
    explore,
    loaded,
    prepared,
    waters,
    write_input,
)
from tests.support.loop_runs import PARAM
from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.label_files import label_file_problems
from wtemlp.config.schema.section import Section
from wtemlp.core import paths
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.dpgen import adapter
from wtemlp.dpgen.labelling import is_bad_box, read_label
from wtemlp.preflight.fp_inputs import check_labels
from wtemlp.stages import label, label_frames, select
from wtemlp.stages.context import RunContext

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


@pytest.fixture(params=sorted(STYLES))
def style(request):
    return request.param


@pytest.fixture
def both(tmp_path, style, monkeypatch):
    """The same frames prepared by wtemlp and by DP-GEN."""
    context = prepared(tmp_path / "ours", style)
    theirs = tmp_path / "theirs"
    shutil.copytree(tmp_path / "ours", theirs, symlinks=True)
    shutil.rmtree(theirs / "iter.000000/02.fp")
    monkeypatch.chdir(theirs)
    generator = adapter.import_quietly("dpgen.generator.run")
    jdata = json.loads(json.dumps(context.params.jdata)) | {"model_devi_merge_traj": False}
    generator.make_fp(0, jdata, {})
    return context, theirs, generator, jdata


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
    if style == "siesta":  # dpdata does not turn the sign of its stress
        expected["virial"] = -expected["virial"]
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


SCF = {"system": {"ecutwfc": 30}, "electrons": {}, "kspacing": 1.0}
CP2K = STYLES["cp2k"]["fp_params"]
ABACUS = STYLES["abacus"]["user_fp_params"]


@pytest.mark.parametrize(
    ("style", "incar", "keys", "words"),
    [
        ("vasp", "NSW = 100", {}, '(INCAR) has "NSW = 100"; a label is one ionic step'),
        ("vasp", "IBRION = 2 ; nsw=3  # relax", {}, '(INCAR) has "nsw=3"'),
        ("vasp", "NSW = 1\n# NSW = 100", {}, ""),
        (
            "pwscf",
            "",
            {"user_fp_params": {"control": {"calculation": "vc-relax"}, **SCF}},
            "vc-relax",
        ),
        ("pwscf", "", {"user_fp_params": {"control": {"calculation": "scf"}, **SCF}}, ""),
        ("cp2k", "", {"user_fp_params": {**CP2K, "GLOBAL": {"RUN_TYPE": "GEO_OPT"}}}, "GEO_OPT"),
        ("cp2k", "", {"user_fp_params": {**CP2K, "GLOBAL": {"PRINT_LEVEL": "LOW"}}}, "MEDIUM"),
        ("cp2k", "", {"user_fp_params": {**CP2K, "GLOBAL": {"PRINT_LEVEL": "MEDIUM"}}}, ""),
        ("abacus", "", {"user_fp_params": {**ABACUS, "suffix": "water"}}, "suffix water"),
    ],
)
def test_inputs_whose_outputs_are_no_labels_are_refused(tmp_path, style, incar, keys, words):
    changed(tmp_path, style, **({"fp_params": ...} if "user_fp_params" in keys else {}), **keys)
    (tmp_path / "INCAR").write_text(f"ENCUT = 400\nKSPACING = 0.5\nKGAMMA = T\n{incar}\n")
    params, machines = loaded(tmp_path)
    if not words:
        check_labels(params, machines, tmp_path)
        return
    with pytest.raises(InputError) as caught:
        check_labels(params, machines, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"param.json: fp_style: the input of {style} (") and words in line


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
        is_bad_box(
            context.paths.explore_task(0, 0, int(table.task[row]))
            / f"traj/{table.step[row]}.lammpstrj",
            "min_distance:0.9",
        )
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
