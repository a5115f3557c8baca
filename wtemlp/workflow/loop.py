"""The loop: train, explore, select, label, until the models agree; each step can be repeated."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from wtemlp.analysis.frames import Decision, FrameTable
from wtemlp.config.records import MachineSection
from wtemlp.core.atomic_io import size_of
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.tasks import StageTasks, TaskResult, failure_of
from wtemlp.dispatch.times import idle_seconds, stage_hours
from wtemlp.records import inputs
from wtemlp.records import state as states
from wtemlp.records.pins import Pins
from wtemlp.records.state import EXHAUSTED, RunState, Step
from wtemlp.records.summary import Summary, read_summary, save_summary, summaries
from wtemlp.report.findings import RunFinding
from wtemlp.session.progress import Reporter
from wtemlp.session.stage import run_stage
from wtemlp.stages import label_frames, new_labels, train
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.clean_trajectories import clean
from wtemlp.stages.labels_by_hand import LabelsAreMissing
from wtemlp.stages.protocols import Submit
from wtemlp.stages.registry import explorer_of
from wtemlp.stages.training_steps import done_steps, how_far, require_whole
from wtemlp.stages.trust import note_levels
from wtemlp.workflow.convergence import converged
from wtemlp.workflow.notes import (
    ToldFindings,
    decisions_in_words,
    in_words,
    levels_in_words,
    nothing_to_learn,
    stopped_in_words,
    stops,
)
from wtemlp.workflow.resume import begin

CONVERGED = "converged"
#: The last steps of train, explore, select and label.
ENDS = (Step.POST_TRAIN, Step.POST_EXPLORE, Step.MAKE_LABEL, Step.POST_LABEL)


class Loop:
    """One run: its input, its state and whom it tells.  :meth:`open` makes that of a folder.

    Parameters
    ----------
    context : RunContext
    state : RunState
        Where the run stands.
    reporter : Reporter
    on_change : callable, optional
        Called after each step, and while tasks run.
    """

    def __init__(
        self,
        context: RunContext,
        state: RunState,
        reporter: Reporter,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self.context, self.state = context, state
        self.reporter, self.on_change = reporter, on_change
        self.paths, self.explorer = context.paths, explorer_of(context.params)
        self.written = inputs.written(context.params)
        self._found = ToldFindings(summaries(context.paths), context.paths.root)

    @classmethod
    def open(
        cls,
        context: RunContext,
        reporter: Reporter,
        on_change: Callable[[], object] = lambda: None,
        new_reference: bool = False,
        go_on: bool = False,
    ) -> "Loop":
        """The loop of a run's folder: from the beginning, or from where the run stands.

        What was lost of an unfinished run is read again, or made again from an earlier step on.

        Parameters
        ----------
        context : RunContext
        reporter : Reporter
        on_change : callable, optional
            As of the class.
        new_reference : bool, optional
            Whether another reference than that of the run is accepted.
        go_on : bool, optional
            Whether it goes on with what ``stop_on`` stops it at now.

        Raises
        ------
        InputError
            If the parameters are not those of the run.
        CalculationError
            If labelled frames are missing, and what they were read from, too.
        """
        state = begin(context, reporter.say, new_reference)
        loop = cls(context, state, reporter, on_change)
        for line in (*context.params.warnings, *context.machines.warnings):
            reporter.say(f"warning: {line}")
        exploring = loop.state.step in (Step.RUN_EXPLORE, Step.POST_EXPLORE)
        if exploring and not loop.state.finished:
            changed = loop.explorer.changed(context, loop.state.iteration)
            if changed:
                reporter.say(changed)
        if go_on:
            found = tuple((one.code, one.iteration) for one in loop._stops())
            loop.state = replace(loop.state, accepted=(*loop.state.accepted, *found))
            states.save(loop.paths, loop.state)
        return loop

    def _stops(self) -> list[RunFinding]:
        return stops(self.context.params, self.state, summaries(self.paths), self.paths.root)

    def run(self, one_stage: bool = False) -> RunState:
        """Do all steps that are left.

        Parameters
        ----------
        one_stage : bool
            Whether to stop after the next stage: train, explore, select or label.

        Returns
        -------
        RunState
            The state at the end; its ``finished`` says why the run ended.  A run whose labels are
            made by hand ends where they are missing.

        Raises
        ------
        CalculationError
            If a stage failed, or at what ``stop_on`` names.
        """
        if self.state.finished:
            self.reporter.say(f"this run is finished: {self.state.finished}")
        while not self.state.finished:
            if found := self._stops():
                raise CalculationError(stopped_in_words(found, self.paths.root, self.state))
            done = self.state.step
            try:
                self.step()
            except LabelsAreMissing as wait:
                self._say(str(wait))
                break
            self.on_change()
            if one_stage and done in ENDS:
                break
        return self.state

    def step(self) -> None:
        """Do the next step, and note that it is done; the time of one that is not counts, too."""
        began = time.monotonic()
        try:
            STEPS[self.state.step](self)
        except BaseException as error:
            with suppress(OSError):
                self._add_seconds(time.monotonic() - began)
            if not isinstance(error, FileNotFoundError):
                raise
            raise CalculationError(
                f"{error.filename} has gone, which step {self.state.step.words} of iteration "
                f"{self.state.iteration} needs; give the same command again: it goes back "
                "to where that is made"
            ) from error
        self._add_seconds(time.monotonic() - began)
        for one in self._found.new(summaries(self.paths)):
            self.reporter.say(one.line)
        self._advance()

    def _advance(self) -> None:
        done, self.state = self.state, self.state.next()
        final = done.final if done.final is not None else done.n_iterations
        if done.step is Step.POST_TRAIN and done.iteration >= final:
            reason = EXHAUSTED if done.final is None else CONVERGED
            self.state = replace(done, step=Step.POST_TRAIN, finished=reason)
        # In this order: a record that is ahead of the state is DP-GEN's.
        states.save(self.paths, self.state)
        states.record(self.paths, done.iteration, done.step)

    # -- train
    def make_train(self) -> None:
        """Prepare the training of four models on all labelled frames."""
        train.prepare(self.context, self.state.iteration)
        self._keep_input(inputs.data_pins(self.context.params, self.paths))
        with self._summary() as row:
            row.n_train_frames = train.frames_before(self.context, self.state.iteration)

    def run_train(self) -> None:
        """Train, freeze, compress and test them."""
        tasks, common = train.tasks(self.context, self.state.iteration)
        stage = StageTasks(tasks, self.paths.train(self.state.iteration), common, done_steps)
        failed = self._run(stage, self.context.machines.train, allowed=len(tasks))
        if failed:  # an ensemble needs all its models, whatever ratio_failed says
            raise failure_of(stage.folder, [how_far(one, tasks) for one in failed], len(tasks))
        require_whole([task.folder for task in tasks])

    def post_train(self) -> None:
        """Link the models and note their errors."""
        errors = train.collect(self.context, self.state.iteration)
        with self._summary() as row:
            row.add_errors(errors)
            row.force_rmse_trained = train.trained_errors(self.context, self.state.iteration)
            if errors:
                self._say(
                    f"validation: {row.energy_rmse_meV_atom:.2f} meV/atom, "
                    f"{row.force_rmse_meV_A:.0f} meV/A"
                )
        self._note_new_labels()

    def _note_new_labels(self) -> None:
        """Note how the models before this training did on the labels that it has added."""
        before = self.state.iteration - 1
        found = new_labels.collect(self.context, self.state.iteration)
        if found is None:
            return
        with self._summary(before) as row:
            row.new_labels = found
        self._say(f"the {found.frames} labels of iteration {before}, {in_words(found)}")

    # -- explore
    def make_explore(self) -> None:
        """Prepare the walkers."""
        earlier = range(self.state.iteration)
        before = [row for index in earlier if (row := read_summary(self.paths.summary(index)))]
        lowered = self.explorer.prepare(self.context, self.state.iteration, before)
        self._keep_input()
        for note in lowered:
            self._say(note.text)
        with self._summary() as row:
            row.lowered = lowered

    def run_explore(self) -> None:
        """Explore with the models."""
        submit = self._submit(self.context.machines.model_devi)
        self._say_failed(self.explorer.run(self.context, self.state.iteration, submit))

    def post_explore(self) -> None:
        """Note what the walkers saw."""
        frames, walkers = self.explorer.collect(self.context, self.state.iteration)
        stopped = [walker for walker in walkers if walker.stopped]
        for walker in stopped:
            self._say(f"walker {walker.name} was stopped: {walker.stopped}")
        for line in self.explorer.remarks(self.context, self.state.iteration):
            self._say(line)
        with self._summary() as row:
            row.walkers = walkers
            row.explored = row.explored if frames is None else len(frames)

    # -- select and label
    def make_label(self) -> None:
        """Decide on every frame and prepare the labelling of the chosen ones."""
        labelling = self.explorer.labelling
        decided = labelling.choose(self.context, self.state.iteration)
        self._keep_input(self.state.references[-1][1] if self.state.references else {})
        self._note_decisions(decided)

    def _keep_input(self, pins: Pins | None = None) -> None:
        """Keep what the stage that has been prepared was prepared with."""
        given = inputs.StageInput(self.written, pins or {})
        inputs.keep(self.paths, self.state.iteration, self.state.step.stage, given)

    def _note_decisions(self, decided: FrameTable) -> None:
        with self._summary() as row:
            row.explored, row.accurate = len(decided), decided.judged(Decision.ACCURATE)
            row.candidate = decided.judged(Decision.CANDIDATE)
            row.failed = decided.judged(Decision.FAILED)
            row.selected = decided.count(Decision.SELECTED)
            row.selection = self.context.params.selection.method
            row.beyond_sel = label_frames.neighbours_beyond_sel(self.context, row.iteration)
            levels = note_levels(self.context, row)
            if self.context.params.trust is not None:
                self._say(levels_in_words(levels))
            self._say(decisions_in_words(row))
        if not row.selected:
            self._nothing_to_learn(row)

    def _nothing_to_learn(self, row: Summary) -> None:
        """No frame is to be labelled: well, if the models agree; else the run leads nowhere."""
        words, leads_nowhere = nothing_to_learn(row, self.paths.root)
        if leads_nowhere:
            self._go_back(Step.MAKE_EXPLORE)
            raise CalculationError(f"{self.paths.explore(self.state.iteration)}: {words}")
        if words:
            self._say(f"warning: {words}")

    def run_label(self) -> None:
        """Label them with the reference method."""
        for line in self.explorer.labelling.by_hand(self.context, self.state.iteration):
            self._say(line)
        submit = self._submit(self.context.machines.fp)
        self._say_failed(self.explorer.labelling.run(self.context, self.state.iteration, submit))

    def post_label(self) -> None:
        """Turn labels into training data, and see whether the models have converged."""
        try:
            labelled, reasons = self.explorer.labelling.collect(self.context, self.state.iteration)
        except CalculationError:
            self._go_back(Step.RUN_LABEL)
            raise
        with self._summary() as row:
            row.labelled, row.label_failures = labelled, len(reasons)
            row.disk_MB = round(size_of(self.paths.iteration(self.state.iteration)) / 1e6, 3)
        for name, reason in reasons.items():
            self._say(f"no label for {name}: {reason}")
        for line in self.explorer.labelling.remarks(self.context, self.state.iteration):
            self._say(line)
        self._say(f"{labelled} frames labelled")
        if cleaned := clean(self.context, self.state.iteration):
            self._say(f"trajectories of {len(cleaned)} walkers are removed (model_devi_clean_traj)")
        if self.state.final is None and converged(self.context, self.state.iteration):
            self._say("converged: the next training is the last")
            self.state = replace(self.state, final=self.state.iteration + 1)

    # -- common to all
    def _go_back(self, step: Step) -> None:
        """Have the next call begin with an earlier step of this iteration."""
        self.state = replace(self.state, step=step)
        states.record_back(self.paths, self.state)
        states.save(self.paths, self.state)

    def _submit(self, section: MachineSection) -> Submit:
        """What runs the tasks of a stage for those that explore and label."""

        def submit(stage: StageTasks, allowed: int = 0) -> list[TaskResult]:
            return self._run(stage, section, allowed)

        return submit

    def _run(
        self, stage: StageTasks, section: MachineSection, allowed: int = 0
    ) -> list[TaskResult]:
        """Run a stage's tasks, and note what they took; those that failed."""
        title = (
            f"iteration {self.state.iteration} of {self.state.n_iterations}: "
            f"{self.state.step.stage}"
        )
        began, root, change = time.time(), self.paths.root, self.on_change
        try:
            failed = run_stage(
                stage, title, section, root, self.reporter, allowed=allowed, on_change=change
            )
        except CalculationError:
            self._note_hours(stage, section, began)
            raise
        self._note_hours(stage, section, began)
        return failed

    def _note_hours(self, stage: StageTasks, section: MachineSection, began: float) -> None:
        if not stage.tasks:
            return
        cores, gpus = stage_hours(stage.tasks, section)
        idle, name = idle_seconds(stage.tasks, began, time.time()), self.state.step.stage
        with self._summary() as row:
            row.core_hours[name], row.gpu_hours[name] = round(cores, 6), round(gpus, 6)
            row.waited[name] = round(row.waited.get(name, 0.0) + idle, 2)

    def _say_failed(self, failed: Sequence[TaskResult]) -> None:
        for result in failed:
            self._say(f"left out, as ratio_failed allows: {result.message.splitlines()[0]}")

    @contextmanager
    def _summary(self, iteration: int | None = None) -> Iterator[Summary]:
        """The row of an iteration, by default the current one, saved afterwards."""
        index = self.state.iteration if iteration is None else iteration
        file = self.paths.summary(index)
        row = read_summary(file) or Summary(index)
        yield row
        save_summary(file, row)

    def _add_seconds(self, seconds: float) -> None:
        with self._summary() as row:
            stage = self.state.step.stage
            row.seconds[stage] = round(row.seconds.get(stage, 0.0) + seconds, 2)

    def _say(self, text: str) -> None:
        self.reporter.say(f"iteration {self.state.iteration}: {text}")


#: What is done in each step.
STEPS: dict[Step, Callable[[Loop], None]] = {
    Step.MAKE_TRAIN: Loop.make_train,
    Step.RUN_TRAIN: Loop.run_train,
    Step.POST_TRAIN: Loop.post_train,
    Step.MAKE_EXPLORE: Loop.make_explore,
    Step.RUN_EXPLORE: Loop.run_explore,
    Step.POST_EXPLORE: Loop.post_explore,
    Step.MAKE_LABEL: Loop.make_label,
    Step.RUN_LABEL: Loop.run_label,
    Step.POST_LABEL: Loop.post_label,
}
