"""Tasks through a real Slurm, here and over a real sshd."""

import itertools

import pytest

from tests.support.cluster import until
from tests.support.queue_stage import QueueStage
from tests.support.stages import once_each
from wtemlp.dispatch.ssh.connection import SSHContext

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


# Ends when as many as {together} tasks are at work, or after a while.
MEET = """\
echo "begin $PWD" >> {{log}}
for i in $(seq 100); do
  [ $(($(grep -c begin {{log}}) - $(grep -c end {{log}}))) -lt {together} ] || break; sleep 0.1
done
sleep 0.3; echo ${{{{CUDA_VISIBLE_DEVICES-none}}}} > out.txt; echo "end $PWD" >> {{log}}
"""


def cards(cluster, client, tmp_path, count, together, **resources):
    """The cards that the tasks of a stage see, how many were at work at once, and jobs."""
    stage = QueueStage(tmp_path, cluster, client("SSHContext"))
    before = len(cluster.ended())
    command = MEET.format(together=together)
    tasks = [stage.task(index, command, backward=("out.txt",)) for index in range(count)]
    gpu = {"queue_name": "gpu", "gpu_per_node": 1, **resources}
    assert all(r.ok for r in stage.go(tasks, resources=gpu))
    seen = [(task.folder / "out.txt").read_text().strip() for task in tasks]
    kinds = [line.split()[0] for line in stage.log.read_text().splitlines()]
    busy = list(itertools.accumulate(1 if kind == "begin" else -1 for kind in kinds))
    until(lambda: not cluster.queue())
    return seen, max(busy), len(cluster.ended()) - before


def test_a_job_and_a_gpu_for_each_task(cluster, client, tmp_path):
    """Four tasks spread over the cards that there are, two."""
    seen, busy, jobs = cards(cluster, client, tmp_path, 4, 2)
    assert set(seen) == {"0", "1"}
    assert (busy, jobs) == (2, 4)


def test_tasks_packed_on_one_gpu(cluster, client, tmp_path):
    seen, busy, jobs = cards(cluster, client, tmp_path, 4, 4, group_size=4, para_deg=4)
    assert seen[0] in "01" and seen == 4 * seen[:1]
    assert (busy, jobs) == (4, 1)


def test_tasks_shared_out_over_the_gpus_of_a_job(cluster, client, tmp_path):
    seen, busy, jobs = cards(
        cluster,
        client,
        tmp_path,
        4,
        2,
        group_size=4,
        gpu_per_node=2,
        strategy={"if_cuda_multi_devices": True},
    )
    assert seen == ["0", "1", "0", "1"]
    assert (busy, jobs) == (2, 1)


def test_the_card_of_a_job_is_not_always_the_first(cluster, client, tmp_path):
    """Two jobs that share out their only card: not both on card 0."""
    seen, busy, jobs = cards(
        cluster,
        client,
        tmp_path,
        4,
        4,
        group_size=2,
        para_deg=2,
        strategy={"if_cuda_multi_devices": True},
    )
    assert sorted(seen) == ["0", "0", "1", "1"]
    assert seen[0] == seen[1] and seen[2] == seen[3]
    assert (busy, jobs) == (4, 2)


def test_logs_come_home_if_they_say_anything(cluster, client, tmp_path, monkeypatch):
    """Most tasks leave two that are empty; nothing is asked or fetched for these."""
    stage, asked = QueueStage(tmp_path, cluster, client("SSHContext")), []
    there = SSHContext.check_file_exists
    monkeypatch.setattr(
        SSHContext,
        "check_file_exists",
        lambda self, name: asked.append(name) if there(self, name) else False,
    )
    tasks = [
        stage.task(0, "echo x > out.txt", backward=("out.txt",)),
        stage.task(1, "echo x > out.txt; echo words", backward=("out.txt",)),
    ]
    assert all(r.ok for r in stage.go(tasks))
    logs = {path.name for task in tasks for path in task.folder.glob("task.*")}
    assert logs == {"task.out"}
    assert (tasks[1].folder / "task.out").read_text() == "words\n"
    assert not [name for name in asked if "task." in name]
