"""GROMACS, Amber and CALYPSO through DP-GEN: its inputs byte for byte, its choice, its data.

The engines themselves are stand-ins, which look at what they are given; DP-GEN's functions, the
dispatcher and the loop are the real ones.
"""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import dpdata
import numpy as np
import pytest

from tests.support import program
from tests.support.loop_runs import PARAM, ROOT, Run, make_run
from tests.support.loop_state import set_state
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.core.paths import RunPaths
from wtemlp.dpgen import adapter
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore, frames

GRO = """water t= 0.0
    3
    1WAT      O    1   0.100   0.100   0.100
    1WAT     H1    2   0.200   0.100   0.100
    1WAT     H2    3   0.100   0.200   0.100
   3.00000   3.00000   3.00000
"""
GAUSSIAN = {"keywords": "force b3lyp/6-31g", "nproc": 1, "multiplicity": 1}
SETTINGS = {
    "mdp_filename": "md.mdp",
    "topol_filename": "processed.top",
    "conf_filename": "npt.gro",
    "index_filename": "index.raw",
    "type_filename": "type.raw",
    "ref_filename": "em.tpr",
}
OUT = ("model_devi_dt", "model_devi_skip", "fp_params", "validation_data_sys")  #: of PARAM
LEVELS = {"model_devi_f_trust_lo": 0.2, "model_devi_f_trust_hi": 0.8}
ENGINES = {
    "gromacs": {
        "sys_configs": [["start/*"]],
        "model_devi_dt": 0.0005,
        "model_devi_skip": 0,
        "gromacs_settings": SETTINGS,
        "fp_style": "gaussian",
        "fp_params": GAUSSIAN,
        "model_devi_jobs": [
            {"sys_idx": [0], "trj_freq": 10, "nsteps": 40, "temps": [300, 330], "lambdas": [1.0]}
        ],
    },
    "amber": {
        "sys_configs_prefix": "amber",
        "sys_configs": [["a.rst7", "b.rst7"]],
        "low_level": "DFTB3",
        "cutoff": 6.0,
        "parm7_prefix": "amber",
        "parm7": ["w.parm7"],
        "mdin_prefix": "amber",
        "mdin": ["md.mdin"],
        "qm_region": [":1"],
        "qm_charge": [0],
        "nsteps": [100],
        "r": [[1.0, 1.5]],
        "disang_prefix": "amber",
        "disang": ["w.disang"],
        "high_level": "PBE0",
        "fp_style": "amber/diff",
        "fp_params": {"high_level_mdin": "high.mdin", "low_level_mdin": "low.mdin"},
        "model_devi_jobs": [{"sys_idx": [0], "trj_freq": 40}],
    },
    "calypso": {
        "model_devi_skip": 0,
        "calypso_input_path": "calypso",
        "model_devi_max_iter": 0,
        "model_devi_jobs": [],
        "fp_style": "vasp",
        "fp_pp_path": "pp",
        "fp_pp_files": ["O.pp", "H.pp"],
        "fp_incar": "INCAR",
    },
}
PROGRAMS = {
    "gmx": "gmx",
    "g16": "g16",
    "sander": "sander",
    "dpamber": "dpamber",
    "calypso.x": "calypso.x",
    "deepmd_python": "deepmd_python",
}


def write_files(folder: Path) -> None:
    for name in ("300", "330"):
        start = folder / "start" / name
        start.mkdir(parents=True)
        (start / "npt.gro").write_text(GRO)
        (start / "md.mdp").write_text("integrator = md\nnsteps = 1\nref_t = 298\n")
        (start / "input.json").write_text('{"graph_file": "x", "lambda": 0}')
        for file in ("processed.top", "index.raw", "type.raw", "em.tpr"):
            (start / file).write_text(f"{file} of {name}\n")
    amber = folder / "amber"
    amber.mkdir()
    for name in ("a.rst7", "b.rst7"):
        (amber / name).write_text(f"{name}\n")
    (amber / "w.parm7").write_text("topology\n")
    (amber / "w.disang").write_text("r1=RVAL\n")
    graphs = " ".join(f"@GRAPH_FILE{index}@" for index in range(4))
    (amber / "md.mdin").write_text(
        f"ntwx=@freq@ nstlim=@nstlim@ @qm_region@ @qm_theory@ @qm_charge@ @rcut@ {graphs}\n"
    )
    for name in ("high", "low"):
        (amber / f"{name}.mdin").write_text("%qm_theory% %qm_region% %qm_charge%\n")
    (folder / "calypso").mkdir()
    (folder / "calypso/input.dat").write_text(
        "NumberOfSpecies = 2\nPopSize = 2\nMaxStep = 2\nPickUp = F\nPickStep = 1\n"
        "@DistanceOfIon\n0.1 0.1\n0.1 0.1\n@End\n"
    )
    (folder / "pp").mkdir()
    for name in ("O.pp", "H.pp"):
        (folder / "pp" / name).write_text(name)
    (folder / "INCAR").write_text("KSPACING = 0.5\nKGAMMA = T\nNSW = 0\n")


