"""The loop of a run in which DP-GEN prepares, chooses and reads, as by GROMACS or of atoms."""

from collections.abc import Callable
from pathlib import Path

from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import Task, failure_of
from wtemlp.session.progress import Reporter
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import explore
from wtemlp.workflow.loop import Loop

CALYPSO = "calypso"  #: whose exploration is several rounds of jobs


class DpgenLoop(Loop):
    """DP-GEN prepares, chooses and reads; the steps and their order are the same."""

    def mind_changed_job(self) -> None:
        """Nothing: DP-GEN reads the parameter file anew in each step."""

    def make_explore(self) -> None:
        """Have DP-GEN prepare the walkers."""
        explore.prepare(self.context, self.state.iteration)

    def run_explore(self) -> None:
        """Run them."""
        if self.context.params.engine == CALYPSO:
            explore.run_calypso(self.context, self.state.iteration, self._run_round)
            return
        tasks, common = explore.tasks(self.context, self.state.iteration)
        self._run_round(tasks, common, self.paths.explore(self.state.iteration))

    def _run_round(self, tasks: list[Task], common: list[str], folder: Path) -> None:
        failed = self._run(tasks, common, folder, self.context.machines.model_devi, lambda _: 0)
        if failed:  # DP-GEN chooses from all of them
            raise failure_of(folder, failed, len(tasks))

    def post_explore(self) -> None:
        """Note who explored."""
        with self._summary() as row:
            row.walkers = explore.walkers(self.context, self.state.iteration)

    def make_label(self) -> None:
        """Have DP-GEN decide on every frame and prepare the labelling of the chosen ones."""
        decided = explore.choose(self.context, self.state.iteration)
        with self._summary() as row:
            row.explored = len(decided)
        self._note_decisions(decided)

    def run_label(self) -> None:
        """Label them with the reference method."""
        tasks, common = explore.label_tasks(self.context, self.state.iteration)
        folder = self.paths.label(self.state.iteration)
        failed = self._run(tasks, common, folder, self.context.machines.fp, lambda _: 0)
        if not failed:
            return
        try:
            self.collect_labels()  # counts the frames without a label
        except CalculationError as error:
            raise failure_of(folder, failed, len(tasks)) from error
        self._say_failed(failed)

    def collect_labels(self) -> tuple[int, dict[str, str]]:
        """Read the labels: how many there are, and why a frame has none."""
        return explore.collect(self.context, self.state.iteration)


def loop_of(
    context: RunContext, reporter: Reporter, on_change: Callable[[], object] = lambda: None
) -> Loop:
    """The loop of a run: wtemlp's own, or the one through DP-GEN.

    Parameters
    ----------
    context : RunContext
    reporter : Reporter
    on_change : callable, optional
        As of :class:`wtemlp.workflow.loop.Loop`.
    """
    kind = DpgenLoop if context.params.by_dpgen else Loop
    return kind(context, reporter, on_change)
