"""What an iteration makes of the ones before it: bias factors, starting structures."""

import json
import shutil

import dpdata
import numpy as np
import pytest

from tests.support.engines import require_engine
from tests.support.loop_runs import job, make_run
from tests.support.loop_state import set_state
from wtemlp.md.dump import parse_dump
from wtemlp.md.trajectory import read_frames
from wtemlp.records.state import Step


@pytest.fixture(scope="module", autouse=True)
def engines():
    require_engine("lammps")


def jobs(n, **block):
    """Exploration jobs of several iterations."""
    return [job() | {"wte": job()["wte"] | block} for _ in range(n)]


def made(run, iteration):
    """What each walker of an iteration was made with, by task."""
    files = sorted(run.folder.glob(f"iter.{iteration:06d}/01.model_devi/task.*/job.json"))
    return [json.loads(file.read_text()) for file in files]


def summary(run, iteration):
    return json.loads((run.folder / f"iter.{iteration:06d}/summary.json").read_text())


def output_of(run, **environment):
    process = run.start(**environment)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def test_a_bias_factor_at_which_most_walkers_stop_is_lowered(tmp_path):
    run = make_run(tmp_path / "run", model_devi_jobs=jobs(3, biasfactor=[4, 16, 64]))
    output = output_of(run, CHEAP_ENGINE_STOPS_ABOVE="10")
    assert (
        "iteration 1: system 0, 300 K: bias factor 16, 64 lowered to 8 "
        "(2 of 2 walkers at 16 were stopped in iteration 0)" in output
    )
    walkers = made(run, 1)
    # Two that come to the same are explored once: two structures, two bias factors.
    asked = [(walker["biasfactor"], walker["biasfactor_asked"]) for walker in walkers]
    assert asked == 2 * [(4.0, [4.0]), (8.0, [16.0, 64.0])]
    note = summary(run, 1)["lowered"][0]
    assert (note["asked"], note["biasfactor"]) == ([16.0, 64.0], 8.0)
    assert [row["biasfactor_asked"] for row in summary(run, 1)["walkers"]] == 2 * [4.0, 64.0]
    # Nobody was stopped at 8: one step up.
    assert {walker["biasfactor"] for walker in made(run, 2)} == {4.0, 16.0}
    assert "bias factor 64 lowered to 16 (up from 8, where most came through" in output
    page = (run.folder / "report.html").read_text()
    assert "Iteration 1: system 0, 300 K: bias factor 16, 64 lowered to 8" in page
    # A summary that a power failure has emptied knows them again.
    before = summary(run, 1)["lowered"]
    shutil.rmtree(run.folder / "iter.000003")
    set_state(run, iteration=2, step=int(Step.POST_LABEL), finished="")
    (run.folder / "iter.000001/summary.json").write_bytes(b"")
    output_of(run, CHEAP_ENGINE_STOPS_ABOVE="10")
    assert summary(run, 1)["lowered"] == before


def test_an_exploration_that_is_made_anew_is_lowered_alike(tmp_path):
    run = make_run(tmp_path / "run", model_devi_jobs=jobs(2))
    output_of(run, CHEAP_ENGINE_STOPS_ABOVE="10")
    before, prints = made(run, 1), run.fingerprint()
    assert {walker["biasfactor"] for walker in before} == {4.0, 8.0}
    shutil.rmtree(run.folder / "iter.000002")
    shutil.rmtree(run.folder / "iter.000001/01.model_devi")
    set_state(run, iteration=1, step=int(Step.POST_EXPLORE), finished="")
    output_of(run, CHEAP_ENGINE_STOPS_ABOVE="10")
    assert made(run, 1) == before and run.fingerprint() == prints


def test_switched_off_it_stays(tmp_path):
    run = make_run(tmp_path / "run", model_devi_jobs=jobs(2, adapt_biasfactor=False))
    assert "lowered" not in output_of(run, CHEAP_ENGINE_STOPS_ABOVE="10")
    assert {walker["biasfactor"] for walker in made(run, 1)} == {4.0, 16.0}
    assert summary(run, 1)["lowered"] == []


def test_the_bias_factor_of_a_window_has_a_limit(tmp_path):
    window = {"window_K": [250, 400]}
    run = make_run(tmp_path / "run", model_devi_jobs=jobs(2, biasfactor=window))
    output = output_of(run, CHEAP_ENGINE_STOPS_ABOVE="40")
    assert "the window's bias factor lowered to 32 at most (2 of 2 walkers at 64" in output
    assert [walker["biasfactor_cap"] for walker in made(run, 0) + made(run, 1)] == [
        None,
        None,
        32.0,
        32.0,
    ]
    rows = summary(run, 1)["walkers"]
    assert [row["biasfactor"] for row in rows] == [32.0, 32.0]
    assert all(row["biasfactor_asked"] > 32 for row in rows)