def write_programs(folder: Path) -> None:
    folder.mkdir()
    stand_in = f"PYTHONPATH={ROOT} exec {sys.executable} {ROOT}/tests/loop/foreign_programs.py"
    texts = {name: f'{stand_in} {word} "$@"' for name, word in PROGRAMS.items()}
    texts["python"] = f'exec {sys.executable} "$@"'
    texts["dp"] = f'{stand_in} "$@"'
    for name, text in texts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)


def foreign_run(folder: Path, engine: str, **changes: object) -> Run:
    """A run with stand-ins for all programs."""
    run = make_run(folder)
    write_files(folder)
    write_programs(folder / "bin")
    data = {key: value for key, value in PARAM.items() if key not in OUT}
    data |= {"model_devi_engine": engine, "dp_compress": False, **LEVELS, **ENGINES[engine]}
    (folder / "param.json").write_text(json.dumps(data | changes))
    machine = json.loads((folder / "machine.json").read_text())
    for section in ("model_devi", "fp"):
        machine[section]["resources"]["envs"] = {"PATH": f"{folder}/bin:{os.environ['PATH']}"}
    explorer = {"gromacs": "gmx", "amber": "sander", "calypso": "true"}[engine]
    machine["model_devi"]["command"] = explorer
    machine["model_devi"] |= {
        "calypso_path": f"{folder}/bin",
        "deepmdkit_python": f"{folder}/bin/deepmd_python",
    }
    fake = f"PYTHONPATH={ROOT} {sys.executable} {ROOT}/tests/support/fp_outputs.py vasp"
    machine["fp"]["command"] = {"gromacs": "g16", "amber": "sander", "calypso": fake}[engine]
    (folder / "machine.json").write_text(json.dumps(machine))
    return run


def start(run: Run, **environment: str) -> tuple[str, int]:
    path = {"PATH": f"{run.folder}/bin:{os.environ['PATH']}"}
    process = run.start(**path, **environment)
    output = process.communicate(timeout=600)[0]
    return output, process.returncode


def rewind(run: Run, step: int) -> None:
    """As if the first iteration had come to a step and no further."""
    lines = (run.folder / "record.dpgen").read_text().splitlines()
    kept = lines[: lines.index(f"0 {step}") + 1]
    (run.folder / "record.dpgen").write_text("\n".join(kept) + "\n")
    later = ["iter.000001"] if step >= 5 else ["iter.000001", "iter.000000/02.fp"]
    subprocess.run(["rm", "-rf", *later], cwd=run.folder, check=True)


def context_of(run: Run) -> RunContext:
    folder = run.folder
    return RunContext(
        load_params(folder / "param.json", folder),
        load_machines(folder / "machine.json", folder),
        RunPaths(folder),
    )


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file's content, and every link's target, but for wtemlp's own list."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == explore.WALKERS:
            continue
        if path.is_symlink():
            found[name] = os.path.realpath(path)
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_inputs_are_dpgens_byte_for_byte(tmp_path, engine):
    """DP-GEN's own function in another folder makes the same files."""
    run = foreign_run(tmp_path / "ours", engine)
    context = context_of(run)
    train = context.paths.train(0)
    train.mkdir(parents=True)
    for model in range(4):
        (train / f"graph.{model:03d}.pb").touch()
    explore.prepare(context, 0)
    ours = tree(context.paths.explore(0))
    other = tmp_path / "theirs"
    other.mkdir()
    for path in run.folder.iterdir():
        if not path.name.startswith("iter."):
            (other / path.name).symlink_to(path)
    (other / "iter.000000").mkdir()
    (other / "iter.000000/00.train").symlink_to(train)
    jdata = frames.absolute(copy.deepcopy(dict(context.params.jdata)), run.folder)
    with adapter.run_folder(other, 5) as generator:
        generator.make_model_devi(0, jdata, {"deepmd_version": "3.2.0"})
    theirs = tree(other / "iter.000000/01.model_devi")
    assert (
        len(ours) > 8
        and {
            name: text.replace(str(other), str(run.folder)) if isinstance(text, str) else text
            for name, text in theirs.items()
        }
        == ours
    )


