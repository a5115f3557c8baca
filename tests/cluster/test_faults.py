"""Every fault of the table: recovered, nothing lost, nothing run twice, and the user is told.

A test is named after its row in :mod:`tests.support.faults`.  The tasks write when they begin and
end on a log outside of the stage; Slurm's completion log has the jobs that really ran.
"""

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cluster import Cluster, require_cluster, until
from tests.support.cluster_runs import ClusterRun, end
from tests.support.faults import FAULTS, Observation, note
from tests.support.host_keys import new_host_key
from tests.support.long_outage import LongOutage
from tests.support.queue_stage import Client, QueueStage, said
from tests.support.stages import once_each
from wtemlp.core.errors import TransportError
from wtemlp.dispatch import host_backend
from wtemlp.dispatch.dispatcher import Stopped

pytestmark = pytest.mark.cluster
everywhere = pytest.mark.parametrize("context", ["LocalContext", "SSHContext"])
RECOVERED = "recovered, nothing lost, nothing run twice"
OUTAGE = r"(asking the queue|running a command|connecting|downloading) \(Slurm.*\) failed: .*; try"
BACK = r".* \(Slurm.*\): back after \d+ s"
AGAIN = r"task\.000\.000000 failed \(killed, Slurm.*, job \d+\), attempt 1 of 2; it is started a"
AGAIN_1 = AGAIN.replace("000000", "000001")
TERMINATED = AGAIN.replace("000000", r"00000\d").replace("killed", "exit status 143")
SECOND_ATTEMPT = r"task\.000\.00000\d failed \(exit status 1, Slurm.*\), attempt 1 of 2; it is st"


class Meddle:
    """Does something to the world once a condition holds, from within the call.

    Handed over as ``should_stop``, which is asked several times a second; it never stops the call.
    """

    def __init__(self, when: Callable[[], object], *actions: Callable[[], object]) -> None:
        self.when, self.actions = when, list(actions)

    def __call__(self) -> bool:
        if self.actions and self.when():
            self.actions.pop(0)()
        return False


def later(seconds: float, action: Callable[[], object]) -> None:
    """Do something after a while."""
    threading.Timer(seconds, action).start()


class Row:
    """One row of the table: runs the tasks, and looks at what became of them."""

    def __init__(self, key: str, cluster: Cluster, client, tmp_path: Path, caplog) -> None:
        self.key, self.cluster, self.client = key, cluster, client
        self.tmp_path, self.caplog = tmp_path, caplog
        self.before, self.seconds = len(cluster.ended()), 0.0
        self.lines: list[str] = []  #: what clients in processes of their own said
        self.stage: QueueStage

    def begin(self, context: str, run: str = "run") -> QueueStage:
        self.stage = QueueStage(self.tmp_path, self.cluster, self.client(context), run)
        return self.stage

    def go(self, tasks, **keys):
        began = time.monotonic()
        try:
            return self.stage.go(tasks, **keys)
        finally:
            self.seconds += time.monotonic() - began

    def jobs(self) -> int:
        """Jobs that really ran, once the queue is empty."""
        until(lambda: not self.cluster.queue())
        return len(self.cluster.ended()) - self.before

    def holds(
        self,
        results,
        *,
        jobs: int,
        told: tuple[str, ...] = (),
        may: tuple[str, ...] = (),
        begun: int | None = None,
        outcome: str = RECOVERED,
    ) -> None:
        """Everything is there, and ran once.

        Parameters
        ----------
        results : list of TaskResult
        jobs : int
            Jobs that ran.
        told, may : tuple of str
            Patterns of what is said: each of `told`, nothing but those and `may`, and each once.
        begun : int, optional
            How often tasks began, where an attempt was cut short; each ended once in any case.
        outcome : str
        """
        count, stage = len(results), self.stage
        assert all(result.ok for result in results)
        assert stage.results() == stage.expected(count)
        if begun is None:
            assert stage.events() == once_each(stage, count)
        else:
            ends = [n for what, n in stage.events().items() if what.startswith("end")]
            assert ends == [1] * count
            assert stage.begun() == begun
        self.note(outcome, jobs, told, may)

    def note(
        self, outcome: str, jobs: int, told: tuple[str, ...] = (), may: tuple[str, ...] = ()
    ) -> None:
        """What was said is right; note the row."""
        found = [*self.lines, *said(self.caplog)]
        for pattern in (*told, *may):
            matching = [line for line in found if re.match(pattern, line)]
            assert len(matching) <= 1, found
            assert matching or pattern in may, (pattern, found)
        for line in found:
            assert any(re.match(pattern, line) for pattern in (*told, *may)), (line, told)
        assert self.jobs() == jobs
        if file := os.environ.get("FAULTS_JSON"):
            for place, name in ((self.tmp_path, "~"), (self.cluster.dir, "/cluster")):
                found = [line.replace(str(place), name) for line in found]
            note(Path(file), self.key, Observation(outcome, self.seconds, jobs, tuple(found)))


