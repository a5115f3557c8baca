"""A whole run on the GPU partition over SSH, killed again and again."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, until
from tests.support.cluster_runs import end
from tests.support.engines import require_engine
from tests.support.loop_runs import ROOT, Run, make_run
from tests.support.queue_stage import section
from tests.support.shared import made_once
from tests.support.small_run import make_run as make_real_run
from tests.support.small_run import write_input

pytestmark = pytest.mark.cluster

KILLS = 20
TASKS = 3 * 4 + 2 * 4 + 2  #: trainings, walkers, batches of labels


def send_away(run: Run, cluster: Cluster, remote: Path, command, **resources: object) -> None:
    """Have all stages of a run go to the GPU partition over SSH.

    Parameters
    ----------
    run : Run
    cluster : Cluster
    remote : Path
        The folder on the other side, made here.
    command : callable
        The command of a stage there, from its name and its command here.
    resources
        Keys that differ from the usual.
    """
    remote.mkdir()
    file = run.folder / "machine.json"
    content = json.loads(file.read_text())
    gpu = {"queue_name": "gpu", "gpu_per_node": 1, **resources}
    for stage in ("train", "model_devi", "fp"):
        place = section(cluster, "SSHContext", remote_root=str(remote), resources=gpu)
        content[stage] |= {
            "machine": dict(place.machine),
            "resources": dict(place.resources),
            "command": command(stage, content[stage]["command"]),
        }
    file.write_text(json.dumps(content))


def kill_again_and_again(run: Run, seed: int, longest_s: float) -> int:
    """SIGKILL to one client after another, each after a random while; how many were killed."""
    moments, kills = random.Random(seed), 0
    while kills < KILLS and not run.state().get("finished"):
        client = run.start()
        try:
            client.wait(moments.uniform(0.3, longest_s))
        except subprocess.TimeoutExpired:
            kills += 1
        end(client)
    return kills


def jobs_ended(cluster: Cluster, before: int, expected: int) -> int:
    """Jobs that ran; a job that there should be is waited for, one too many is not."""
    deadline = time.monotonic() + 20
    while len(cluster.ended()) - before < expected and time.monotonic() < deadline:
        time.sleep(0.2)
    until(lambda: not cluster.queue())
    return len(cluster.ended()) - before


def test_killed_at_random_moments_it_ends_with_the_same_data(
    cluster,
    undisturbed,
    tmp_path,
):
    """One data set, that of the undisturbed run; every task ran in one job, and once."""
    run = make_run(tmp_path / "run")
    send_away(
        run,
        cluster,
        tmp_path / "remote",
        lambda stage, command: f"env CHEAP_ENGINE_SLEEP=8 {command}",
    )
    before = len(cluster.ended())
    assert kill_again_and_again(run, 5, 1.6) == KILLS, "the run was over too soon"
    run.finish()
    assert run.fingerprint() == undisturbed.fingerprint()
    assert jobs_ended(cluster, before, TASKS) == TASKS


# -- the same with LAMMPS, PLUMED and DeePMD-kit

#: A frame of the initial data, trainings before and after, a walker, a batch of labels.
REAL_TASKS = 1 + 2 * 2 + 1 + 1
LABELS = 6
#: In front of `wtemlp` in the jobs: says on a log outside of the run what began where and how it
#: ended, and how many labels it made.
WITNESS = """\
#!/bin/bash
log={log}; rm -f labels.energy; echo "begin $PWD $*" >> $log
env PYTHONPATH={root} {python} -c 'from wtemlp.cli import main; main()' "$@"; status=$?
[ ! -f labels.energy ] || echo "labels $(wc -l < labels.energy)" >> $log
echo "end $status" >> $log; exit $status
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on this machine that nobody disturbs, from what ``init`` has made for others."""
    require_engine("lammps", "plumed", "deepmd", "packmol")
    begun = made_once(tmp_path_factory, "real_run", make_real_run)
    folder = tmp_path_factory.mktemp("real") / "run"
    write_tiny(folder)
    (folder / "init").symlink_to(begun / "init")
    run = Run(folder)
    run.finish(timeout_s=900)
    assert sum(outcome["labelled"] for outcome in labels_of(run)) > LABELS // 2
    return run


def write_tiny(folder: Path) -> None:
    """The input of the engines' end-to-end test, made smaller."""
    write_input(folder)
    file = folder / "param.json"
    param = json.loads(file.read_text())
    (job,) = param["model_devi_jobs"]
    job["nsteps"], job["wte"]["nvt_steps"] = 200, 500
    param |= {"dp_compress": False, "fp_task_max": LABELS, "dp_train_skip_neighbor_stat": True}
    param["default_training_param"]["training"] = {"numb_steps": 400, "disp_freq": 100}
    file.write_text(json.dumps(param))


def test_real_engines_killed_at_random_moments(cluster, real, tmp_path):
    """One data set, that of the undisturbed run; each training, walk and label made once."""
    folder, log = tmp_path / "run", tmp_path / "witness.log"
    write_tiny(folder)
    (folder / "init").symlink_to(real.folder / "init")
    (tmp_path / "bin").mkdir()
    witness = tmp_path / "bin" / "wtemlp"
    witness.write_text(WITNESS.format(log=log, root=ROOT, python=sys.executable))
    witness.chmod(0o755)
    resources = json.loads((folder / "machine.json").read_text())["train"]["resources"]
    run = Run(folder)
    send_away(
        run,
        cluster,
        tmp_path / "remote",
        lambda stage, command: command,
        envs=resources["envs"],  # one thread: the same to the last bit
        prepend_script=[f'export PATH={tmp_path}/bin:"$PATH"'],
    )
    before = len(cluster.ended())
    assert kill_again_and_again(run, 7, 1.6) == KILLS, "the run was over too soon"
    run.finish(timeout_s=900)
    assert labels_of(run) == labels_of(real)
    assert results_of(run) == results_of(real)
    lines = log.read_text().splitlines()
    begun = [line for line in lines if line.startswith("begin")]
    assert len(begun) == len(set(begun)) == REAL_TASKS
    assert lines.count("end 0") == REAL_TASKS
    places = ("reference.check/iter.000000/02.fp/task.*", "iter.000000/02.fp/batch.*")
    files = [file for place in places for file in real.folder.glob(f"{place}/labels.energy")]
    checked, made = (len(file.read_text().splitlines()) for file in files)
    assert made > LABELS // 2
    expected = [f"labels {checked}", f"labels {made}"]
    assert [line for line in lines if line.startswith("labels")] == expected
    assert jobs_ended(cluster, before, REAL_TASKS) == REAL_TASKS


def results_of(run: Run) -> dict[str, str]:
    """Decisions and data; a training's input and its model name the folders that they read."""
    return {
        name: content for name, content in run.fingerprint().items() if "/00.train/" not in name
    }


def labels_of(run: Run) -> list[dict]:
    """What became of each chosen frame."""
    return json.loads((run.folder / "iter.000000/02.fp/labels.json").read_text())
