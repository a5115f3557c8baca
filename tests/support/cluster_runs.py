"""A run with cheap engines whose trainings go to the loopback cluster over SSH."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support import program
from tests.support.cluster import Cluster, until
from tests.support.loop_runs import ENGINES, Run, make_run
from tests.support.queue_stage import section
from wtemlp.records.state import Step


class ClusterRun:
    """A run's folder and its clients.

    Parameters
    ----------
    folder : Path
        The run's folder, made here.
    cluster : Cluster
    training_s : float
        How long a training takes.
    """

    def __init__(self, folder: Path, cluster: Cluster, training_s: float) -> None:
        self.run: Run = make_run(folder)
        self.folder, self.cluster = folder, cluster
        self.remote = folder.parent / "remote"
        self.remote.mkdir()
        self.set_training(training_s)

    def set_training(self, seconds: float) -> None:
        """Say how long a training takes."""
        file = self.folder / "machine.json"
        content = json.loads(file.read_text())
        train = section(self.cluster, "SSHContext", remote_root=str(self.remote))
        # the cheap engine sleeps 0.3 times what it is told
        engine = f"env CHEAP_ENGINE_SLEEP={seconds / 0.3} {sys.executable} {ENGINES} dp"
        content["train"] = {
            "command": engine,
            "machine": dict(train.machine),
            "resources": dict(train.resources),
        }
        file.write_text(json.dumps(content))

    def start(self) -> program.Program:
        """``wtemlp run``."""
        return self.run.start()

    def trained(self) -> bool:
        """Whether the first trainings are done and at home."""
        return self.run.state()["step"] > Step.RUN_TRAIN

    def go_on(self) -> None:
        """``wtemlp run`` until the first trainings are done."""
        client = self.start()
        try:
            until(lambda: self.trained() or client.poll() is not None, 60)
            assert self.trained(), client.communicate()[0]
        finally:
            end(client)

    def wtemlp(self, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        """Another command of wtemlp's."""
        return program.run(*args, cwd=cwd or self.folder)


def end(client: program.Program) -> None:
    """SIGKILL to a client, if it is alive."""
    client.kill()
    client.communicate()
