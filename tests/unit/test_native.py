"""DP-GEN's keys of plain MD: whose script a walker has, and what is in it."""

import copy
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.support.params import JOB, changed, load
from tests.support.templates import make_context
from wtemlp.analysis.frames import Decision
from wtemlp.config.records import DPGEN, OWN
from wtemlp.core.errors import CalculationError, NotRunnable
from wtemlp.dpgen import adapter
from wtemlp.md import trajectory
from wtemlp.md.dump import write_dump
from wtemlp.md.walker_record import read_record, write_record
from wtemlp.stages import label, select
from wtemlp.stages.exploration import clean_trajectories, explore

PLAIN = {"model_devi_engine": "lammps", JOB + "wte": ..., "model_devi_jobs.1.wte": ...}
D3 = {"enable": True, "damping_function": "bj", "functional": "pbe", "cutoff": 30, "cn_cutoff": 20}
#: What DP-GEN's script is needed for.
DPGENS = {
    "beads": {JOB + "nbeads": 4},
    "beads and a barostat": {JOB + "nbeads": 12, JOB + "ensemble": "npt-a", JOB + "press": [1, 9]},
    "a knock": {JOB + "pka_e": 50.0},
    "no cell": {"model_devi_nopbc": True, "fp_cluster_vacuum": 5.0},
    "constant energy": {JOB + "ensemble": "nve"},
    "one file": {
        JOB + "ensemble": "nve",
        "model_devi_merge_traj": True,
        "lmp_d3": D3,
        "lmp_neigh_modify_one": 4000,
    },
    "relative to the forces": {"model_devi_f_avg_relative": True, "model_devi_taut": 0.3},
    "too short for a guard": {
        JOB + "nsteps": 60,
        JOB + "dt": 0.001,
        JOB + "neidelay": 3,
        "use_relative": True,
        "epsilon": 1.5,
        "use_relative_v": True,
        "epsilon_v": 0.5,
    },
    "fewer steps than to the second frame": {
        JOB + "nsteps": 10,
        JOB + "taut": 0.2,
        JOB + "ensemble": "npt",
        JOB + "press": [5],
        JOB + "taup": 2.0,
    },
}


def prepared(root: Path, changes: dict):
    context = make_context(root, load(root, changed(PLAIN | changes)))
    explore.prepare(context, 0)
    return context


def masked(script: str) -> str:
    """A script without what is drawn."""
    script = re.sub(r"(create \S+) \d+\"", r'\1 SEED"', script)
    return re.sub(r"(first set) .*\"", r'\1 VECTOR"', script)


@pytest.mark.parametrize("changes", DPGENS.values(), ids=DPGENS)
def test_scripts_are_dpgens(root, changes):
    """Byte for byte but for the seeds, task for task, with the same structures."""
    context = prepared(root, changes)
    assert context.params.jobs[0].script == DPGEN
    other = root / "dpgen"
    train = other / "iter.000000/00.train"
    train.mkdir(parents=True)
    for model in range(4):
        (train / f"graph.{model:03d}.pb").touch()
    (other / "conf").symlink_to(root / "conf")
    with adapter.run_folder(other, 1) as generator:
        jdata = copy.deepcopy(dict(context.params.jdata))
        generator.make_model_devi(0, jdata, {"deepmd_version": "3.2.0"})
    its = sorted((other / "iter.000000/01.model_devi").glob("task.*"))
    ours = sorted(context.paths.explore(0).glob("task.*"))
    assert [task.name for task in ours] == [task.name for task in its]
    seeds = set()
    for mine, theirs in zip(ours, its, strict=True):
        script = (mine / "input.lammps").read_text()
        assert masked(script) == masked((theirs / "input.lammps").read_text())
        assert (mine / "conf.lmp").read_text() == (theirs / "conf.lmp").read_text()
        job, made = (json.loads((task / "job.json").read_text()) for task in (theirs, mine))
        assert {key: made.get(key, -1) for key in job} == job
        assert (theirs / "traj").is_dir() == (mine / "traj").is_dir()
        seeds.add(made["velocity_seed"])
    assert len(seeds) == len(ours)


