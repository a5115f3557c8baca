"""The tasks of a stage: run, followed on the screen, and counted."""

from collections.abc import Callable
from pathlib import Path

from wtemlp.config.records import MachineSection
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.staging import with_user_files
from wtemlp.dispatch.tasks import Progress, StageTasks, TaskResult, failure_of
from wtemlp.session.progress import Reporter, StageProgress


def run_stage(
    stage: StageTasks,
    title: str,
    section: MachineSection,
    root: Path,
    reporter: Reporter,
    *,
    allowed: int = 0,
    on_change: Callable[[], object] = lambda: None,
) -> list[TaskResult]:
    """Run the tasks of a stage, with the user's own files, and show how far they are.

    Parameters
    ----------
    stage : StageTasks
        Without tasks nothing is done.
    title : str
        What is shown.
    section : MachineSection
        Where and how they run.
    root : Path
        The run's folder.
    reporter : Reporter
    allowed : int
        How many tasks may fail.
    on_change : callable, optional
        Called whenever the counts are shown.

    Returns
    -------
    list of TaskResult
        Those that failed.

    Raises
    ------
    CalculationError
        If more than `allowed` failed, with what the first of them said.
    """
    if not stage.tasks:
        return []
    tasks = with_user_files(stage.tasks, section, root)
    results: list[TaskResult] = []

    def run(show: Callable[[Progress], None]) -> None:
        """Run the tasks, and show how far they are."""

        def on_progress(counts: Progress) -> None:
            show(counts)
            on_change()

        results.extend(
            run_tasks(
                tasks,
                work_dir=stage.folder,
                common_files=stage.common,
                section=section,
                on_progress=on_progress,
                root=root,
                clean=stage.clean,
            )
        )

    reporter.follow(StageProgress(title, tasks, stage.done_steps), run)
    failed = [result for result in results if not result.ok]
    if len(failed) > allowed:
        raise failure_of(stage.folder, failed, len(tasks))
    return failed