@pytest.fixture(scope="module", params=sorted(ENGINES))
def finished(request, tmp_path_factory) -> tuple[str, Run]:
    run = foreign_run(tmp_path_factory.mktemp("foreign") / "run", request.param)
    output, code = start(run)
    assert code == 0, output
    run.output = output
    return request.param, run


def test_runs_to_the_end(finished):
    """Chosen as DP-GEN chooses, labelled, trained on."""
    engine, run = finished
    table = load_frames(run.folder / "iter.000000/01.model_devi/explored.npz")
    expected = {"gromacs": 2 * 2 * 5, "amber": 2 * 5}.get(engine, len(table))
    assert len(table) == expected > 5
    devi = table.max_devi_f
    inside = (devi >= 0.2) & (devi < 0.8)
    np.testing.assert_array_equal(table.verdict == Decision.CANDIDATE, inside)
    assert table.count(Decision.SELECTED) == min(5, inside.sum()) > 2
    labels = sorted((run.folder / "iter.000000/02.fp").glob("task.*"))
    summary = json.loads((run.folder / "iter.000000/summary.json").read_text())
    assert summary["labelled"] == len(labels) == table.count(Decision.SELECTED)
    assert summary["explored"] == len(table) and summary["accurate"] == (devi < 0.2).sum()
    made = [json.loads((label / "frame.json").read_text()) for label in labels]
    assert all(0.2 <= one["max_devi_f"] < 0.8 for one in made)
    data = dpdata.MultiSystems(type_map=["O", "H"])
    for folder in sorted((run.folder / "iter.000000/02.fp").glob("data.*")):
        for system in sorted(path.parent for path in folder.rglob("type.raw")):
            data.append(dpdata.LabeledSystem(str(system), fmt="deepmd/npy"))
    assert sum(len(system) for system in data) == len(labels)
    training = json.loads((run.folder / "iter.000001/00.train/000/input.json").read_text())
    systems = training["training"]["training_data"]["systems"]
    assert any("iter.000000/02.fp/data." in name for name in systems)
    assert (run.folder / "report.html").exists()


def test_frames_are_those_that_dpgen_lists(finished):
    """The positions that were labelled are those of the frame that its record names."""
    engine, run = finished
    for label in sorted((run.folder / "iter.000000/02.fp").glob("task.*")):
        made = json.loads((label / "frame.json").read_text())
        walker = run.folder / made["task"]
        if engine == "gromacs":
            sent = dpdata.System(str(label / "deepmd.raw"), fmt="deepmd/raw")["coords"]
            frame = walker / f"traj/{made['step']}.gromacstrj"
            of = dpdata.System(str(frame), fmt="gromacs/gro", type_map=["O", "H"])["coords"]
        elif engine == "calypso":
            sent = dpdata.System(str(label / "POSCAR"), fmt="vasp/poscar")["coords"]
            frame = walker / f"traj/{made['step']}.poscar"
            of = dpdata.System(str(frame), fmt="vasp/poscar")["coords"]
        else:
            from ase.io.netcdftrajectory import NetCDFTrajectory

            sent = NetCDFTrajectory(str(label / "rc.nc"))[0].positions
            of = NetCDFTrajectory(str(walker / "rc.nc"))[made["step"]].positions
        np.testing.assert_allclose(sent, of)


def test_done_again_it_does_nothing(finished):
    _, run = finished
    before = tree(run.folder / "iter.000000/02.fp")
    output, code = start(run)
    assert code == 0 and "this run is finished" in output
    assert tree(run.folder / "iter.000000/02.fp") == before