def test_scripts_are_the_same_each_time(root):
    texts = []
    for _ in range(2):
        context = prepared(root, {JOB + "pka_e": 50.0})
        tasks = sorted(context.paths.explore(0).glob("task.*"))
        texts.append([(task / "input.lammps").read_text() for task in tasks])
    assert texts[0] == texts[1] and len(set(texts[0])) == len(texts[0])


def test_keys_that_wtemlps_own_script_has(root):
    changes = {
        JOB + "temps": [300],
        JOB + "dt": 0.001,
        JOB + "neidelay": 7,
        JOB + "taut": 0.25,
        "lmp_neigh_modify_one": 4000,
        "lmp_d3": D3,
        "use_relative": True,
        "epsilon": 1.5,
    }
    for engine in (
        {},
        {
            "model_devi_engine": "wte",
            JOB + "wte": {"biasfactor": 4},
            "model_devi_jobs.1.wte": {"biasfactor": 4},
        },
    ):
        context = prepared(root, PLAIN | changes | engine)
        assert context.params.jobs[0].script == OWN
        script = (context.paths.explore_task(0, 0, 0) / "input.lammps").read_text()
        models = " ".join(f"../graph.{model:03d}.pb" for model in range(4))
        for line in (
            f"pair_style      hybrid/overlay deepmd {models} out_freq 20 out_file model_devi.out "
            "relative 1.5 dispersion/d3 bj pbe 30 20\npair_coeff      * * deepmd O H\n"
            "pair_coeff      * * dispersion/d3 O H\ntimestep        0.001\n",
            "neigh_modify    delay 7 one 4000\n",
        ):
            assert line in script
        assert re.search(r"temp/csvr 300 300 0\.25 \d+\n", script)
        assert read_record(context.paths.explore_task(0, 0, 0)).timestep_ps == 0.001


BIASED = {"model_devi_engine": "wte", JOB + "wte": {"biasfactor": 4}, "model_devi_jobs.1": ...}
MERGED = "model_devi_merge_traj"


@pytest.mark.parametrize(
    ("changes", "merged"),
    [
        ({}, False),  # as ``dpgen run`` of the same file has them
        ({MERGED: True}, True),
        (BIASED, True),
        (BIASED | {MERGED: False}, False),
    ],
)
def test_a_file_a_walker_or_a_file_a_frame(root, changes, merged):
    """By default one, unless ``dpgen run`` may go on with it; both are sent, read, brought home."""
    context = prepared(root, changes | {JOB + "temps": [300]})
    assert context.params.jobs[0].script == OWN
    folders = explore.task_folders(context.paths, 0)
    stored = "all.lammpstrj" if merged else "traj/*.lammpstrj"
    for folder in folders:
        script = (folder / "input.lammps").read_text()
        assert len(re.findall(r"^dump .*", script, re.M)) == script.count(f" {stored} id type") == 2
        assert (folder / "traj").is_dir() == (not merged)
        assert trajectory.trajectory(folder).name == stored.split("/")[0]
    task = explore.tasks(context, 0)[0][0]
    assert ("all.lammpstrj" in task.backward, "traj" in task.backward) == (merged, not merged)
    assert ("frames.awk" in task.forward) == merged
    # As they were prepared, whatever the file says now (or a version of wtemlp before).
    data = changed(PLAIN | changes | {JOB + "temps": [300], MERGED: not merged})
    later = make_context(root, load(root, data))
    assert explore.tasks(later, 0)[0][0].backward == task.backward
    assert ("mkdir -p traj" in task.command) == (not merged)
    assert ("rm -rf" in task.command) and f" {stored.split('/')[0]} model_devi.out " in task.command
    for folder in folders:
        walk(folder, merged, range(0, 100, 20), None)
        (folder / "walker.stopped").write_text("energy\n")  # it is asked for its frames
    table, _ = explore.collect(context, 0)
    assert len(table) == 5 * len(folders)
    decided = select.decide(context, 0, table)
    label.prepare(context, 0, decided)
    rows = np.flatnonzero(decided.decision == Decision.SELECTED)
    assert len(rows)
    for number, row in enumerate(rows):
        frame = context.paths.label_task(0, 0, number)
        text = (frame / "frame.lammpstrj").read_text()
        assert text.splitlines()[1] == str(decided.step[row])
        # DP-GEN's tools read where it is from out of the link, whether it leads anywhere or not.
        its = context.paths.explore_task(0, 0, int(decided.task[row]))
        linked = Path(os.path.realpath(frame / "conf.dump"))
        assert linked == (its / f"traj/{decided.step[row]}.lammpstrj").resolve()
        assert linked.exists() == (not merged)


