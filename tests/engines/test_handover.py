"""``dpgen run`` and ``wtemlp run`` go on with each other's runs, at each of the nine steps.

Real engines, and DP-GEN itself.  One run of each is copied after every step, and the other goes on
with each copy for a step.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dpdata
import numpy as np
import pytest

from tests.support import handover_files
from tests.support.engines import require_engine
from tests.support.handover_files import Ours, after, dpgen, environment, write_input
from wtemlp.analysis.frames import Decision, load_frames
from wtemlp.cli.status import describe
from wtemlp.core.errors import InputError
from wtemlp.md.dump import parse_dump
from wtemlp.md.trajectory import read_frames
from wtemlp.records.state import EXHAUSTED, Done, Step
from wtemlp.records.summary import read_summary, summaries
from wtemlp.session.live_report import write_run_page

STEPS = list(Step)
ITERATION = "iter.000000"
#: What wtemlp keeps beside DP-GEN's files: `docs/dpgen.md` says why.
OURS = {
    "wtemlp.json",
    "wtemlp.live.json",
    f"{ITERATION}/parameters.json",
    f"{ITERATION}/summary.json",
    f"{ITERATION}/01.model_devi/walkers.json",
    f"{ITERATION}/01.model_devi/explored.npz",
    f"{ITERATION}/02.fp/labels.json",
    *(f"{ITERATION}/{stage}/dispatch.json" for stage in ("00.train", "01.model_devi", "02.fp")),
}
OURS_OF_TASKS = {
    "task.out",
    "task.err",
    "log.lammps",
    "frame.json",
    "frame.lammpstrj",
    "output",
}


def copy(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to, symlinks=True)
    return to


@pytest.fixture(scope="module", autouse=True)
def _here():
    """The programs of the tests' Python are found, also by tasks that wtemlp starts here."""
    require_engine("lammps", "deepmd")
    path = os.environ["PATH"]
    os.environ["PATH"] = environment()["PATH"]
    yield
    os.environ["PATH"] = path


@pytest.fixture(scope="module")
def dpgens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``dpgen run``'s folder after each step of an iteration, ``0.0`` to ``0.8``."""
    base = tmp_path_factory.mktemp("dpgens")
    write_input(base / "run")
    (base / "after").mkdir()
    ended = dpgen((base / "run", len(STEPS), base / "after"))
    assert list(ended.values()) == ["enough"], ended
    return base / "after"


@pytest.fixture(scope="module")
def wtemlps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of ``wtemlp run``, with the same files."""
    base = tmp_path_factory.mktemp("wtemlps")
    run = Ours(write_input(base / "run"))
    for step in STEPS:
        run.go_on()
        copy(base / "run", base / "after" / f"0.{int(step)}")
    return base / "after"


@pytest.fixture(scope="module")
def given_back(wtemlps: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Step, tuple]:
    """How DP-GEN went on for a step after each of wtemlp's: its folder, and how it ended."""
    base = tmp_path_factory.mktemp("given_back")
    folders = {step: copy(wtemlps / f"0.{int(step)}", base / step.name) for step in STEPS}
    ended = dpgen(*((folder, 1, "") for folder in folders.values()))
    return {step: (folder, ended[str(folder)]) for step, folder in folders.items()}


# -- what must be there after a step, whoever did it


def made_train(run: Path) -> None:
    systems = json.loads((run / "iter.000001/00.train/000/input.json").read_text())["training"]
    data = [run / "iter.000001/00.train/000" / one for one in systems["training_data"]["systems"]]
    assert sum(len(dpdata.LabeledSystem(str(one), fmt="deepmd/npy")) for one in data) == 8


def ran_train(run: Path) -> None:
    models = [(run / ITERATION / f"00.train/{i:03d}/frozen_model.pb") for i in range(2)]
    assert models[0].read_bytes() != models[1].read_bytes()


def posted_train(run: Path) -> None:
    train = run / ITERATION / "00.train"
    for model in range(2):
        assert (train / f"graph.{model:03d}.pb").readlink() == Path(f"{model:03d}/frozen_model.pb")