@pytest.fixture
def row(request, cluster, client, tmp_path, caplog, monkeypatch) -> Row:
    monkeypatch.setattr(host_backend, "GRACE_S", 1.0)  # no network file system here
    caplog.set_level("INFO", "wtemlp.dispatch")
    key = request.node.originalname.removeprefix("test_")
    assert key in FAULTS
    return Row(key, cluster, client, tmp_path, caplog)


@pytest.fixture(scope="module", autouse=True)
def long_outage(request) -> LongOutage:
    """An outage that begins with the first of these tests, if its own is one of them."""
    outage = LongOutage(40.0)
    if any(item.name == "test_slurmctld_down_40_s" for item in request.session.items):
        require_cluster()
        outage.start()
    yield outage
    if outage.ident is not None:
        outage.join(90)


# -- jobs and tasks


def test_scancel(row):
    stage = row.begin("SSHContext")
    running = lambda: stage.begun() == 1 and len(row.cluster.queue()) == 2  # noqa: E731
    meddle = Meddle(running, lambda: row.cluster.slurm("scancel", *row.cluster.queue()))
    # all cores of the node for each: one runs, one waits
    results = row.go(stage.tasks(2, seconds=1.0), should_stop=meddle, resources={"cpu_per_node": 8})
    assert [result.attempts for result in results] == [2, 2]
    row.holds(results, jobs=3, may=(AGAIN, AGAIN_1), begun=3)


def fails_always(row, context, group_size, jobs):
    stage = row.begin(context)
    tasks = [
        stage.task(0),
        stage.task(1, "echo boom-on-stderr >&2; exit 3"),
        stage.task(2, seconds=2.0),
    ]
    results = row.go(tasks, resources={"group_size": group_size})
    assert [(r.ok, r.attempts) for r in results] == [(True, 1), (False, 2), (True, 1)]
    assert "exit status 3" in results[1].message
    assert "boom-on-stderr" in results[1].message
    assert re.search(r"Slurm.*, job \d+", results[1].message)
    # the siblings ran once and are at home
    expected = stage.expected(3)
    assert stage.results() == {k: v for k, v in expected.items() if "000001" not in k}
    assert set(stage.events().values()) == {1}
    row.note(
        "siblings finished, at home and run once; the task is named with its last words",
        jobs,
        (
            r"task\.000\.000001 failed \(exit status 3, Slurm.*\), attempt 1 of 2; it is started",
            r"task\.000\.000001 failed \(exit status 3, 2 attempts, Slurm.*\)",
        ),
    )


def test_task_that_always_fails(row):
    fails_always(row, "SSHContext", 1, 4)


def test_task_that_always_fails_in_a_group(row):
    fails_always(row, "LocalContext", 3, 2)


def test_rerun_after_a_failure(row):
    stage = row.begin("SSHContext")
    (first,) = row.go([stage.task(0, "exit 3")], retry_count=0)
    assert (first.ok, first.attempts) == (False, 1)
    (second,) = row.go([stage.task(0, "exit 3")], retry_count=0)
    assert (second.ok, second.attempts) == (False, 1)
    assert row.jobs() == 2
    told = tuple(
        rf"task\.000\.000000 failed \(exit status 3, 1 attempt, Slurm.*, job {job}\)"
        for job in re.findall(r"job (\d+)", first.message + second.message)
    )
    row.holds(
        row.go([stage.task(0)], retry_count=0),
        jobs=3,
        told=told,
        outcome="tried again, with all its attempts",
    )


@everywhere
def test_missing_result(row, context):
    stage = row.begin(context)
    tasks = [stage.task(0), stage.task(1, backward=("out.txt", "traj", "absent.dat"))]
    results = row.go(tasks, retry_count=0)
    assert [r.ok for r in results] == [True, False]
    assert "absent.dat was not made" in results[1].message
    assert stage.results() == stage.expected(2)  # what there is of it is brought home as well
    row.note(
        "the task has failed, its other results and its siblings' are at home",
        2,
        (r"task\.000\.000001 failed \(exit status 121, 1 attempt, Slurm.*",),
    )


