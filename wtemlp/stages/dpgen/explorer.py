"""Explorations in which DP-GEN prepares, chooses and reads, as objects that the loop knows."""

from collections.abc import Sequence
from pathlib import Path

from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.records import Params
from wtemlp.config.schema.dpgen_schema import CALYPSO
from wtemlp.core.errors import CalculationError
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import StageTasks, Task, TaskResult, failure_of
from wtemlp.records.state import Step
from wtemlp.records.summary import Summary, read_summary, save_summary
from wtemlp.records.walkers import LoweredBias, WalkerSummary
from wtemlp.stages import label
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore
from wtemlp.stages.protocols import Say, Submit


class DpgenExplorer:
    """DP-GEN prepares the walkers, chooses frames or atoms, and reads the labels."""

    kind = "dpgen"

    def __init__(self) -> None:
        self.labelling = DpgenLabelling()

    @classmethod
    def of(cls, params: Params) -> "DpgenExplorer":
        """That of a run."""
        return cls()

    def prepare(
        self, context: RunContext, iteration: int, before: Sequence[Summary]
    ) -> list[LoweredBias]:
        """Have DP-GEN prepare the walkers."""
        explore.prepare(context, iteration)
        return []

    def changed(self, context: RunContext, iteration: int) -> str:
        """Nothing: DP-GEN reads the parameter file again in each step."""
        return ""

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Run them; all must succeed, for DP-GEN chooses from all of them."""

        def submit_all(tasks: list[Task], common: list[str], folder: Path) -> None:
            submit(StageTasks(tasks, folder, common))

        if context.params.engine == CALYPSO:  # several rounds of jobs
            explore.run_calypso(context, iteration, submit_all)
        else:
            submit_all(*explore.tasks(context, iteration), context.paths.explore(iteration))
        return []

    def collect(self, context: RunContext, iteration: int) -> tuple[None, list[WalkerSummary]]:
        """Who explored; the frames are DP-GEN's to read."""
        return None, explore.walkers(context, iteration)

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """Nothing: the records are DP-GEN's to read."""
        return []

    def list_again(self, context: RunContext, iteration: int, explored: bool) -> None:
        """List the tasks that DP-GEN has made."""
        explore.adopt(context, iteration)

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The walkers' folders, or their deviations."""
        explored = step > Step.RUN_EXPLORE
        return explore.needed(paths, iteration, explored=explored, chosen=False)

    def adopt_finished(self, context: RunContext, iteration: int, say: Say) -> None:
        """Read what DP-GEN has chosen."""
        self._adopt_choice(context, iteration, say)

    def adopt_current(self, context: RunContext, iteration: int, step: Step, say: Say) -> Step:
        """List the tasks that DP-GEN has made, and read what it has chosen."""
        explore.adopt(context, iteration)
        good = step <= Step.MAKE_LABEL or self._adopt_choice(context, iteration, say)
        return step if good else Step.MAKE_LABEL

    def _adopt_choice(self, context: RunContext, iteration: int, say: Say) -> bool:
        try:
            table = explore.adopt_choice(context, iteration)
        except (OSError, ValueError, KeyError) as error:
            say(f"iteration {iteration}: what DP-GEN has chosen cannot be read: {error}")
            return False
        row = read_summary(context.paths.summary(iteration)) or Summary(iteration)
        row.explored = len(table)
        row.accurate, row.candidate, row.failed = (
            table.judged(kind) for kind in (Decision.ACCURATE, Decision.CANDIDATE, Decision.FAILED)
        )
        row.selected = table.count(Decision.SELECTED)
        row.walkers = explore.walkers(context, iteration)
        save_summary(context.paths.summary(iteration), row)
        return True


class DpgenLabelling:
    """DP-GEN chooses, and makes and reads the inputs and outputs of the labels."""

    def choose(self, context: RunContext, iteration: int) -> FrameTable:
        """Have DP-GEN decide on every frame and prepare the labelling of the chosen ones."""
        return explore.choose(context, iteration)

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Label them with the reference method."""
        tasks, common = explore.label_tasks(context, iteration)
        stage = StageTasks(tasks, context.paths.label(iteration), common)
        failed = submit(stage, allowed=len(tasks))
        if failed:
            try:
                explore.collect(context, iteration)  # counts the frames without a label
            except CalculationError as error:
                raise failure_of(stage.folder, failed, len(tasks)) from error
        return failed

    def choose_again(self, context: RunContext, iteration: int) -> None:
        """Nothing: DP-GEN's choice is not made twice."""

    def by_hand(self, context: RunContext, iteration: int) -> list[str]:
        """Nothing: each output is read as it is."""
        return []

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """What a user should know of the labels."""
        return label.remarks(context, iteration)

    def collect(self, context: RunContext, iteration: int) -> tuple[int, dict[str, str]]:
        """Read the labels, each alone."""
        return explore.collect(context, iteration)

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The table of frames and the folders of the chosen ones."""
        return explore.needed(paths, iteration, explored=True, chosen=True)