def test_what_was_not_explored_has_not_converged(tmp_path):
    run = make_run(
        tmp_path / "run",
        model_devi_jobs=jobs(3, biasfactor=32),
        model_devi_f_trust_lo=0.9,
        model_devi_f_trust_hi=0.99,
        convergence={"accurate_ratio": 0.75, "iterations": 1},
    )
    # Iteration 0 has too many frames of stopped walkers, iteration 1 has enough accurate ones.
    output = output_of(run, CHEAP_ENGINE_STOPS_ABOVE="20")
    row = summary(run, 1)
    assert row["accurate"] >= 0.75 * row["explored"] and row["lowered"]
    assert run.state()["iteration"] == 3, output


def labelled_energies(run, iteration, system):
    """Reference energies of a system's labelled frames, eV, by the frame's name."""
    file = run.folder / f"iter.{iteration:06d}/02.fp/labels.json"
    return {
        outcome["frame"]: outcome["label_eV"]
        for outcome in json.loads(file.read_text())
        if outcome["labelled"] and outcome["frame"].startswith(f"task.{system:03d}")
    }


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    """Two systems that go on from labelled frames: alone, and beside the given structures."""
    block = {"biasfactor": [4], "n_start": 3}
    several = [
        {**job(), "sys_idx": [0, 1], "wte": job()["wte"] | block | {"start": start}}
        for start in ("labelled", "labelled", "both")
    ]
    run = make_run(
        tmp_path_factory.mktemp("starts") / "run",
        model_devi_jobs=several,
        sys_configs=[["conf/0.POSCAR"], ["conf/1.POSCAR", "conf/0.POSCAR"]],
    )
    run.finish()
    return run


def test_walkers_start_from_labelled_frames_spread_over_the_energies(restarted):
    first = made(restarted, 0)
    assert [walker["origin"] for walker in first] == [None] * 3
    second = made(restarted, 1)
    assert [walker["system"] for walker in second] == [0, 0, 0, 1, 1, 1]
    for system in (0, 1):
        energies = labelled_energies(restarted, 0, system)
        assert len(energies) == 5
        ordered = sorted(energies, key=energies.get)
        origins = [walker["origin"] for walker in second if walker["system"] == system]
        # Of five, those at the quantiles 1/6, 1/2 and 5/6.
        assert [origin["frame"] for origin in origins] == [ordered[k] for k in (0, 2, 4)]
        assert [origin["label_eV"] for origin in origins] == [
            energies[ordered[k]] for k in (0, 2, 4)
        ]
        assert {origin["iteration"] for origin in origins} == {0}


def test_what_a_walker_starts_from_is_the_frame_that_was_labelled(restarted):
    for walker, task in zip(made(restarted, 1), folders(restarted, 1), strict=True):
        origin = walker["origin"]
        conf = dpdata.System(str(task / "conf.lmp"), fmt="lammps/lmp", type_map=["O", "H"])
        step = origin["step"]
        (frame,) = parse_dump(read_frames(restarted.folder / origin["task"], [step])[step].decode())
        np.testing.assert_allclose(conf["coords"][0], frame.coords, atol=1e-6)
        np.testing.assert_array_equal(conf["atom_types"], frame.types - 1)
        np.testing.assert_allclose(conf["cells"][0], frame.cell, atol=1e-6)
        assert walker["structure"] == f"iter.000000/02.fp/{origin['frame']}"
        outcomes = json.loads((restarted.folder / "iter.000000/02.fp/labels.json").read_text())
        told = next(o for o in outcomes if o["frame"] == origin["frame"])
        assert (told["step"], told["atoms"]) == (origin["step"], {"H": 54, "O": 27})
        # The energy is that of the training data.
        data = restarted.folder / f"iter.000000/02.fp/data.{walker['system']:03d}"
        energies = np.load(next(data.glob("**/set.000/energy.npy")))
        assert np.abs(energies - origin["label_eV"]).min() < 1e-6


def folders(run, iteration):
    return sorted(run.folder.glob(f"iter.{iteration:06d}/01.model_devi/task.*"))


def test_given_structures_and_frames_of_all_iterations(restarted):
    third = made(restarted, 2)
    mine = [walker for walker in third if walker["system"] == 1]
    assert [walker["origin"] is None for walker in mine] == [True, True, False, False, False]
    names = [path.name for path in (restarted.folder / "conf").glob("?.POSCAR")]
    assert {walker["structure"].split("/")[-1] for walker in mine[:2]} == set(names)
    energies = {
        (iteration, name): energy
        for iteration in (0, 1)
        for name, energy in labelled_energies(restarted, iteration, 1).items()
    }
    ordered = sorted(energies, key=energies.get)
    chosen = [(walker["origin"]["iteration"], walker["origin"]["frame"]) for walker in mine[2:]]
    assert chosen == [ordered[k] for k in (1, 5, 8)]


