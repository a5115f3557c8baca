"""A long outage of slurmctld on a cluster of its own, beside the other tests: it is all waiting."""

import os
import tempfile
import threading
import time
from pathlib import Path

from tests.support.cluster import started, until
from tests.support.queue_stage import Client, QueueStage
from tests.support.stages import once_each

TASKS = 2


class LongOutage(threading.Thread):
    """The outage, and what was seen.

    Parameters
    ----------
    seconds : float
        How long slurmctld is down.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(daemon=True)
        self.outage_s, self.seconds = seconds, 0.0
        self.status: int | None = None  #: the client's exit status
        self.lines: list[str] = []  #: what it said
        self.jobs = 0
        self.whole = False  #: every result is there, and every task ran once

    def run(self) -> None:
        """Have tasks run while slurmctld goes away and comes back."""
        environment = dict(os.environ)
        with tempfile.TemporaryDirectory() as folder, started() as cluster:
            stage = QueueStage(Path(folder), cluster, "LocalContext")
            began = time.monotonic()
            client = Client(stage, TASKS, 2.0, environment | cluster.env)
            until(lambda: stage.begun() == TASKS)
            cluster.down("slurmctld")
            time.sleep(self.outage_s)
            cluster.up("slurmctld")
            self.status, said = client.ended()
            self.seconds = time.monotonic() - began
            self.lines = said.splitlines()
            until(lambda: not cluster.queue())
            self.jobs = len(cluster.ended())
            self.whole = stage.results() == stage.expected(TASKS) and (
                stage.events() == once_each(stage, TASKS)
            )