# -- the client


def test_client_killed(row):
    stage = row.begin("SSHContext")
    client = Client(stage, 3, 1.5)
    until(lambda: stage.begun() == 3)
    client.kill()
    row.holds(row.go(stage.tasks(3)), jobs=3)


def kill_client(shell_before: str) -> str:
    """Lines for a shim: do the thing, and kill the client before it hears of it."""
    return f'out=$({shell_before})\nkill -KILL "$(cat {{pid}})"\necho "$out"; exit 0'


@everywhere
def test_client_killed_after_sbatch(row, context):
    stage, pid = row.begin(context), row.tmp_path / "pid"
    row.cluster.shim("sbatch", kill_client('$real "$@"').format(pid=pid), f"[ -s {pid} ]")
    client = Client(stage, 1, 2.0)
    pid.write_text(str(client.pid))
    assert client.ended()[0] == -9
    row.holds(row.go(stage.tasks(1)), jobs=1)


def test_client_killed_after_a_retry(row):
    stage, pid = row.begin("LocalContext"), row.tmp_path / "pid"
    second = f"[ -s {pid} ] && [ -e {row.tmp_path}/first ]"
    row.cluster.shim("sbatch", kill_client('$real "$@"').format(pid=pid), second)
    fails_once = f"; if mkdir {row.tmp_path}/first 2>/dev/null; then exit 1; fi"
    command = stage.task(0, seconds=1.0).command.rstrip("\n") + fails_once
    client = Client(stage, 1, 0, task={"command": command.replace("{", "{{").replace("}", "}}")})
    pid.write_text(str(client.pid))
    status, lines = client.ended()
    assert status == -9
    row.lines += lines.splitlines()
    results = row.go([stage.task(0, command.replace("{", "{{").replace("}", "}}"))])
    assert [r.attempts for r in results] == [2]
    # the failed attempt and the second: no third
    assert stage.events() == {"begin task.000.000000": 2, "end task.000.000000": 2}
    assert stage.results() == stage.expected(1)
    row.note(RECOVERED, 2, (SECOND_ATTEMPT,))