def test_results_that_have_gone_are_made_anew(finished):
    """A clean-up between two calls: the run goes back to where that is made."""
    _, run = finished
    set_state(run, iteration=0, step=6, finished="", final=None)
    for name in ("model_devi.out", "rc.mdout", "Model_Devi.out"):
        for file in (run.folder / "iter.000000/01.model_devi").rglob(name):
            file.unlink()
    output, code = start(run)
    assert code == 0 and "has gone: going back" in output, output


@pytest.mark.parametrize("step", [3, 4, 6, 7])
def test_an_unfinished_run_of_dpgen_is_taken_over(finished, step):
    """What wtemlp keeps is lost; DP-GEN's record and files are all that there is."""
    engine, run = finished
    if engine == "calypso" and step == 4:
        pytest.skip("DP-GEN cannot go on within a generation: it is explored anew")
    labels = run.folder / "iter.000000/02.fp"
    before = {path.name: path.lstat().st_mtime_ns for path in labels.glob("task.*/job.json")}
    rewind(run, step)
    for name in (
        "wtemlp.json",
        "wtemlp.live.json",
        "iter.000000/summary.json",
        "iter.000000/01.model_devi/walkers.json",
        "iter.000000/01.model_devi/explored.npz",
    ):
        (run.folder / name).unlink(missing_ok=True)
    output, code = start(run)
    assert code == 0 and "taken over from dpgen run" in output, output
    assert "unexpected" not in output
    summary = json.loads((run.folder / "iter.000000/summary.json").read_text())
    assert summary["labelled"] == summary["selected"] > 2
    if step >= 6:  # chosen already
        assert before == {
            path.name: path.lstat().st_mtime_ns for path in labels.glob("task.*/job.json")
        }


@pytest.mark.parametrize(
    ("engine", "program", "words"),
    [
        ("gromacs", "gmx", "gmx has crashed"),
        ("calypso", "deepmd_python", "deepmd_python has"),
    ],
)
def test_a_program_that_fails_ends_the_run(tmp_path, engine, program, words):
    """Its last words are told, and the same command goes on when it is mended."""
    run = foreign_run(tmp_path / "run", engine)
    machine = json.loads((run.folder / "machine.json").read_text())
    machine["model_devi"]["machine"]["retry_count"] = 0
    (run.folder / "machine.json").write_text(json.dumps(machine))
    output, code = start(run, FOREIGN_CRASH=program)
    assert code == 1 and words in output and "Traceback" not in output, output
    output, code = start(run)
    assert code == 0, output


@pytest.mark.parametrize(
    ("engine", "changes", "words"),
    [
        (
            "gromacs",
            {
                "fp_style": "vasp",
                "fp_params": ...,
                "fp_pp_path": "pp",
                "fp_incar": "INCAR",
                "fp_pp_files": ["O.pp", "H.pp"],
            },
            'fp_style = "vasp"; must be "gaussian"',
        ),
        ("gromacs", {"sys_configs": [["amber"]]}, "has no input.json"),
        ("amber", {"parm7": ["none"]}, 'parm7[0] = "none"; no such file'),
        ("amber", {"nsteps": []}, "must have one item per system of sys_configs (1)"),
        ("calypso", {"model_devi_max_iter": ...}, "model_devi_max_iter is missing"),
        ("calypso", {"calypso_input_path": "amber"}, "no input.dat in"),
    ],
)
def test_nonsense_is_told_in_a_line(tmp_path, engine, changes, words):
    run = foreign_run(tmp_path / "run", engine)
    data = json.loads((run.folder / "param.json").read_text()) | changes
    data = {key: value for key, value in data.items() if value is not ...}
    (run.folder / "param.json").write_text(json.dumps(data))
    before = sorted(run.folder.rglob("*"))
    output, code = start(run)
    assert code == 2 and words in output and output.count("\n") <= 2, output
    assert sorted(run.folder.rglob("*")) == before


def test_programs_are_not_run_by_the_preparation(tmp_path):
    """`wtemlp check` reads such files, too."""
    run = foreign_run(tmp_path / "run", "amber")
    done = program.run("check", "--schema-only", "param.json", "machine.json", cwd=run.folder)
    assert done.returncode == 0 and "warning" not in done.stdout, done.stdout
