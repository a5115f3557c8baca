"""Ends a stage's jobs, and no others."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.dispatcher import LOG
from wtemlp.dispatch.journal import JOURNAL, Journal
from wtemlp.dispatch.library import contained, secrets_of
from wtemlp.dispatch.retry import Patience
from wtemlp.dispatch.service import backend_of
from wtemlp.dispatch.settings import read_section, run_folder

log = logging.getLogger("wtemlp.dispatch")

ENDING_S = 60.0  #: how long jobs may take to end


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
    with contained(work_dir / LOG, secrets_of(settings.machine)):
        patience = Patience(min(settings.outage_s, 60.0))
        backend = backend_of(settings, work_dir, journal.identity, patience)
        ours = {}
        for name, entry in journal.jobs.items():
            if entry.where and entry.where != settings.where:
                log.warning(
                    "job %s in %s is left alone: the machine file now names %s",
                    entry.queue_id,
                    entry.where,
                    settings.where,
                )
            else:
                ours[name] = backend.find(name, entry.queue_id) or ""
        alive = _alive(backend, {name: queue_id for name, queue_id in ours.items() if queue_id})
        for name in ours.keys() - alive.keys():  # those whose id was misread
            if queue_id := backend.alive(name):
                alive[name] = ours[name] = queue_id
        for name, queue_id in alive.items():
            backend.kill(name, queue_id)
        stubborn = _wait(backend, alive)
        for name in ours.keys() - stubborn.keys():
            del journal.jobs[name]
        journal.save()
    for queue_id in stubborn.values():
        log.warning("job %s in %s has been told to end, and has not yet", queue_id, settings.where)
    return len(alive) - len(stubborn)


def has_jobs(work_dir: Path) -> bool:
    """Whether the journal of a stage, if it has one, knows jobs that may be alive."""
    return (work_dir / JOURNAL).is_file() and bool(Journal.open(work_dir.absolute()).jobs)


def discard_stage(work_dir: Path, section: MachineSection, root: Path | None = None) -> None:
    """End a stage's jobs, and remove what it has on the other side.

    Parameters
    ----------
    work_dir, section, root
        As for :func:`cancel_tasks`.

    Raises
    ------
    TransportError
        The host or the queue did not answer.
    """
    work_dir = work_dir.absolute()
    if not (work_dir / JOURNAL).is_file():
        return
    cancel_tasks(work_dir, section, root)
    settings = read_section(section, (root or run_folder(work_dir)).absolute())
    with contained(work_dir / LOG, secrets_of(settings.machine)):
        patience = Patience(min(settings.outage_s, 60.0))
        backend_of(settings, work_dir, Journal.open(work_dir).identity, patience).clean()


def _alive(backend: Backend, jobs: Mapping[str, str]) -> dict[str, str]:
    states = backend.states(jobs)
    return {name: queue_id for name, queue_id in jobs.items() if states[name] != "gone"}


def _wait(backend: Backend, jobs: Mapping[str, str]) -> dict[str, str]:
    """Wait until jobs have ended; those that do not."""
    end = time.monotonic() + ENDING_S
    while (jobs := _alive(backend, jobs)) and time.monotonic() < end:
        time.sleep(0.2 if backend.settings.local else 1.0)
    return dict(jobs)