def made_explore(run: Path) -> None:
    folder = run / ITERATION / "01.model_devi"
    for system in range(2):
        task = folder / f"task.{system:03d}.000000"
        assert (task / "conf.lmp").read_text().startswith("\n") and (task / "traj").is_dir()
        assert "pair_style" in (task / "input.lammps").read_text()
        assert json.loads((task / "job.json").read_text())["V_TEMP"] == 330
    assert json.loads((folder / "cur_job.json").read_text())["sys_idx"] == [0, 1]
    assert (folder / "graph.001.pb").exists()


def ran_explore(run: Path) -> None:
    for task in sorted((run / ITERATION / "01.model_devi").glob("task.*")):
        rows = np.loadtxt(task / "model_devi.out")
        np.testing.assert_array_equal(rows[:, 0], range(0, 21, 5))
        assert {file.name for file in (task / "traj").iterdir()} == {
            f"{step}.lammpstrj" for step in range(0, 21, 5)
        }


def posted_explore(run: Path) -> None:
    ran_explore(run)


def made_label(run: Path) -> None:
    fp = run / ITERATION / "02.fp"
    for system in range(2):
        listed = (fp / f"candidate.shuffled.{system:03d}.out").read_text().split()
        assert sorted(map(int, listed[1::2])) == [0, 5, 10, 15, 20]
        for name in ("rest_accurate", "rest_failed"):
            assert not (fp / f"{name}.shuffled.{system:03d}.out").read_text()
        for frame in range(2):
            task = fp / f"task.{system:03d}.{frame:06d}"
            linked = (task / "conf.dump").resolve()
            assert linked.parent == run / ITERATION / f"01.model_devi/task.{system:03d}.000000/traj"
            assert (task / "job.json").resolve() == linked.parents[1] / "job.json"
            sent = dpdata.System(str(task / "POSCAR_in"), fmt="vasp/poscar")["coords"]
            stored = dpdata.System(str(linked), fmt="lammps/dump", type_map=["O", "H"])["coords"]
            np.testing.assert_allclose(sent, stored, atol=1e-6)


def ran_label(run: Path) -> None:
    tasks = sorted((run / ITERATION / "02.fp").glob("task.*"))
    assert len(tasks) == 4
    for task in tasks:
        assert len(dpdata.LabeledSystem(str(task / "labeled"), fmt="deepmd/npy")) == 1


def posted_label(run: Path) -> None:
    for system in range(2):
        data = run / ITERATION / f"02.fp/data.{system:03d}/O27H54"
        found = dpdata.LabeledSystem(str(data), fmt="deepmd/npy")
        tasks = sorted((run / ITERATION / "02.fp").glob(f"task.{system:03d}.*"))
        labels = [dpdata.LabeledSystem(str(t / "labeled"), fmt="deepmd/npy") for t in tasks]
        for key in ("energies", "forces", "coords", "cells"):
            expected = np.concatenate([label[key] for label in labels])
            np.testing.assert_array_equal(found[key], expected)
        assert found["atom_names"] == ["O", "H"]


CHECKS: dict[Step, Callable[[Path], None]] = dict(
    zip(
        STEPS,
        (
            made_train,
            ran_train,
            posted_train,
            made_explore,
            ran_explore,
            posted_explore,
            made_label,
            ran_label,
            posted_label,
        ),
        strict=True,
    )
)


# -- wtemlp goes on with dpgen's


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_wtemlp_goes_on_where_dpgen_stopped(dpgens, tmp_path, step):
    folder = copy(dpgens / f"0.{int(step)}", tmp_path / "run")
    run = Ours(folder)
    expected = Done(0, step).next()
    assert run.next == expected
    assert run.said[0].startswith("taken over from dpgen run") and "going back" not in str(run.said)
    state = json.loads((folder / "wtemlp.json").read_text())
    assert state["seed"] == 1 and state["taken_over"] == [[0, int(step)]]
    run.go_on()
    assert after(folder) == Done(*expected)
    CHECKS[expected[1]](folder)
    assert "taken over from dpgen run" in describe(folder)
    row = read_summary(folder / ITERATION / "summary.json")
    if step >= Step.RUN_EXPLORE:
        assert row.explored == 10 and [walker.system for walker in row.walkers] == [0, 1]
    if step >= Step.POST_EXPLORE:
        assert (row.accurate, row.candidate, row.failed, row.selected) == (0, 10, 0, 4)
    if step >= Step.RUN_LABEL:
        assert row.labelled == 4 and row.label_failures == 0