def test_other_working_directory(row, monkeypatch):
    stage = row.begin("SSHContext")
    client = Client(stage, 3, 1.5)
    until(lambda: stage.begun() == 3)
    client.kill()
    stage.run.rename(row.tmp_path / "moved")
    (row.tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(row.tmp_path / "elsewhere")
    moved = row.begin("SSHContext", "moved")
    row.holds(row.go(moved.tasks(3)), jobs=3)


def test_other_port_and_key_path(row, tmp_path, cluster):
    stage = row.begin("SSHContext")
    begun = lambda: stage.begun() == 3  # noqa: E731
    with pytest.raises(Stopped):
        row.go(stage.tasks(3, seconds=1.5), should_stop=begun)
    key = shutil.copy(cluster.env["SSH_KEY"], tmp_path / "key")
    port = cluster.port + 1
    with cluster.second_sshd(port):
        other = {"port": port, "key_filename": str(key)}
        trust = {
            "strict_host_key_checking": "accept-new",
            "known_hosts_file": str(tmp_path / "known"),
        }
        results = row.go(stage.tasks(3, seconds=1.5), profile=other, **trust)
    assert f"[127.0.0.1]:{port} ssh-ed25519 " in (tmp_path / "known").read_text()
    new = rf"the SSH host \[127\.0\.0\.1\]:{port} is new: its key ssh-ed25519 SHA256:.* is added to"
    row.holds(results, jobs=3, told=(new,))


def test_two_clients(row, tmp_path):
    row.client("SSHContext")
    run, began = ClusterRun(tmp_path / "run", row.cluster, training_s=3.0), time.monotonic()
    first = run.start()
    try:
        until(lambda: len(row.cluster.queue("R")) == 4 or first.poll() is not None, 60)
        second = run.wtemlp("run", "param.json", "machine.json")
        assert second.returncode == 1
        assert second.stdout == ""
        (line,) = second.stderr.splitlines()
        assert f"another wtemlp is at work here (process {first.pid} on" in line
        until(lambda: run.trained() or first.poll() is not None, 60)
        assert run.trained()
    finally:
        end(first)
    row.seconds = time.monotonic() - began
    row.lines.append(line)
    row.note(
        "the second is told so and ends; the first goes on", 4, ("wtemlp: .* another wtemlp is at",)
    )


# -- the login


def test_login_cut_after_sbatch(row):
    stage = row.begin("SSHContext")
    row.cluster.shim("sbatch", f'$real "$@" >/dev/null\n{row.cluster.cut_this_login}')
    results = row.go(stage.tasks(2, seconds=1.0))
    lost = r"submitting \(Slurm on 127\.0\.0\.1\) failed: the login to 127\.0\.0\.1 was lost; tr"
    row.holds(results, jobs=2, told=(lost, BACK))


@everywhere
def test_sbatch_times_out(row, context):
    stage = row.begin(context)
    words = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
    row.cluster.shim("sbatch", f'$real "$@" >/dev/null; echo "{words}" >&2; exit 1')
    results = row.go(stage.tasks(2, seconds=0.5))
    told = (rf"submitting \(Slurm.*\) failed: {words}; trying again for up to", BACK)
    row.holds(results, jobs=2, told=told)
    assert row.seconds < 15


def test_login_cut_while_polling(row):
    stage = row.begin("SSHContext")
    meddle = Meddle(lambda: stage.begun() == 2, row.cluster.cut_logins)
    results = row.go(stage.tasks(2, seconds=1.5), should_stop=meddle)
    assert not meddle.actions
    row.holds(results, jobs=2, may=(OUTAGE, BACK))  # or it logs in again before it asks
    assert row.seconds < 8


def test_login_cut_while_downloading(row):
    stage = row.begin("SSHContext")
    packing = '[ "${1#c}" != "$1" ]'
    row.cluster.shim("tar", f'$real "$@"; {row.cluster.cut_this_login}', packing)
    results = row.go(stage.tasks(2))
    lost = r"downloading \(Slurm on 127\.0\.0\.1\) failed: the login to 127\.0\.0\.1 was lost; tryi"
    row.holds(results, jobs=2, told=(lost, BACK))


def test_sshd_down(row):
    stage = row.begin("SSHContext")

    def fault():
        row.cluster.down("sshd")
        later(3.0, lambda: row.cluster.up("sshd"))

    meddle = Meddle(lambda: stage.begun() == 2, fault)
    results = row.go(stage.tasks(2, seconds=1.5), should_stop=meddle)
    row.holds(results, jobs=2, told=(OUTAGE, BACK))


def test_sshd_unresponsive(row):
    stage = row.begin("SSHContext")

    def fault():
        row.cluster.freeze("sshd")
        row.cluster.cut_logins()
        later(5.0, lambda: row.cluster.thaw("sshd"))

    meddle = Meddle(lambda: stage.begun() == 2, fault)
    results = row.go(stage.tasks(2, seconds=1.5), should_stop=meddle, profile={"timeout": 1})
    row.holds(results, jobs=2, told=(OUTAGE, BACK))


def test_login_frozen(row):
    stage = row.begin("SSHContext")

    def fault():
        row.cluster.freeze("sshd")
        later(7.0, lambda: row.cluster.thaw("sshd"))

    meddle = Meddle(lambda: stage.begun() == 2, fault)
    results = row.go(stage.tasks(2, seconds=1.5), should_stop=meddle, profile={"timeout": 1})
    row.holds(results, jobs=2, told=(OUTAGE, BACK))


def test_host_key_changed(row):
    stage = row.begin("SSHContext")
    meddle = Meddle(lambda: stage.begun() == 2, lambda: new_host_key(row.cluster))
    try:
        with pytest.raises(TransportError) as refused:
            row.go(stage.tasks(2, seconds=1.5), should_stop=meddle)
    finally:
        for old in (row.cluster.dir / "ssh").glob("host_key*.before"):
            old.rename(old.with_name(old.name.removesuffix(".before")))
        row.cluster.down("sshd")
        row.cluster.up("sshd")
    line = str(refused.value)
    assert row.seconds < 8
    assert "\n" not in line
    assert f"the SSH host key of [127.0.0.1]:{row.cluster.port} has changed" in line
    assert f"ssh-keygen -R '[127.0.0.1]:{row.cluster.port}' -f {row.cluster.known_hosts}" in line
    row.lines.append(line.replace(str(row.cluster.known_hosts), "~/.ssh/known_hosts"))
    # the jobs were alive all the time: with the right host the run goes on
    row.holds(
        row.go(stage.tasks(2)),
        jobs=2,
        told=("the SSH host key of",),
        outcome="refused at once, before logging in; goes on when the host is itself again",
    )


# -- Slurm


def take_node_down(row):
    row.cluster.slurm("scontrol", "update", "nodename=cpu01", "state=down", "reason=test")
    later(1.0, lambda: row.cluster.slurm("scontrol", "update", "nodename=cpu01", "state=resume"))


def test_node_down(row):
    stage = row.begin("SSHContext")
    meddle = Meddle(lambda: stage.begun() == 2, lambda: take_node_down(row))
    results = row.go(stage.tasks(2, seconds=2.0), should_stop=meddle)
    assert [r.attempts for r in results] == [1, 1]
    row.holds(
        results,
        jobs=4,
        begun=4,
        outcome="recovered: Slurm starts the same two jobs again; nothing lost",
    )


def test_node_down_without_requeue(row):
    stage = row.begin("SSHContext")
    meddle = Meddle(lambda: stage.begun() == 2, lambda: take_node_down(row))
    flags = {"custom_flags": ["#SBATCH --no-requeue"]}
    results = row.go(stage.tasks(2, seconds=2.0), should_stop=meddle, resources=flags)
    assert [r.attempts for r in results] == [2, 2]
    row.holds(results, jobs=4, begun=4, may=(AGAIN, AGAIN_1, TERMINATED))


def daemon_down(row, daemon, seconds, context, task_s=2.0, **said):
    stage = row.begin(context)

    def fault():
        row.cluster.down(daemon)
        later(seconds, lambda: row.cluster.up(daemon))

    meddle = Meddle(lambda: stage.begun() == 2, fault)
    results = row.go(stage.tasks(2, seconds=task_s), should_stop=meddle)
    row.holds(results, jobs=2, **said)


def test_slurmctld_down_4_s(row):
    # short enough for squeue to wait for it, most times
    daemon_down(row, "slurmctld", 4.0, "SSHContext", may=(OUTAGE, BACK))


def test_munged_down_4_s(row):
    # tasks that end meanwhile have Slurm wait a while before it hears of it
    daemon_down(row, "munged", 4.0, "SSHContext", task_s=5.0, told=(OUTAGE, BACK))


def test_slurmd_down_5_s(row):
    daemon_down(row, "slurmd-cpu01", 5.0, "SSHContext")


def test_suspend_and_hold(row):
    stage, slurm = row.begin("SSHContext"), row.cluster.slurm

    def suspend():
        (job,) = row.cluster.queue()
        slurm("scontrol", "suspend", job)
        later(1.0, lambda: slurm("scontrol", "resume", job))
        later(1.5, lambda: slurm("scontrol", "requeuehold", job))
        later(3.0, lambda: slurm("scontrol", "release", job))

    meddle = Meddle(lambda: stage.begun() == 1, suspend)
    results = row.go(stage.tasks(1, seconds=4.0), should_stop=meddle)
    assert [r.attempts for r in results] == [1]
    row.holds(
        results, jobs=2, begun=2, outcome="recovered: Slurm starts the same job again; nothing lost"
    )


def refused_by_sbatch(row, words, **resources):
    stage = row.begin("SSHContext")
    with pytest.raises(TransportError) as refused:
        row.go(stage.tasks(2), resources=resources)
    line = str(refused.value)
    assert row.seconds < 8
    assert "\n" not in line
    assert re.fullmatch(rf"submitting \(Slurm on 127\.0\.0\.1\) failed: .*{words}.*", line)
    assert not row.cluster.queue()
    row.lines.append(line)
    row.holds(
        row.go(stage.tasks(2)),
        jobs=2,
        told=(r"submitting \(Slurm",),
        outcome="fails at once with sbatch's text; goes on with a better machine file",
    )


def test_bad_partition(row):
    refused_by_sbatch(row, "invalid partition specified: nosuch", queue_name="nosuch")


def test_too_many_gpus(row):
    words = "Requested node configuration is not available"
    refused_by_sbatch(row, words, queue_name="gpu", gpu_per_node=9)


# last: it has been going on beside the others
def test_slurmctld_down_40_s(row, long_outage):
    long_outage.join(90)
    assert long_outage.status == 0
    assert long_outage.whole
    assert long_outage.jobs == 2
    row.seconds, row.lines = long_outage.seconds, long_outage.lines
    row.jobs = lambda: long_outage.jobs  # those of the other cluster
    row.note(RECOVERED, 2, (OUTAGE, BACK))
