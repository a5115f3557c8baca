"""Explorations that are too short for sigma are told, where the correlation time is known."""

import json
from dataclasses import asdict

import pytest

from tests.support.params import JOB, WTE, changed, load
from wtemlp.analysis.widths import Scatter
from wtemlp.core.paths import RunPaths
from wtemlp.preflight.before import Begin, lengths
from wtemlp.preflight.findings import Level
from wtemlp.records.init_result import RESULT, Ensemble, InitResult, SystemResult
from wtemlp.records.lengths import CorrelationTime, known_times, too_short
from wtemlp.records.summary import Summary, save_summary
from wtemlp.records.walkers import WalkerSummary


def _short(params, ps=0.1):
    return too_short(params, lambda system, temperature_K: CorrelationTime(ps, "of a test"))


def test_what_would_do_does(root):
    """Steps by hand, and the file with those steps gets no warning."""
    params = load(root, changed({JOB + "wte.biasfactor": 16, "model_devi_jobs.1": ...}))
    nvt, wte = _short(params)
    # 50 independent energies of two walkers, 0.2 ps each, of three quarters of 0.0005 ps steps
    assert nvt.where == "model_devi_jobs[0].wte.nvt_steps" and "14000 do" in nvt.remedy
    assert "1000 are worth 1.9 independent energies a walker" in nvt.problem
    # 16 times longer under the bias, and half of the steps count
    assert wte.where == "model_devi_jobs[0].nsteps" and "320000 do" in wte.remedy
    longer = {WTE + "biasfactor": 16, WTE + "nvt_steps": 14000, JOB + "nsteps": 320000}
    assert not _short(load(root, changed(longer | {"model_devi_jobs.1": ...})))


def test_many_walkers_need_a_length_of_their_own(root):
    many = {WTE + "biasfactor": 16, WTE + "walkers": 50, "model_devi_jobs.1": ...}
    assert "for 8 of each of 50 like walkers" in _short(load(root, changed(many)))[0].remedy


def test_nothing_is_said_where_no_correlation_time_is_known(root):
    params = load(root, changed({}))
    assert not too_short(params, known_times(params, RunPaths(root)))
    assert not too_short(params, lambda system, temperature_K: None)


def test_earlier_iterations_tell_else_the_initial_data(root):
    params = load(root, changed({}))
    paths = RunPaths(root)
    nvt = Ensemble(1.0, 300.0, 1.0, -1.0, 0.1, 0.2, 0.01, 2.0, 0.3)
    system = SystemResult("", "16 waters", 48, (nvt,), ())
    result = asdict(InitResult(root, (system,), 0, 3))
    del result["output"]
    (root / RESULT).write_text(json.dumps({"result": result}))
    assert known_times(params, paths)(0, 300.0).ps == 0.3
    row = WalkerSummary("task.000.000000", 0, temperature_K=300.0)
    for iteration, inefficiency in ((0, 100.0), (1, 40.0)):
        paths.summary(iteration).parent.mkdir()
        scatter = Scatter(1000, 0.04, 0.0048, inefficiency, 20.0, 0.01)
        walkers = [WalkerSummary(**{**vars(row), "nvt": scatter})]
        save_summary(paths.summary(iteration), Summary(iteration, walkers=walkers))
    known = known_times(params, paths)
    assert known(0, 300.0) == CorrelationTime(0.5 * 40 * 0.01, "of iteration 1")
    assert known(1, 300.0).ps == 0.3
    del result["systems"][0]["runs"][0]["correlation_time_ps"]  # as earlier versions
    (root / RESULT).write_text(json.dumps({"result": result}))
    assert known_times(params, paths)(1, 300.0) is None


@pytest.mark.parametrize("by_check", [True, False])
def test_check_warns_and_a_run_does_not_stop(root, by_check):
    params = load(root, changed({}))
    nvt = Ensemble(1.0, 300.0, 1.0, -1.0, 0.1, 0.2, 0.01, 2.0, 0.3)
    system = SystemResult("", "16 waters", 48, (nvt,), ())
    result = asdict(InitResult(root, (system,), 0, 3))
    del result["output"]
    (root / RESULT).write_text(json.dumps({"result": result}))
    found = list(lengths(Begin(root, None, params=params, explores=True, by_check=by_check)))
    assert bool(found) is by_check
    assert all(one.level is Level.WARNING and "params.json: model" in one.where for one in found)