@pytest.mark.parametrize("step", [Step.MAKE_LABEL, Step.POST_LABEL], ids=lambda step: step.name)
def test_what_dpgen_has_chosen_and_labelled_is_known(dpgens, tmp_path, step):
    """The frames of the links, in the table; each label with its frame's energy."""
    folder = copy(dpgens / f"0.{int(step)}", tmp_path / "run")
    Ours(folder)
    table = load_frames(folder / ITERATION / "01.model_devi/explored.npz")
    chosen = table.where(table.decision == Decision.SELECTED)
    fp = folder / ITERATION / "02.fp"
    links = [(task / "conf.dump").readlink() for task in sorted(fp.glob("task.*"))]
    assert list(zip(chosen.system, chosen.step, strict=True)) == [
        (int(link.parts[-3].split(".")[1]), int(link.stem)) for link in links
    ]
    for task in sorted(fp.glob("task.*")):
        made = json.loads((task / "frame.json").read_text())
        assert (task / "frame.lammpstrj").read_bytes() == (task / "conf.dump").read_bytes()
        assert made["temperature_K"] == 330 and made["biasfactor"] == 1
    if step is Step.POST_LABEL:
        for outcome in json.loads((fp / "labels.json").read_text()):
            label = dpdata.LabeledSystem(str(fp / outcome["frame"] / "labeled"), fmt="deepmd/npy")
            assert outcome["label_eV"] == label["energies"][0]
        assert write_run_page(folder)[0].name == "report.html"


def relink(folder: Path) -> None:
    """As if the run had been moved: DP-GEN's links hold the path that it had."""
    for parent, subfolders, files in os.walk(folder):
        for name in (*subfolders, *files):
            link = Path(parent) / name
            if link.is_symlink() and link.readlink().is_absolute():
                gone = f"/gone{link.readlink()}"
                link.unlink()
                link.symlink_to(gone)