def test_what_is_not_for_a_biased_run(root):
    for key, value in (
        ("model_devi_nopbc", True),
        ("model_devi_f_avg_relative", True),
        (JOB + "nbeads", 4),
        (JOB + "pka_e", 5.0),
    ):
        with pytest.raises(NotRunnable, match='not with "model_devi_engine": "wte"'):
            load(root, changed({key: value}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({JOB + "nbeads": 10}, "nbeads = 10; must be another number"),
        (
            {JOB + "nbeads": 4, JOB + "nsteps": 2001},
            "nsteps = 2001; must be a multiple of trj_freq",
        ),
        (
            {JOB + "nbeads": 4, "model_devi_merge_traj": True},
            "model_devi_merge_traj = true; not toge",
        ),
        (
            {JOB + "nbeads": 4, JOB + "ensemble": "npt-t", JOB + "press": [1]},
            "no triclinic barostat",
        ),
        (
            {"model_devi_nopbc": True, JOB + "ensemble": "npt", JOB + "press": [1]},
            "there is no cell",
        ),
        ({"use_relative": True}, "epsilon is missing"),
        ({"use_relative": True, "epsilon": 1.0, "model_devi_f_avg_relative": True}, "remove one"),
        ({JOB + "dt": 0.5}, "dt = 0.5; must be 0.01 or less: it is in ps"),
        ({JOB + "taut": -1.0}, "taut = -1.0; must be a positive number (ps)"),
        ({"model_devi_neidelay": -1}, "model_devi_neidelay = -1; must be 0 or more"),
    ],
)
def test_nonsense_is_told_in_a_line(root, changes, words):
    from wtemlp.core.errors import InputError

    with pytest.raises(InputError) as caught:
        load(root, changed(PLAIN | changes))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_has_no_effect_is_told(root, tmp_path):
    script = (
        "units metal\nread_data conf.lmp\npair_style deepmd\npair_coeff\ndump dpgen_dump\nrun 9\n"
    )
    (tmp_path / "in.lammps").write_text(script)
    template = {JOB + "template": {"lmp": "in.lammps"}, JOB + "taut": 0.1}
    params = load(
        root,
        changed(
            PLAIN
            | template
            | {
                "model_devi_plumed_path": True,
                "epsilon": 1.0,
                "model_devi_numb_candi_f": 3,
                "model_devi_jobs.1.rev_mat": {"lmp": {"V_A": [1]}},
                "model_devi_jobs.1.press": [1, 2],
                "pretty_print": True,
            }
        ),
    )
    keys = [line.split(" = ")[0] for line in params.warnings]
    one, two = "params.json: model_devi_jobs[0].", "params.json: model_devi_jobs[1]."
    assert sorted(keys) == sorted(
        [
            *(
                f"params.json: {key}"
                for key in (
                    "model_devi_numb_candi_f",
                    "epsilon",
                    "pretty_print",
                    "model_devi_plumed_path",
                )
            ),
            *(one + key for key in ("temps", "nsteps", "ensemble", "taut")),
            two + "rev_mat",
            two + "press",
        ]
    )
    assert params.jobs[0].temps_K == () and params.jobs[1].press_bar == ()