def test_an_exploration_that_is_made_anew_starts_from_the_same(restarted, tmp_path):
    again = type(restarted)(tmp_path / "again")
    shutil.copytree(restarted.folder, again.folder, symlinks=True)
    shutil.rmtree(again.folder / "iter.000003")
    shutil.rmtree(again.folder / "iter.000002/01.model_devi")
    set_state(again, iteration=2, step=int(Step.RUN_EXPLORE), finished="")
    again.finish()
    same = ("origin", "biasfactor", "velocity_seed")
    assert [[walker[key] for key in same] for walker in made(again, 2)] == [
        [walker[key] for key in same] for walker in made(restarted, 2)
    ]
    assert again.fingerprint() == restarted.fingerprint()


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("iter.000001/02.fp/labels.json", "has gone, from which"),
        ("iter.000000/02.fp/task.*/frame.lammpstrj", "has gone, from which"),
    ],
)
def test_labelled_frames_that_have_gone_are_told(restarted, tmp_path, gone, words):
    run = type(restarted)(tmp_path / "copy")
    shutil.copytree(restarted.folder, run.folder, symlinks=True)
    for file in run.folder.glob(gone):
        file.unlink()
    set_state(run, iteration=2, step=int(Step.MAKE_EXPLORE), finished="")
    process = run.start()
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 1 and words in output and "Traceback" not in output


# -- ratio_failed


def failing(run, stage, *tasks):
    """Have tasks of a stage of the first iteration crash."""
    file = run.folder / "machine.json"
    content = json.loads(file.read_text())
    names = "|".join(f"*/iter.000000/*/{task}" for task in tasks)
    crash = f"case $PWD in {names}) echo 'ERROR: it broke' >&2; exit 9;; esac;"
    content[stage]["machine"]["retry_count"] = 0
    content[stage]["resources"]["prepend_script"] = []
    command = content[stage]["command"]
    wrapper = run.folder / "crash.sh"
    wrapper.write_text(f'{crash}\nexec "$@"\n')
    content[stage]["command"] = f"sh {wrapper} {command}"
    file.write_text(json.dumps(content))


def failed(run):
    process = run.start()
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 1, output
    return output


def test_walkers_that_fail_are_left_out_as_far_as_ratio_failed_allows(tmp_path):
    run = make_run(tmp_path / "run", ratio_failed=0.5)
    failing(run, "model_devi", "task.000.000001", "task.000.000002")
    output = output_of(run)
    for name in ("task.000.000001", "task.000.000002"):
        assert f"left out, as ratio_failed allows: {name} failed (exit status" in output
    assert [row["name"] for row in summary(run, 0)["walkers"]] == [
        "task.000.000000",
        "task.000.000003",
    ]
    listed = json.loads((run.folder / "iter.000000/01.model_devi/walkers.json").read_text())
    assert list(listed["failed"]) == ["task.000.000001", "task.000.000002"]
    assert len(summary(run, 1)["walkers"]) == 4


def test_more_walkers_that_fail_than_ratio_failed_allows_end_the_run(tmp_path):
    run = make_run(tmp_path / "run", ratio_failed=0.25)
    failing(run, "model_devi", "task.000.000001", "task.000.000002")
    output = failed(run)
    assert "01.model_devi/task.000.000001 failed (exit status" in output
    assert "2 of 4 tasks failed: task.000.000001, task.000.000002" in output
    (run.folder / "crash.sh").write_text('exec "$@"\n')
    output_of(run)
    assert len(summary(run, 0)["walkers"]) == 4


@pytest.mark.parametrize(("ratio", "goes_on"), [(0.0, False), (1.0, True)])
def test_label_jobs_that_fail_are_counted_by_their_frames(tmp_path, ratio, goes_on):
    run = make_run(tmp_path / "run", ratio_failed=ratio, model_devi_jobs=jobs(1))
    failing(run, "fp", "batch.000.000")
    if goes_on:
        output = output_of(run)
        assert "left out, as ratio_failed allows: batch.000.000 failed (exit status 9" in output
        assert "0 frames labelled" in output
        assert (summary(run, 0)["labelled"], summary(run, 0)["label_failures"]) == (0, 5)
    else:
        output = failed(run)
        assert "02.fp/batch.000.000 failed (exit status 9" in output
        assert "it broke" in output
        (run.folder / "crash.sh").write_text('exec "$@"\n')
        output_of(run)
        assert summary(run, 0)["labelled"] == 5


def test_a_training_that_fails_ends_the_run_whatever_ratio_failed_says(tmp_path):
    run = make_run(tmp_path / "run", ratio_failed=1.0)
    failing(run, "train", "002")
    assert "00.train/002 failed (exit status 9" in failed(run)
