"""A stage of bash tasks on the loopback cluster; the tasks write an outside log of what ran."""

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.cluster import Cluster
from tests.support.stages import Stage
from wtemlp.config.records import MachineSection
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.tasks import TaskResult

ROOT = Path(__file__).parents[2]


def section(
    cluster: Cluster,
    context: str,
    *,
    profile: dict[str, object] | None = None,
    resources: dict[str, object] | None = None,
    **machine: object,
) -> MachineSection:
    """A machine section for the loopback cluster.

    Parameters
    ----------
    cluster : Cluster
    context : str
        ``LazyLocalContext``, ``LocalContext`` or ``SSHContext``.
    profile, resources, machine
        Keys that differ from the usual.
    """
    keys: dict[str, object] = {
        "batch_type": "Slurm",
        "context_type": context,
        "local_root": "./",
        "retry_count": 1,
        "poll_seconds": 0.2,
    }
    if context == "SSHContext":
        keys["known_hosts_file"] = cluster.env["SSH_KNOWN_HOSTS"]
        keys["remote_profile"] = {
            "hostname": "127.0.0.1",
            "port": cluster.port,
            "username": cluster.env["SSH_USER"],
            "key_filename": cluster.env["SSH_KEY"],
            "timeout": 2,
        } | (profile or {})
    usual = {
        "number_node": 1,
        "cpu_per_node": 1,
        "gpu_per_node": 0,
        "queue_name": "cpu",
        "group_size": 1,
    }
    return MachineSection("fp", "", keys | machine, usual | (resources or {}))


class QueueStage(Stage):
    """A stage's folder, and ``remote`` beside it for the contexts that copy."""

    def __init__(self, tmp_path: Path, cluster: Cluster, context: str, run: str = "run") -> None:
        super().__init__(tmp_path, run)
        self.cluster, self.context = cluster, context
        self.remote = tmp_path / "remote"
        self.remote.mkdir(exist_ok=True)

    def section(self, **keys: object) -> MachineSection:
        """The machine section."""
        return section(self.cluster, self.context, **{"remote_root": str(self.remote), **keys})

    def go(self, tasks, on_progress=None, should_stop=None, **keys) -> list[TaskResult]:
        """Run tasks."""
        return run_tasks(
            tasks,
            work_dir=self.dir,
            common_files=["common.txt"],
            section=self.section(**keys),
            on_progress=on_progress,
            should_stop=should_stop,
        )

    def begun(self) -> int:
        """How often a task began."""
        return sum(count for what, count in self.events().items() if what.startswith("begin"))


class Client:
    """run_tasks in a process of its own that can be killed.

    Parameters
    ----------
    stage : QueueStage
    count : int
        Tasks of the stage.
    seconds : float
        How long each takes.
    environment : mapping, optional
        Its environment variables; by default this process's.
    keys
        Keys of the machine section; ``task``: keys of the tasks.
    """

    def __init__(
        self,
        stage: QueueStage,
        count: int,
        seconds: float,
        environment: Mapping[str, str] | None = None,
        **keys: object,
    ) -> None:
        code = (
            "import logging, sys; from pathlib import Path\n"
            "from tests.support.cluster import Cluster\n"
            "from tests.support.queue_stage import QueueStage\n"
            "logging.basicConfig(level='WARNING', format='%(message)s', stream=sys.stderr)\n"
            f"cluster = Cluster(Path({str(stage.cluster.dir)!r}))\n"
            f"stage = QueueStage(Path({str(stage.run.parent)!r}), cluster, {stage.context!r},"
            f" {stage.run.name!r})\n"
            f"tasks = stage.tasks({count}, **{ {'seconds': seconds} | keys.pop('task', {})!r})\n"
            f"results = stage.go(tasks, **{keys!r})\n"
            "sys.exit(0 if all(r.ok for r in results) else 1)\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**(environment or os.environ), "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end: exit status (negative: a signal) and what it said."""
        said = self.process.communicate(timeout=60)[1]
        return self.process.returncode, said


def said(caplog) -> list[str]:
    """The lines that the dispatcher shows its user."""
    return [
        record.getMessage().splitlines()[0]
        for record in caplog.records
        if record.name == "wtemlp.dispatch" and record.levelno >= logging.WARNING
    ]
