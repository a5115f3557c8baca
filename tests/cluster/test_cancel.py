"""``wtemlp cancel`` on a real queue: the run's jobs end, and no others."""

import pytest

from tests.support.cluster import until
from tests.support.cluster_runs import ClusterRun, end
from tests.support.queue_stage import QueueStage
from wtemlp.core.errors import TransportError
from wtemlp.dispatch.cancel import cancel_tasks
from wtemlp.dispatch.dispatcher import Stopped

pytestmark = pytest.mark.cluster


def test_a_run_is_cancelled_and_goes_on(cluster, client, tmp_path):
    client("SSHContext")
    sleep = ("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "sleep 300")
    foreign = cluster.slurm(*sleep).strip()
    run = ClusterRun(tmp_path / "run", cluster, training_s=60)
    working = run.start()
    try:
        until(lambda: len(cluster.queue("R")) == 5 or working.poll() is not None, 60)
        # while a wtemlp is at work its jobs are its own
        refused = run.wtemlp("cancel")
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert f"another wtemlp is at work here (process {working.pid} on" in refused.stderr
        assert len(cluster.queue()) == 5
    finally:
        end(working)
    done = run.wtemlp("cancel", "run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "4 jobs were ended; go on with: wtemlp run -C run run/param.json run/machine.json\n"
    )
    assert cluster.queue() == [foreign]
    (run.folder / "machine.json").rename(run.folder / "elsewhere.json")
    lost = run.wtemlp("cancel")
    assert (lost.returncode, lost.stderr.count("\n")) == (2, 1)
    assert f"{run.folder}/machine.json: the machine file of this run is not there" in lost.stderr
    (run.folder / "elsewhere.json").rename(run.folder / "machine.json")
    run.set_training(0.1)
    run.go_on()
    assert cluster.queue() == [foreign]


def test_jobs_that_cannot_be_reached_are_not_forgotten(cluster, client, tmp_path):
    stage = QueueStage(tmp_path, cluster, client("SSHContext"))
    with pytest.raises(Stopped):
        stage.go(stage.tasks(2, seconds=60), should_stop=lambda: stage.begun() == 2)
    cluster.down("sshd")
    with pytest.raises(TransportError, match="no login to"):
        cancel_tasks(stage.dir, stage.section(outage_seconds=1))
    cluster.up("sshd")
    assert len(cluster.queue()) == 2
    assert cancel_tasks(stage.dir, stage.section()) == 2
    assert not cluster.queue()
    assert cancel_tasks(stage.dir, stage.section()) == 0
    # none of it counts as a failed attempt
    results = stage.go(stage.tasks(2), retry_count=0)
    assert all(r.ok for r in results)
    assert stage.results() == stage.expected(2)


def test_jobs_elsewhere_are_left_alone(cluster, client, tmp_path, caplog):
    stage = QueueStage(tmp_path, cluster, client("LocalContext"))
    with pytest.raises(Stopped):
        stage.go(stage.tasks(1, seconds=60), should_stop=lambda: stage.begun() == 1)
    assert cancel_tasks(stage.dir, stage.section(batch_type="Shell")) == 0
    assert "is left alone: the machine file now names Shell" in caplog.text
    assert len(cluster.queue()) == 1
    assert cancel_tasks(stage.dir, stage.section()) == 1
