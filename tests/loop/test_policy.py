"""What an iteration makes of the ones before it: bias factors, starting structures."""

import json
import shutil

from tests.loop.conftest import job, make_run
from tests.loop.test_loop import set_state
from wtemlp.state import Step


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
    assert "iteration 1: system 0, 300 K: bias factor 16, 64 lowered to 8 " \
        "(2 of 2 walkers at 16 were stopped in iteration 0)" in output
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
    assert [walker["biasfactor_cap"] for walker in made(run, 0) + made(run, 1)] == \
        [None, None, 32.0, 32.0]
    rows = summary(run, 1)["walkers"]
    assert [row["biasfactor"] for row in rows] == [32.0, 32.0]
    assert all(row["biasfactor_asked"] > 32 for row in rows)


def test_what_was_not_explored_has_not_converged(tmp_path):
    run = make_run(
        tmp_path / "run", model_devi_jobs=jobs(3, biasfactor=32),
        model_devi_f_trust_lo=0.9, model_devi_f_trust_hi=0.99,
        convergence={"accurate_ratio": 0.75, "iterations": 1},
    )
    # Iteration 0 has too many frames of stopped walkers, iteration 1 has enough accurate ones.
    output = output_of(run, CHEAP_ENGINE_STOPS_ABOVE="20")
    row = summary(run, 1)
    assert row["accurate"] >= 0.75 * row["explored"] and row["lowered"]
    assert run.state()["iteration"] == 3, output
