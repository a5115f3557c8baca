"""The loop: train, explore, select, label, until the models agree; each step can be repeated."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from wtemlp.analysis.frames import Decision, FrameTable, load_frames
from wtemlp.config.keys.labels import Picking
from wtemlp.config.records import MachineSection
from wtemlp.core.errors import CalculationError
from wtemlp.dispatch.dispatcher import run_tasks
from wtemlp.dispatch.tasks import Progress, Task, TaskResult, failure_of
from wtemlp.dispatch.times import stage_hours
from wtemlp.preflight.user_files import with_user_files
from wtemlp.records import state as states
from wtemlp.records.compatibility import EXHAUSTED, check_whole, dpgen_came_to, first_state
from wtemlp.records.state import RunState, Step
from wtemlp.records.summary import Summary, read_summary, save_summary
from wtemlp.session.progress import Reporter, StageProgress
from wtemlp.stages import label, select, train
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration import explore
from wtemlp.stages.exploration.biasfactor_limits import ceilings, held_back
from wtemlp.stages.exploration.clean_trajectories import clean
from wtemlp.workflow.import_dpgen import take_over
from wtemlp.workflow.repair import repair
from wtemlp.workflow.resume import made_otherwise, sound_step

CONVERGED = "converged"


class Loop:
    """One run: its input, its state and whom it tells.

    Parameters
    ----------
    context : RunContext
    reporter : Reporter
    on_change : callable, optional
        Called after each step, and while tasks run.
    """

    def __init__(
        self,
        context: RunContext,
        reporter: Reporter,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self.context, self.reporter, self.on_change = context, reporter, on_change
        self.paths = context.paths
        self.state = self._begin()
        for line in (*context.params.warnings, *context.machines.warnings):
            reporter.say(f"warning: {line}")
        exploring = self.state.step in (Step.RUN_EXPLORE, Step.POST_EXPLORE)
        if exploring and not self.state.finished:
            self.mind_changed_job()

    def run(self) -> RunState:
        """Do all steps that are left.

        Returns
        -------
        RunState
            The state at the end; its ``finished`` says why the run ended.
        """
        if self.state.finished:
            self.reporter.say(f"this run is finished: {self.state.finished}")
        while not self.state.finished:
            self.step()
            self.on_change()
        return self.state

    def step(self) -> None:
        """Do the next step, and note that it is done; the time of one that is not counts, too."""
        began = time.monotonic()
        try:
            getattr(self, STEPS[self.state.step])()
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
        self._advance()

    def _begin(self) -> RunState:
        fresh = first_state(self.context.params, self.context.machines, self.paths)
        old = states.load(self.paths)
        came = dpgen_came_to(self.paths, old)
        check_whole(self.paths, old, came, fresh)
        if old is not None:
            states.check_same(self.paths, old, fresh)
        if came is not None:
            old = take_over(self.context, old or fresh, came, self.reporter.say)
        if old is None:
            states.save(self.paths, fresh)
            return fresh
        current = replace(
            old,
            trust=fresh.trust,
            n_iterations=fresh.n_iterations,
            params=fresh.params,
            machine=fresh.machine,
            init_data=fresh.init_data,
        )
        if old.finished == EXHAUSTED and fresh.n_iterations > old.iteration:
            # The parameter file got more jobs: the last training is that of a new iteration.
            current = replace(current, finished="", step=Step.MAKE_EXPLORE, final=None)
        states.record_back(self.paths, current)  # the last call may have been killed before it
        if current.finished:
            return current
        states.check_iterations(self.paths, current)
        repair(self.context, current, self.reporter.say)
        if made_otherwise(self.context, current):
            self.reporter.say(
                f"iteration {current.iteration} explores anew: whether DP-GEN "
                "chooses has changed in the parameter file"
            )
            current = replace(current, step=Step.MAKE_EXPLORE)
        step, missing = sound_step(self.paths, current)
        if missing is not None:
            self.reporter.say(f"{missing} has gone: going back")
            current = replace(current, step=step)
        self.reporter.say(
            f"going on in iteration {current.iteration} with step {current.step.words}"
        )
        return current

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
        with self._summary() as row:
            row.n_train_frames = train.frames_before(self.context, self.state.iteration)

    def run_train(self) -> None:
        """Train, freeze, compress and test them."""
        tasks, common = train.tasks(self.context, self.state.iteration)
        folder = self.paths.train(self.state.iteration)
        section = self.context.machines.train
        failed = self._run(tasks, common, folder, section, train.done_steps)
        if failed:  # an ensemble wants all its models, whatever ratio_failed says
            raise failure_of(folder, [train.how_far(r, tasks) for r in failed], len(tasks))

    def post_train(self) -> None:
        """Link the models and note their errors."""
        errors = train.collect(self.context, self.state.iteration)
        with self._summary() as row:
            row.add_errors(errors)
            if errors:
                self._say(
                    f"validation: {row.energy_rmse_meV_atom:.2f} meV/atom, "
                    f"{row.force_rmse_meV_A:.0f} meV/A"
                )

    # -- explore
    def mind_changed_job(self) -> None:
        """Say so, if the walkers were prepared from another entry than the file has now."""
        explore.mind_changed_job(self.context, self.state.iteration, self.reporter.say)

    def make_explore(self) -> None:
        """Prepare the walkers."""
        earlier = range(self.state.iteration)
        rows = [(i, row.walkers) for i in earlier if (row := read_summary(self.paths.summary(i)))]
        lowered = explore.prepare(self.context, self.state.iteration, ceilings(rows))
        for note in lowered:
            self._say(note["text"])
        with self._summary() as row:
            row.lowered = lowered

    def run_explore(self) -> None:
        """Run NVT, measure sigma and run WTE with the models."""
        tasks, common = explore.tasks(self.context, self.state.iteration)
        folder = self.paths.explore(self.state.iteration)
        section = self.context.machines.model_devi
        # Not clean: a walker that was interrupted goes on from its checkpoint, if it has one.
        clean = not explore.goes_on(self.context, self.state.iteration)
        failed = self._run(tasks, common, folder, section, explore.done_steps, clean=clean)
        allowed = self.context.params.ratio_failed * len(tasks)
        if failed and (len(failed) > allowed or len(failed) == len(tasks)):
            raise failure_of(folder, failed, len(tasks))
        self._say_failed(failed)
        explore.leave_out(self.context, self.state.iteration, failed)

    def post_explore(self) -> None:
        """Note what the walkers saw."""
        frames, walkers = explore.collect(self.context, self.state.iteration)
        stopped = [walker for walker in walkers if walker["stopped"]]
        for walker in stopped:
            self._say(f"walker {walker['name']} was stopped: {walker['stopped']}")
        for line in explore.remarks(self.context, self.state.iteration):
            self._say(line)
        explore.write_distributions(self.context, self.state.iteration)
        with self._summary() as row:
            row.walkers, row.explored = walkers, len(frames)

    # -- select and label
    def make_label(self) -> None:
        """Decide on every frame and prepare the labelling of the chosen ones."""
        frames, _ = explore.collect(self.context, self.state.iteration)
        decided = select.decide(self.context, self.state.iteration, frames)
        label.prepare(self.context, self.state.iteration, decided)
        self._note_decisions(decided)

    def _note_decisions(self, decided: FrameTable) -> None:
        with self._summary() as row:
            row.accurate = decided.judged(Decision.ACCURATE)
            row.candidate = decided.judged(Decision.CANDIDATE)
            row.failed = decided.judged(Decision.FAILED)
            row.selected = decided.count(Decision.SELECTED)
            row.selection = self.context.params.selection.method
            how = ", picked at random from all," if row.selection == Picking.RANDOM else ""
            self._say(
                f"{len(decided)} frames: {row.accurate} accurate, {row.candidate} candidates, "
                f"{row.failed} failed; {row.selected}{how} go to the reference method"
            )
        if not row.selected:
            self._nothing_to_learn(row)

    def _nothing_to_learn(self, row: Summary) -> None:
        """No frame is to be labelled: well, if the models agree; else the run leads nowhere."""
        if row.explored and row.accurate >= row.explored / 2:
            return
        stopped = [walker for walker in row.walkers if walker["stopped"]]
        any_frame = row.selection == Picking.RANDOM and len(stopped) < len(row.walkers)
        if row.candidate or any_frame:
            what = f"{row.explored} frames" if any_frame else f"{row.candidate} candidates"
            self._say(
                f"warning: none of the {what} is labelled, being fewer than fp_task_min or refused "
                "by fp_skip_bad_box, so the next iteration has the same models; change these keys"
            )
            return
        if len(stopped) < len(row.walkers):
            self._say(
                "warning: most frames are beyond the upper trust level and none is labelled, so "
                "the next iteration has the same models; raise model_devi_f_trust_hi, or lower "
                "the temperature or the bias factor"
            )
            return
        self._go_back(Step.MAKE_EXPLORE)
        raise CalculationError(
            f"{self.paths.explore(self.state.iteration)}: all {len(stopped)} walkers were stopped "
            f"and no frame is left to learn from; {stopped[0]['name']}: {stopped[0]['stopped']}; "
            f"change model_devi_jobs[{self.state.iteration}] (lower bias factor or temperature, "
            "fewer steps, a wider guard) or the initial data; the iteration then explores anew"
        )

    def run_label(self) -> None:
        """Label them with the reference method."""
        for line in label.take_by_hand(self.context, self.state.iteration):
            self._say(line)
        tasks, common = label.tasks(self.context, self.state.iteration)
        folder = self.paths.label(self.state.iteration)
        failed = self._run(tasks, common, folder, self.context.machines.fp, lambda _: 0)
        label.note_failures(self.context, self.state.iteration, failed)
        if not failed or label.may_fail(self.context, self.state.iteration):
            return
        try:
            label.collect(self.context, self.state.iteration)  # counts the frames without a label
        except CalculationError as error:
            raise failure_of(folder, failed, len(tasks)) from error
        self._say_failed(failed)

    def post_label(self) -> None:
        """Turn labels into training data, and see whether the models have converged."""
        try:
            labelled, reasons = self.collect_labels()
        except CalculationError:
            self._go_back(Step.RUN_LABEL)
            raise
        with self._summary() as row:
            row.labelled, row.label_failures = labelled, len(reasons)
        for name, reason in reasons.items():
            self._say(f"no label for {name}: {reason}")
        for line in label.remarks(self.context, self.state.iteration):
            self._say(line)
        self._say(f"{labelled} frames labelled")
        if cleaned := clean(self.context, self.state.iteration):
            self._say(f"trajectories of {len(cleaned)} walkers are removed (model_devi_clean_traj)")
        if self.state.final is None and self._converged():
            self._say("converged: the next training is the last")
            self.state = replace(self.state, final=self.state.iteration + 1)

    def collect_labels(self) -> tuple[int, dict[str, str]]:
        """Read the labels: how many there are, and why a frame has none."""
        return label.collect(self.context, self.state.iteration)

    def _converged(self) -> bool:
        """Whether the accurate fraction has been high for long enough."""
        rule = self.context.params.convergence
        if rule is None or self.state.iteration + 1 < rule.iterations:
            return False
        recent = range(self.state.iteration + 1 - rule.iterations, self.state.iteration + 1)
        if not all(self.paths.explored(index).exists() for index in recent):
            return False  # of a dpgen run that was taken over: nobody knows
        rows = (read_summary(self.paths.summary(index)) for index in recent)
        if any(row is not None and held_back(row.walkers) for row in rows):
            return False  # what was asked for has not been explored
        tables = (load_frames(self.paths.explored(index)) for index in recent)
        return all(select.accurate_ratio(table) >= rule.accurate_ratio for table in tables)

    # -- common to all
    def _go_back(self, step: Step) -> None:
        """Have the next call begin with an earlier step of this iteration."""
        self.state = replace(self.state, step=step)
        states.record_back(self.paths, self.state)
        states.save(self.paths, self.state)

    def _run(
        self,
        tasks: Sequence[Task],
        common: Sequence[str],
        folder: Path,
        section: MachineSection,
        done_steps: Callable[[Path], int],
        clean: bool = True,
    ) -> list[TaskResult]:
        """Run a stage's tasks; those that failed."""
        if not tasks:
            return []
        tasks = with_user_files(tasks, section, self.paths.root)
        results: list[TaskResult] = []
        title = (
            f"iteration {self.state.iteration} of {self.state.n_iterations}: "
            f"{self.state.step.stage}"
        )

        def run(show: Callable[[Progress], None]) -> None:
            def on_progress(counts: Progress) -> None:
                show(counts)
                self.on_change()

            results.extend(
                run_tasks(
                    tasks,
                    work_dir=folder,
                    common_files=common,
                    section=section,
                    on_progress=on_progress,
                    clean=clean,
                )
            )

        self.reporter.follow(StageProgress(title, tasks, done_steps), run)
        cores, gpus = stage_hours(tasks, section)
        with self._summary() as row:
            row.core_hours[self.state.step.stage] = round(cores, 6)
            row.gpu_hours[self.state.step.stage] = round(gpus, 6)
        return [result for result in results if not result.ok]

    def _say_failed(self, failed: Sequence[TaskResult]) -> None:
        for result in failed:
            self._say(f"left out, as ratio_failed allows: {result.message.splitlines()[0]}")

    @contextmanager
    def _summary(self) -> Iterator[Summary]:
        """The row of the current iteration, saved afterwards."""
        file = self.paths.summary(self.state.iteration)
        row = read_summary(file) or Summary(self.state.iteration)
        yield row
        save_summary(file, row)

    def _add_seconds(self, seconds: float) -> None:
        with self._summary() as row:
            stage = self.state.step.stage
            row.seconds[stage] = round(row.seconds.get(stage, 0.0) + seconds, 2)

    def _say(self, text: str) -> None:
        self.reporter.say(f"iteration {self.state.iteration}: {text}")


#: What is done in each step: a method of :class:`Loop`.
STEPS: dict[Step, str] = {
    Step.MAKE_TRAIN: "make_train",
    Step.RUN_TRAIN: "run_train",
    Step.POST_TRAIN: "post_train",
    Step.MAKE_EXPLORE: "make_explore",
    Step.RUN_EXPLORE: "run_explore",
    Step.POST_EXPLORE: "post_explore",
    Step.MAKE_LABEL: "make_label",
    Step.RUN_LABEL: "run_label",
    Step.POST_LABEL: "post_label",
}
