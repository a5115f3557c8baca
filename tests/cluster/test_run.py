"""A whole run on the GPU partition over SSH, killed again and again."""

import json
import random
import subprocess
import time

import pytest

from tests.cluster.run import end
from tests.cluster.stage import section
from tests.loop.conftest import make_run, undisturbed  # noqa: F401

pytestmark = pytest.mark.cluster

KILLS = 20
TASKS = 3 * 4 + 2 * 4 + 2  #: trainings, walkers, batches of labels


def test_killed_at_random_moments_it_ends_with_the_same_data(
    cluster, undisturbed, tmp_path  # noqa: F811
):
    """One data set, that of the undisturbed run; every task ran in one job, and once."""
    run = make_run(tmp_path / "run")
    remote = tmp_path / "remote"
    remote.mkdir()
    file = run.folder / "machine.json"
    content = json.loads(file.read_text())
    gpu = {"queue_name": "gpu", "gpu_per_node": 1}
    for stage in ("train", "model_devi", "fp"):
        place = section(cluster, "SSHContext", remote_root=str(remote), resources=gpu)
        content[stage] |= {
            "machine": dict(place.machine), "resources": dict(place.resources),
            "command": f"env CHEAP_ENGINE_SLEEP=8 {content[stage]['command']}",
        }
    file.write_text(json.dumps(content))
    before, moments = len(cluster.ended()), random.Random(5)
    kills = 0
    while kills < KILLS and not run.state().get("finished"):
        client = run.start()
        try:
            client.wait(moments.uniform(0.5, 4.5))
        except subprocess.TimeoutExpired:
            kills += 1
        end(client)
    assert kills >= KILLS // 2, "the run was over too soon"
    run.finish()
    assert run.fingerprint() == undisturbed.fingerprint()
    deadline = time.monotonic() + 20
    while len(cluster.ended()) - before < TASKS and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(cluster.ended()) - before == TASKS
