"""A stage's dispatch journal: intentions before, outcomes after, in ``dispatch.json``.

What is finished is not in here but in the tasks' folders (a tag in each): a folder that is
removed takes its tag along.  The journal holds what would otherwise be forgotten by a process that
is killed: the stage's identity on the other side, the jobs that may be alive, and how often a task
has failed.
"""

import json
import logging
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from wtemlp.core.atomic_io import UNREADABLE, what_is_wrong, write_json

log = logging.getLogger("wtemlp.dispatch")

JOURNAL = "dispatch.json"


@dataclass
class JobEntry:
    """A job that was, or was about to be, submitted."""

    tasks: list[str]
    queue_id: str = ""  #: process or queue id; "": the submission was not seen to succeed
    where: str = ""  #: batch system and host that it was submitted to


@dataclass
class Journal:
    """The stage's memory.  :meth:`save` is atomic."""

    path: Path
    identity: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    uploaded: str = ""  #: where the common files were uploaded to, completely
    host_key: dict[str, str] = field(default_factory=dict)  #: of the SSH host; how it is verified
    returned: bool = False  #: the last call ended by itself and reported its failures
    jobs: dict[str, JobEntry] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)  #: failed attempts of each task
    progress: dict[str, int] = field(default_factory=dict)  #: that killed attempts have made
    failed: dict[str, str] = field(default_factory=dict)  #: given up: the message of each task

    @classmethod
    def open(cls, work_dir: Path) -> "Journal":
        """Read a stage's journal, or begin one.

        A journal that cannot be read (a power failure) is put aside, and a line says so: the tags
        in the tasks' folders still tell what is finished.
        """
        path = work_dir / JOURNAL
        if not path.is_file():
            return cls(path)
        try:
            data = json.loads(path.read_text())
            jobs = {name: JobEntry(**entry) for name, entry in data.pop("jobs").items()}
            return cls(path, jobs=jobs, **data)
        except UNREADABLE as error:
            aside = path.with_suffix(".unreadable")
            log.warning(
                "%s is damaged (%s) and is kept as %s: what is finished is known from the tasks' "
                "folders, the other tasks are started again; jobs that the last call has left in "
                "a queue are not known any more: end them there",
                path,
                what_is_wrong(path, error),
                aside.name,
            )
            path.replace(aside)
            return cls(path)

    def save(self) -> None:
        """Write the journal, so that a reader sees the old one or the new one."""
        data = asdict(self)
        del data["path"]
        write_json(self.path, data)

    def forget_failures(self, names: set[str]) -> None:
        """Give tasks that were given up a fresh set of attempts."""
        for name in names:
            self.failures.pop(name, None)
            self.progress.pop(name, None)
            self.failed.pop(name, None)