def test_atoms_change_places(root):
    def atoms(context) -> np.ndarray:
        text = (context.paths.explore(0) / "confs/000.0000.lmp").read_text()
        rows = text.split("Atoms")[1].split("\n\n", 1)[1].strip().splitlines()
        return np.array([row.split()[:5] for row in rows], dtype=float)

    given, shuffled = (atoms(prepared(root, {"shuffle_poscar": on})) for on in (False, True))
    again = atoms(prepared(root, {"shuffle_poscar": True}))
    np.testing.assert_array_equal(shuffled, again)
    np.testing.assert_array_equal(given[:, :2], shuffled[:, :2])
    assert sorted(map(tuple, given[:, 2:])) == sorted(map(tuple, shuffled[:, 2:]))


def write_frame(file: Path, step: int, shift: float, forces: float | None = None) -> None:
    coords = np.array([[[0.0, 0, 0], [0.9, 0, 0], [0, 0.9, shift]]])
    write_dump(file, [step], np.diag([9.0, 9.5, 10.0])[None], np.array([1, 2, 2]), coords)
    if forces is not None:
        lines = file.read_text().splitlines()
        lines[8] += " fx fy fz"
        lines[9:] = [f"{line} {forces} 0 0" for line in lines[9:]]
        file.write_text("\n".join(lines) + "\n")


def walk(folder: Path, merged: bool, steps: range, forces: float | None = 2.0) -> None:
    """What a walker leaves."""
    rows = [f"{step} 0.01 0 0 {0.2 + 1e-4 * step:.4f} 0.1 0.1" for step in steps]
    (folder / "model_devi.out").write_text("# step\n" + "\n".join(rows) + "\n")
    (folder / "traj").mkdir(exist_ok=True)
    for step in steps:
        write_frame(folder / f"traj/{step}.lammpstrj", step, 0.001 * step, forces)
    thermo = "".join(f"{step} 300 {-5 - step:.1f}\n" for step in steps)
    (folder / "log.lammps").write_text(f"Step Temp PotEng\n{thermo}Loop time\n")
    if merged:
        texts = [(folder / f"traj/{step}.lammpstrj").read_text() for step in steps]
        (folder / "all.lammpstrj").write_text("".join(texts))
        for step in steps:
            (folder / f"traj/{step}.lammpstrj").unlink()


@pytest.mark.parametrize("merged", [False, True])
def test_frames_are_read_and_sent(root, merged):
    """The frames, their energies, the same labels whether the frames are in one file or not."""
    context = prepared(
        root, {"model_devi_merge_traj": merged, JOB + "ensemble": "nve", "model_devi_skip": 30}
    )
    folders = explore.task_folders(context.paths, 0)
    backward = explore.tasks(context, 0)[0][0].backward
    assert ("all.lammpstrj" in backward, "traj" in backward) == (merged, not merged)
    for folder in folders:
        walk(folder, merged, range(0, 100, 10))
    table, _ = explore.collect(context, 0)
    assert len(table) == 7 * len(folders) and table.step.min() == 30
    np.testing.assert_allclose(table.energy_eV, -5 - table.step)
    np.testing.assert_allclose(table.max_devi_v, 0.01)
    decided = select.decide(context, 0, table)
    assert decided.count(Decision.SELECTED) == 20
    label.prepare(context, 0, decided)
    rows = np.flatnonzero(decided.decision == Decision.SELECTED)
    for number, row in enumerate(rows):
        text = (context.paths.label_task(0, 0, number) / "frame.lammpstrj").read_text()
        assert text.splitlines()[1] == str(decided.step[row])
        assert f" {0.001 * decided.step[row]:.17g} 2.0 0 0" in text