def remove(pattern: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        found = list(folder.glob(f"{ITERATION}/{pattern}"))
        assert found
        for path in found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    return spoil


def record(text: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "record.dpgen").write_text(text)


@pytest.mark.parametrize(
    ("came", "spoil", "goes_on_with", "words"),
    [
        (0, relink, Step.MAKE_TRAIN, "data.init has gone: going back"),
        (0, remove("00.train/001/input.json"), Step.MAKE_TRAIN, "a training is not whole"),
        (1, remove("00.train/001/frozen_model.pb"), Step.MAKE_TRAIN, "frozen_model.pb has gone"),
        (2, remove("00.train/000/frozen_model.pb"), Step.MAKE_TRAIN, "graph.000.pb has gone"),
        (3, relink, Step.RUN_EXPLORE, "taken over"),  # the models' links are mended
        (3, remove("01.model_devi/confs"), Step.MAKE_EXPLORE, "conf.lmp is not there: going back"),
        (4, remove("01.model_devi/task.001.*/model_devi.out"), Step.MAKE_EXPLORE, "is not there"),
        (5, remove("01.model_devi/task.001.*/traj"), Step.MAKE_EXPLORE, "traj has no frames"),
        (5, remove("01.model_devi"), Step.MAKE_EXPLORE, "has no tasks: going back"),
        (6, remove("02.fp"), Step.MAKE_LABEL, "02.fp is not there: going back"),
        (6, remove("02.fp/task.000.000001/POSCAR_in"), Step.MAKE_LABEL, "POSCAR_in is not there"),
        (6, remove("01.model_devi/task.*/traj"), Step.RUN_LABEL, "taken over"),
        (7, remove("01.model_devi/task.*/traj"), Step.POST_LABEL, "taken over"),
        (7, remove("02.fp/*.out"), Step.POST_LABEL, "taken over"),
        (2, record("0 0\n0 1\n\n"), Step.POST_TRAIN, "step 1 (run train)"),
        (2, record("0 0\n0 1\n0 2\n0"), Step.MAKE_EXPLORE, "step 2 (post train)"),
    ],
)
def test_what_is_not_whole_is_made_again(dpgens, tmp_path, came, spoil, goes_on_with, words):
    folder = copy(dpgens / f"0.{came}", tmp_path / "run")
    spoil(folder)
    run = Ours(folder)
    assert run.next == (0, goes_on_with)
    assert any(words in line for line in run.said), run.said
    kept = folder / "record.dpgen"
    lines = kept.read_text().split("\n") if kept.exists() else [""]
    assert lines[-1] == "" and all(len(line.split()) == 2 for line in lines[:-1])


def test_labels_that_are_there_are_not_made_again(dpgens, tmp_path):
    folder = copy(dpgens / "0.7", tmp_path / "run")
    remove("02.fp/task.001.000001/labeled")(folder)
    run = Ours(folder)
    with pytest.raises(Exception, match="failed for 1 of 4 frames"):
        run.go_on()
    assert after(folder) == Done(0, Step.MAKE_LABEL)  # for DP-GEN, too
    again = Ours(folder)
    assert again.next == (0, Step.RUN_LABEL)
    again.go_on(2)
    posted_label(folder)
    fp = folder / ITERATION / "02.fp"
    assert [task.name for task in sorted(fp.glob("task.*")) if (task / "task.out").exists()] == [
        "task.001.000001"
    ]


def test_a_takeover_can_be_repeated(dpgens, tmp_path):
    """Killed before the state is saved, the next call does the same again."""
    folder = copy(dpgens / "0.8", tmp_path / "run")
    Ours(folder)
    files = ("02.fp/labels.json", "summary.json", "01.model_devi/task.000.000000/job.json")
    first = [(folder / ITERATION / name).read_text() for name in files]
    (folder / "wtemlp.json").unlink()
    Ours(folder)
    assert [(folder / ITERATION / name).read_text() for name in files] == first


def test_without_the_frames_of_an_earlier_iteration_the_run_goes_on(dpgens, tmp_path):
    folder = copy(dpgens / "0.8", tmp_path / "run")
    remove("01.model_devi")(folder)
    run = Ours(folder)
    assert run.next == (1, Step.MAKE_TRAIN)
    assert any("left out of tables and report" in line for line in run.said)
    run.go_on()
    made_train(folder)
    assert write_run_page(folder)[0].exists() and "iteration 1" in describe(folder)


def test_a_run_that_dpgen_has_finished_is_finished(dpgens, tmp_path):
    folder = copy(dpgens / "0.8", tmp_path / "run")
    change(folder, model_devi_jobs=[handover_files.job()])
    record("0 8\n1 0\n1 1\n1 2\n")(folder)
    run = Ours(folder)
    assert run.loop.state.finished == EXHAUSTED
    assert [row.labelled for row in summaries(run.loop.paths)] == [4]


def change(folder: Path, **changes: object) -> None:
    file = folder / "param.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_another_runs_file_is_refused(dpgens, tmp_path):
    from wtemlp.config.machine.sections import load_machines
    from wtemlp.config.params import load_params
    from wtemlp.core.paths import RunPaths
    from wtemlp.records.compatibility import check_run

    folder = copy(dpgens / "0.2", tmp_path / "run")
    change(folder, numb_models=3)
    params = load_params(folder / "param.json", folder)
    machines = load_machines(folder / "machine.json", folder)
    with pytest.raises(InputError, match=r"numb_models: 3, but the dpgen run in .* has 2"):
        check_run(params, machines, RunPaths(folder))
    assert not (folder / "wtemlp.json").exists()


def test_one_block_makes_it_biased(dpgens, tmp_path):
    """DP-GEN's run goes on with the well-tempered ensemble; what has run stays."""
    wte = {
        "sys_idx": [0],
        "temps": [300],
        "ensemble": "nvt",
        "nsteps": 200,
        "trj_freq": 10,
        "wte": {"biasfactor": [4], "nvt_steps": 600},
    }
    for came, expected in ((3, Step.MAKE_EXPLORE), (4, Step.POST_EXPLORE)):
        folder = copy(dpgens / f"0.{came}", tmp_path / f"{came}")
        change(folder, model_devi_engine="wte", seed=5, model_devi_jobs=[wte, wte])
        run = Ours(folder)
        assert run.next == (0, expected)
        run.go_on()
        made = (folder / ITERATION / "01.model_devi/task.000.000000/input.lammps").read_text()
        assert ("fix_modify      wte energy no" in made) == (came == 3)


# -- dpgen goes on with wtemlp's


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_dpgen_goes_on_where_wtemlp_stopped(given_back, step):
    folder, ended = given_back[step]
    assert ended == "enough", ended
    expected = Done(0, step).next()
    assert after(folder) == Done(*expected)
    CHECKS[expected[1]](folder)
    # And wtemlp again: it sees what DP-GEN has done.
    run = Ours(folder)
    assert run.next == Done(*expected).next()
    assert run.said[0].startswith("taken over from dpgen run")


#: So short that models of two steps leave the molecules whole.
OWN_SCRIPT = {
    "sys_idx": [0],
    "temps": [300],
    "ensemble": "nvt",
    "dt": 1e-5,
    "nsteps": 400,
    "trj_freq": 50,
}


def coords_of(poscar: Path) -> np.ndarray:
    return dpdata.System(str(poscar), fmt="vasp/poscar")["coords"][0]


def chosen(run: Path) -> dict[Path, int]:
    """The frames that DP-GEN has chosen of the first system, with their steps, as it lists them."""
    fp = run / ITERATION / "02.fp"
    tasks = sorted(fp.glob("task.000.*"))
    listed = (fp / "candidate.shuffled.000.out").read_text().splitlines()[: len(tasks)]
    steps = sorted(int(line.split()[1]) for line in listed)
    return dict(zip(tasks, steps, strict=True))


BIASED = OWN_SCRIPT | {"wte": {"biasfactor": [4], "nvt_steps": 600}}


@pytest.mark.parametrize(
    ("job", "merged"), [(OWN_SCRIPT, True), (OWN_SCRIPT, False), (BIASED, True)]
)
def test_dpgen_reads_the_frames_of_our_own_script(wtemlps, tmp_path, job, merged):
    """In one file or a file each, as the key that both read says; and wtemlp takes it back."""
    folder = copy(wtemlps / "0.2", tmp_path / "run")
    engine = "wte" if "wte" in job else "lammps"
    own = {} if engine == "wte" else {"model_devi_merge_traj": merged}  # the default is one file
    change(folder, model_devi_jobs=[job, job], model_devi_engine=engine, **own)
    Ours(folder).go_on(3)
    change(
        folder,
        model_devi_jobs=[OWN_SCRIPT, OWN_SCRIPT],
        model_devi_engine="lammps",
        model_devi_merge_traj=merged,
    )
    walker = folder / ITERATION / "01.model_devi/task.000.000000"
    assert (walker / "all.lammpstrj").exists() == (not (walker / "traj").exists()) == merged
    assert dpgen((folder, 1, "")) == {str(folder): "enough"}
    frames = chosen(folder)
    assert len(frames) == 2 and set(frames.values()) <= set(range(0, 1001, 50))
    for task, step in frames.items():
        (stored,) = parse_dump(read_frames(walker, [step])[step].decode())
        np.testing.assert_allclose(coords_of(task / "POSCAR_in"), stored.coords, atol=1e-6)
    run = Ours(folder)
    assert run.next == (0, Step.RUN_LABEL)
    run.go_on(2)
    made = [json.loads((task / "frame.json").read_text()) for task in frames]
    assert [one["step"] for one in made] == list(frames.values())
    assert read_summary(folder / ITERATION / "summary.json").labelled == 2


def test_we_read_the_frames_that_dpgen_has_stored_in_one_file(dpgens, tmp_path):
    folder = copy(dpgens / "0.2", tmp_path / "run")
    change(folder, model_devi_merge_traj=True)
    assert dpgen((folder, 3, "")) == {str(folder): "enough"}
    run = Ours(folder)
    assert run.next == (0, Step.MAKE_LABEL)
    run.go_on()
    for task in sorted((folder / ITERATION / "02.fp").glob("task.*")):
        made = json.loads((task / "frame.json").read_text())
        walker = folder / made["task"]
        assert (walker / "all.lammpstrj").is_file() and not (walker / "traj").exists()
        (stored,) = parse_dump(read_frames(walker, [made["step"]])[made["step"]].decode())
        np.testing.assert_allclose(coords_of(task / "POSCAR_in"), stored.coords, atol=1e-6)
    run.go_on(2)
    assert read_summary(folder / ITERATION / "summary.json").labelled == 4
    assert told(folder).count("ens: nvt   T:     330.00   P:        -1.00   count:        2") == 2


def dpgens_tool(cwd: Path, *words: str) -> str:
    """What DP-GEN says to a command that succeeds."""
    done = subprocess.run(
        ["dpgen", *words], env=environment(), cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(folder: Path) -> str:
    """What ``dpgen run/report`` says of a run."""
    return dpgens_tool(folder, "run/report", str(folder), "-s", "-i")


@pytest.fixture(scope="module")
def both_selected(dpgens: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same trajectories, sorted and drawn from by DP-GEN and by wtemlp."""
    base = tmp_path_factory.mktemp("selected")
    rows = [np.loadtxt(file) for file in sorted(dpgens.glob(f"0.5/{ITERATION}/01*/task.*/*.out"))]
    low, high = np.quantile(np.concatenate(rows)[:, 4], (0.3, 0.7))
    folders = [copy(dpgens / "0.5", base / name) for name in ("dpgen", "wtemlp")]
    for folder in folders:
        change(folder, model_devi_f_trust_lo=float(low), model_devi_f_trust_hi=float(high))
    assert dpgen((folders[0], 1, "")) == {str(folders[0]): "enough"}
    Ours(folders[1]).go_on()
    return folders[0], folders[1]


def test_the_same_frames_are_accurate_candidates_and_failed(both_selected):
    lists = sorted(file.name for file in both_selected[0].glob(f"{ITERATION}/02.fp/*.out"))
    assert len(lists) == 6
    sizes = []
    for name in lists:
        theirs, ours = (
            sorted((folder / ITERATION / "02.fp" / name).read_text().splitlines())
            for folder in both_selected
        )
        assert ours == theirs
        sizes.append(len(ours))
    assert sum(sizes) == 10 and sum(sizes[:2]) >= 2 and sum(sizes[2:4]) >= 2


def tree(folder: Path) -> set[str]:
    """Files of a run; the hidden ones are the dispatchers', and DP-GEN's models' are many."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if not path.is_dir() and not any(part.startswith(".") for part in path.parts)
    }


def test_the_same_tree_of_files(dpgens, wtemlps):
    theirs, ours = tree(dpgens / "0.8"), tree(wtemlps / "0.8")
    # What LAMMPS prints; wtemlp keeps LAMMPS's own log.
    printed = {f"{ITERATION}/01.model_devi/task.{s:03d}.000000/model_devi.log" for s in range(2)}
    assert theirs - ours == printed | {"dpgen.log", "dpdispatcher.log"}
    more = {name for name in ours - theirs if Path(name).name not in OURS_OF_TASKS}
    assert more == OURS


def test_data_load_alike(dpgens, wtemlps):
    """Not the same frames, for they are drawn at random: the same kind of data."""
    for system in range(2):
        data = f"{ITERATION}/02.fp/data.{system:03d}/O27H54"
        theirs, ours = (
            dpdata.LabeledSystem(str(folder / "0.8" / data), fmt="deepmd/npy")
            for folder in (dpgens, wtemlps)
        )
        assert theirs.data.keys() == ours.data.keys()
        for key in ("atom_names", "atom_numbs"):
            assert theirs[key] == ours[key]
        np.testing.assert_array_equal(theirs["atom_types"], ours["atom_types"])
        for key in ("coords", "cells", "energies", "forces"):
            assert theirs[key].shape == ours[key].shape and theirs[key].dtype == ours[key].dtype
        assert {file.name for file in (dpgens / "0.8" / data).rglob("*")} == {
            file.name for file in (wtemlps / "0.8" / data).rglob("*")
        }


def test_dpgens_tools_work_on_our_folders(wtemlps, tmp_path):
    folder = copy(wtemlps / "0.8", tmp_path / "run")
    reported = told(folder)
    assert "02.fp:candidate:10:rest_failed:0:rest_accurate:0:" in reported
    assert reported.count("ens: nvt   T:     330.00   P:        -1.00   count:        2") == 2
    dpgens_tool(tmp_path, "collect", str(folder), "collected", "-p", "param.json", "-m")
    found = dpdata.LabeledSystem(str(tmp_path / "collected/sys.O27H54"), fmt="deepmd/npy")
    assert len(found) == 4


def test_the_log_of_a_label_is_kept(wtemlps):
    """DP-GEN leaves it where the job ran."""
    logs = sorted(wtemlps.glob(f"0.8/{ITERATION}/02.fp/task.*/output"))
    assert len(logs) == 4
