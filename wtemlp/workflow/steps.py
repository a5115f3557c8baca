"""The stages of an iteration, each alone: for scripts that do something else in between.

They keep no state and take no lock: :func:`wtemlp.run` does, and goes on only with a folder of
its own.
"""

from wtemlp.analysis.frames import FrameTable
from wtemlp.config.records import MachineSection
from wtemlp.dispatch.tasks import StageTasks, TaskResult
from wtemlp.records.summary import read_summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.session.progress import Reporter, quiet_reporter
from wtemlp.session.stage import run_stage
from wtemlp.stages import train as training
from wtemlp.stages import training_steps
from wtemlp.stages.context import RunContext
from wtemlp.stages.protocols import Submit
from wtemlp.stages.registry import explorer_of


def train(run: RunContext, iteration: int) -> list[dict[str, float]]:
    """Train the models of an iteration on the initial data and all labels of those before.

    Parameters
    ----------
    run : RunContext
    iteration : int

    Returns
    -------
    list of dict
        Of each model ``"energy_rmse_meV_atom"`` and ``"force_rmse_meV_A"`` on the validation data;
        empty without such data.

    Raises
    ------
    CalculationError
        If a training failed, or ended before its last step.
    """
    training.prepare(run, iteration)
    tasks, common = training.tasks(run, iteration)
    stage = StageTasks(tasks, run.paths.train(iteration), common, training_steps.done_steps)
    _submit(run, run.machines.train, "train")(stage)
    training_steps.require_whole([task.folder for task in tasks])
    return training.collect(run, iteration)


def explore(run: RunContext, iteration: int) -> tuple[FrameTable | None, list[WalkerSummary]]:
    """Explore with the models of an iteration, as its entry of ``model_devi_jobs`` says.

    Parameters
    ----------
    run : RunContext
    iteration : int

    Returns
    -------
    FrameTable or None
        The frames, with the deviation of the models; None where DP-GEN reads them.
    list of WalkerSummary
        How each walker fared.

    Raises
    ------
    CalculationError
        If more walkers failed than ``ratio_failed`` allows.
    """
    explorer = explorer_of(run.params)
    rows = (read_summary(run.paths.summary(index)) for index in range(iteration))
    explorer.prepare(run, iteration, [row for row in rows if row is not None])
    explorer.run(run, iteration, _submit(run, run.machines.model_devi, "explore"))
    return explorer.collect(run, iteration)


def select(run: RunContext, iteration: int) -> FrameTable:
    """Decide on every frame of an exploration, and write the inputs of the chosen ones' labels.

    Parameters
    ----------
    run : RunContext
    iteration : int

    Returns
    -------
    FrameTable
        All frames; ``decision`` says which are to be labelled.
    """
    return explorer_of(run.params).labelling.choose(run, iteration)


def label(run: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
    """Label the chosen frames, and write them as training data.

    Parameters
    ----------
    run : RunContext
    iteration : int

    Returns
    -------
    int
        Labelled frames.
    dict of str to str
        The reason of each frame that has no label.

    Raises
    ------
    CalculationError
        If the reference method failed for more frames than ``ratio_failed`` allows.
    """
    labelling = explorer_of(run.params).labelling
    labelling.run(run, iteration, _submit(run, run.machines.fp, "label"))
    return labelling.collect(run, iteration)


def _submit(run: RunContext, section: MachineSection, title: str) -> Submit:
    reporter: Reporter = quiet_reporter()

    def submit(stage: StageTasks, allowed: int = 0) -> list[TaskResult]:
        return run_stage(stage, title, section, run.paths.root, reporter, allowed=allowed)

    return submit