def test_deviations_relative_to_the_forces(root):
    """As DP-GEN has them."""
    context = prepared(root, {"model_devi_f_avg_relative": True, JOB + "temps": [300]})
    folders = explore.task_folders(context.paths, 0)
    for index, folder in enumerate(folders):
        walk(folder, False, range(0, 60, 10), forces=1.5 + index)
    table, _ = explore.collect(context, 0)
    for index, folder in enumerate(folders):
        with adapter.run_folder(folder, 0) as generator:
            expected = generator._read_model_devi_file(".", True, False)[:, 4]
        found = table.max_devi_f[table.task == index]
        np.testing.assert_allclose(found, expected)
        np.testing.assert_allclose(found, (0.2 + 1e-4 * np.arange(0, 60, 10)) / (1.5 + index))
    walk(folders[0], False, range(0, 60, 10), forces=None)
    with pytest.raises(CalculationError, match="no forces"):
        explore.collect(context, 0)


@pytest.mark.parametrize("n_beads", [2, 12])
def test_beads_are_read_as_dpgen_reads_them(tmp_path, n_beads):
    """Their rows one after the other, with the frames that belong to them; twice as well."""
    ours, its = tmp_path / "ours", tmp_path / "its"
    rng = np.random.default_rng(5)
    for folder in (ours, its):
        (folder / "traj").mkdir(parents=True)
    for bead, name in enumerate(trajectory.bead_names(n_beads)):
        table = np.column_stack([np.arange(0, 50, 10), rng.random((5, 6))])
        for folder in (ours, its):
            np.savetxt(
                folder / f"model_devi{name}.out",
                table,
                fmt=["%d"] + ["%.6e"] * 6,
                header="step max_devi_v",
            )
            for step in range(0, 50, 10):
                file = folder / f"traj/{step}.lammpstrj{name}"
                write_frame(file, step, bead + 0.001 * step)
    for _ in range(2):
        trajectory.join_beads(ours, n_beads)
    with adapter.run_folder(its, 0) as generator:
        expected = generator._read_model_devi_file(".")
    found = np.loadtxt(ours / "model_devi.out")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert trajectory.are_stored(ours, expected[:, 0]).all()
    for step in expected[:, 0].astype(int):
        text = (its / f"traj/{step}.lammpstrj").read_bytes()
        assert trajectory.read_frames(ours, [step])[step] == text


def test_beads_that_stopped_early(tmp_path):
    for name, rows in (("1", "0 1 1 1 1 1 1\n10 1 1 1 1 1 1\n"), ("2", "0 1 1 1 1 1 1\n")):
        (tmp_path / f"model_devi{name}.out").write_text(rows)
    with pytest.raises(CalculationError, match="different steps"):
        trajectory.join_beads(tmp_path, 2)


@pytest.mark.parametrize(
    ("given", "left"), [(True, []), (1, [2]), (2, [1, 2]), (False, [0, 1, 2]), (9, [0, 1, 2])]
)
def test_trajectories_are_given_up(root, given, left):
    """Those of the iterations that have labels; done again, it does nothing."""
    context = make_context(root, load(root, changed(PLAIN | {"model_devi_clean_traj": given})))
    for index in range(3):
        for task, name in ((0, "traj/0.lammpstrj"), (1, "all.lammpstrj")):
            folder = context.paths.explore_task(index, 0, task)
            (folder / "traj").mkdir(parents=True)
            (folder / name).write_text("frames")
            write_record(folder, read_record_of(index))
    removed = clean_trajectories.clean(context, 2)
    assert len(removed) == 2 * (3 - len(left)) and not clean_trajectories.clean(context, 2)
    for index in range(3):
        there = [
            (context.paths.explore_task(index, 0, task) / name).exists()
            for task, name in ((0, "traj/0.lammpstrj"), (1, "all.lammpstrj"))
        ]
        assert there == [index in left] * 2
        assert (context.paths.explore_task(index, 0, 0) / "job.json").exists()


def read_record_of(index: int):
    from wtemlp.md.walker_record import WalkerRecord

    return WalkerRecord(temperature_K=300.0 + index)
