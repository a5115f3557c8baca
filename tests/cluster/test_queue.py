"""Tasks through a real Slurm, here and over a real sshd."""

import pytest

from tests.cluster.stage import QueueStage
from tests.loop.test_dispatch_local import once_each

CONTEXTS = ("LazyLocalContext", "LocalContext", "SSHContext")
pytestmark = pytest.mark.cluster


@pytest.mark.parametrize("context", CONTEXTS)
def test_all_finish(cluster, client, tmp_path, context):
    stage, seen = QueueStage(tmp_path, cluster, client(context)), []
    before = len(cluster.ended())
    results = stage.go(stage.tasks(5), on_progress=seen.append, resources={"group_size": 2})
    assert [(r.ok, r.attempts) for r in results] == [(True, 1)] * 5
    assert stage.results() == stage.expected(5)
    assert stage.events() == once_each(stage, 5)
    assert (seen[-1].finished, seen[-1].running, seen[-1].waiting) == (5, 0, 0)
    assert not list(stage.remote.glob("*"))
    assert not list(stage.dir.glob(".dispatch*"))
    # nothing is run again, nor submitted
    assert all(r.ok for r in stage.go(stage.tasks(5)))
    assert stage.events() == once_each(stage, 5)
    assert len(cluster.ended()) == before + 3


def test_a_gpu_for_each_task(cluster, client, tmp_path):
    stage = QueueStage(tmp_path, cluster, client("SSHContext"))
    # neither ends before both have begun
    command = (
        "echo begin >> {log}; for i in $(seq 300); do [ $(wc -l < {log}) -lt 2 ] || break;"
        " sleep 0.1; done; echo ${{CUDA_VISIBLE_DEVICES-none}} > out.txt"
    )
    tasks = [stage.task(index, command, backward=("out.txt",)) for index in range(2)]
    gpu = {"queue_name": "gpu", "gpu_per_node": 1}
    assert all(r.ok for r in stage.go(tasks, resources=gpu))
    assert sorted((t.folder / "out.txt").read_text() for t in tasks) == ["0\n", "1\n"]
