"""Exploration by LAMMPS: biased by PLUMED, plain, or with scripts of the user's own."""

from collections.abc import Sequence
from pathlib import Path

from wtemlp.analysis.frames import FrameTable
from wtemlp.config.atoms import by_atoms, with_electrons
from wtemlp.config.records import Params
from wtemlp.core import paths as names
from wtemlp.core.paths import RunPaths
from wtemlp.dispatch.tasks import StageTasks, TaskResult
from wtemlp.records.state import Step
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import LoweredBias, WalkerSummary
from wtemlp.stages.context import RunContext
from wtemlp.stages.dpgen import taking_over
from wtemlp.stages.dpgen.explorer import DpgenExplorer
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.walker_results import write_distributions
from wtemlp.stages.label import FrameLabelling
from wtemlp.stages.protocols import Explorer, Say, Submit


class LammpsExplorer:
    """Walkers of LAMMPS, each a task in a folder of its own (``model_devi_engine: wte``)."""

    kind = "lammps"

    def __init__(self) -> None:
        self.labelling = FrameLabelling(self.frames)
        self._collected: tuple[int, FrameTable] | None = None  #: what is to be chosen from next
        self._remarks = explore.Remarks()

    @classmethod
    def of(cls, params: Params) -> Explorer:
        """That of a run."""
        return cls()

    def prepare(
        self, context: RunContext, iteration: int, before: Sequence[Summary]
    ) -> list[LoweredBias]:
        """Make the walkers' folders."""
        return explore.prepare(context, iteration, before)

    def changed(self, context: RunContext, iteration: int) -> str:
        """How the entry of ``model_devi_jobs`` has changed."""
        return explore.changed_job(context, iteration)

    def run(self, context: RunContext, iteration: int, submit: Submit) -> list[TaskResult]:
        """Run NVT, measure sigma and run WTE; walkers that failed may be left out."""
        tasks, common = explore.tasks(context, iteration)
        allowed = min(int(context.params.ratio_failed * len(tasks)), len(tasks) - 1)
        stage = StageTasks(
            tasks,
            context.paths.explore(iteration),
            common,
            explore.done_steps,
            # Not clean: a walker that was interrupted goes on from its checkpoint, if it has one.
            clean=not explore.goes_on(context, iteration),
        )
        failed = submit(stage, allowed=allowed)
        explore.leave_out(context, iteration, failed)
        return failed

    def collect(
        self, context: RunContext, iteration: int
    ) -> tuple[FrameTable, list[WalkerSummary]]:
        """Read every frame, and write the distributions of the walkers' energies.

        Each file is read once; the frames are kept until they are asked for.
        """
        self._remarks = explore.Remarks()

        def also(folder: Path) -> None:
            self._remarks.add(folder)
            write_distributions(folder)

        found, walkers = explore.collect(context, iteration, also)
        self._collected = iteration, found
        return found, walkers

    def frames(self, context: RunContext, iteration: int) -> FrameTable:
        """The frames that are chosen from."""
        kept, self._collected = self._collected, None
        if kept is not None and kept[0] == iteration:
            return kept[1]
        return explore.collect(context, iteration)[0]

    def remarks(self, context: RunContext, iteration: int) -> list[str]:
        """What of the walkers' records is left out, as :meth:`collect` has seen it."""
        return self._remarks.lines()

    def list_again(self, context: RunContext, iteration: int, explored: bool) -> None:
        """List the walkers whose folders are there."""
        folder = context.paths.explore(iteration)
        tasks = sorted(task for task in folder.glob("task.*") if (task / names.JOB).exists())
        if explored:  # those that failed are not among them
            tasks = explore.finished_of(tasks)
        explore.list_walkers(context, iteration, [task.name for task in tasks])

    def needed(self, paths: RunPaths, iteration: int, step: Step) -> list[Path]:
        """The walkers' inputs, or what they left."""
        listed = paths.explore(iteration) / explore.WALKERS
        if not listed.exists():
            return [listed]
        tasks = explore.task_folders(paths, iteration)
        inputs = [task / names.LMP_INPUT for task in tasks]
        if step is Step.RUN_EXPLORE:
            inputs += [task / names.CONF for task in tasks]
            return inputs + list(paths.explore(iteration).glob("graph.*"))
        # The beads of a path integral have their deviations joined later.
        recorded = [task for task in tasks if not (task / "model_devi1.out").exists()]
        inputs += [task / names.MODEL_DEVI for task in recorded]
        return inputs + [explore.frames_of(task) for task in tasks]

    def adopt_finished(self, context: RunContext, iteration: int, say: Say) -> None:
        """Make walkers of DP-GEN's tasks, and read which frames it chose and labelled."""
        taking_over.adopt_finished(context, iteration, say)

    def adopt_current(self, context: RunContext, iteration: int, step: Step, say: Say) -> Step:
        """Make walkers of DP-GEN's tasks, or go back to where they are prepared."""
        return taking_over.adopt_current(context, iteration, step, say)


class PlainExplorer(LammpsExplorer):
    """``model_devi_engine: lammps``: plain MD; DP-GEN explores where it chooses atoms."""

    @classmethod
    def of(cls, params: Params) -> Explorer:
        """That of a run: DP-GEN's for clusters of atoms and for electron temperatures."""
        if by_atoms(params.jdata) or with_electrons(params.jdata):
            return DpgenExplorer()
        return cls()
