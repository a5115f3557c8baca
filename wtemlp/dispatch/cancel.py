"""Ends a stage's jobs, and no others."""

import logging
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.dispatcher import LOG
from wtemlp.dispatch.journal import JOURNAL, Journal
from wtemlp.dispatch.library import contained, secrets_of
from wtemlp.dispatch.patience import Patience
from wtemlp.dispatch.settings import read_section, run_folder

log = logging.getLogger("wtemlp.dispatch")


def cancel_tasks(work_dir: Path, section: MachineSection, root: Path | None = None) -> int:
    """End the jobs of a stage that the journal knows.

    What is finished stays; a later :func:`wtemlp.dispatch.dispatcher.run_tasks` runs the rest.
    No process may be running the stage meanwhile: it would take the jobs for failed.

    Parameters
    ----------
    work_dir : Path
        The stage's folder.
    section : MachineSection
        The section that the jobs were submitted with.
    root : Path, optional
        The run's folder, as for ``run_tasks``.

    Returns
    -------
    int
        Number of jobs that were ended.

    Raises
    ------
    TransportError
        The host or the queue did not answer.
    """
    work_dir = work_dir.absolute()
    if not (work_dir / JOURNAL).is_file():
        return 0
    settings = read_section(section, (root or run_folder(work_dir)).absolute())
    journal = Journal.open(work_dir)
    if not journal.jobs:
        return 0
    ended = 0
    with contained(work_dir / LOG, secrets_of(settings.machine)):
        patience = Patience(min(settings.outage_s, 60.0))
        backend = Backend(settings, work_dir, journal.identity, patience)
        for name, entry in list(journal.jobs.items()):
            if entry.where and entry.where != settings.where:
                log.warning("%s in %s is not this section's: left alone", name, entry.where)
                continue
            queue_id = entry.queue_id or backend.find(name)
            if queue_id:
                backend.kill(name, queue_id)
                ended += 1
            del journal.jobs[name]
            journal.save()
    return ended
