"""Tasks in, results out: runs a stage's tasks to their ends, over kills and outages.

Every task lives alone.  What is finished is known from the tag and the declared results in its
folder; what may be alive from the stage's journal and from the queue; what remains is submitted.
So a call may be killed at any moment, and the next call goes on from what it finds.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.dispatch.library import contained, secrets_of
from wtemlp.dispatch.retry import Stopped
from wtemlp.dispatch.settings import read_section, run_folder
from wtemlp.dispatch.stage_run import StageRun
from wtemlp.dispatch.tasks import OnProgress, Task, TaskResult

__all__ = ["LOG", "Stopped", "run_tasks"]

LOG = "dispatch.log"  #: dpdispatcher's own messages, in the stage's folder


def run_tasks(
    tasks: Sequence[Task],
    *,
    work_dir: Path,
    common_files: Sequence[str],
    section: MachineSection,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
    root: Path | None = None,
    clean: bool = True,
) -> list[TaskResult]:
    """Run tasks until every one has finished or failed for good.

    Parameters
    ----------
    tasks : sequence of Task
        Each in a folder of its own below `work_dir`.  A task is known by its folder: to have a
        finished one run again, remove the folder (or its finished tag).
    work_dir : Path
        The stage's folder, absolute.
    common_files : sequence of str
        Files that tasks share, relative to `work_dir`; tasks reach them as ``../name``.
    section : MachineSection
        Where and how to run.
    on_progress : callable, optional
        Called with a :class:`Progress` whenever a count changes, and every two seconds.
    should_stop : callable, optional
        Asked twice a second or more; True ends the call with :class:`Stopped`.
    root : Path, optional
        The run's folder, for relative paths in `section`; by default the one that holds
        ``iter.NNNNNN``, or else the parent of `work_dir`.
    clean : bool
        A second attempt at a task starts from the files that were there before the first.  False
        for commands that continue from their own restart files.

    Returns
    -------
    list of TaskResult
        In the tasks' order.  A failed calculation is a result, not an exception.

    Raises
    ------
    TransportError
        A host, a queue or a file system failed for longer than ``machine.outage_seconds``.
    Stopped
        `should_stop` said so.
    """
    work_dir = work_dir.absolute()
    _check(tasks, work_dir)
    if not tasks:
        return []
    settings = read_section(section, (root or run_folder(work_dir)).absolute())
    with contained(work_dir / LOG, secrets_of(settings.machine)):
        run = StageRun(tasks, work_dir, settings, on_progress, should_stop, clean)
        return run.to_the_end(common_files)


def _check(tasks: Sequence[Task], work_dir: Path) -> None:
    folders = set()
    for task in tasks:
        folder = task.folder.absolute()
        if work_dir not in folder.parents:
            raise ValueError(f"{folder} is not below {work_dir}")
        if folder in folders:
            raise ValueError(f"two tasks in {folder}")
        folders.add(folder)
    for folder in folders:
        # cleaning the outer one for a second attempt would take the inner one away
        if not folders.isdisjoint(folder.parents):
            raise ValueError(f"{folder} is in another task's folder")
    if len({task.name for task in tasks}) != len(tasks):
        raise ValueError("two tasks of one name")
