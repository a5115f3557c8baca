"""Labels that were made elsewhere, taken into the run that waits for them."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from wtemlp.config.keys.labels import ReferenceCheck
from wtemlp.core import shell_hints
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.formatting import some
from wtemlp.core.paths import RunPaths
from wtemlp.preflight import agreement, data_trial
from wtemlp.records import data_check
from wtemlp.records import state as states
from wtemlp.reference import by_hand
from wtemlp.reference.base import Labels
from wtemlp.session.lock import locked
from wtemlp.session.session import run_log
from wtemlp.session.told import Told
from wtemlp.stages import label_frames, labels_by_hand
from wtemlp.workflow.labels import SCRIPT, LabelJob, WaitingRun, WantedFrame, copy

log = logging.getLogger("wtemlp.run")
XYZ = (".xyz", ".extxyz")
NONE_CAME = "no label came back"


def take(root: Path, source: Path, remark: str = "", last: bool = False) -> Told:
    """Take labels in.

    Parameters
    ----------
    root : Path
        The run's folder, absolute.
    source : Path
        An extended XYZ file, or an exported folder with such files or with outputs.
    remark : str, optional
        What is kept with the labels: who made them, and how.
    last : bool, optional
        Whether no more come: frames without a label are left out.

    Returns
    -------
    Told
        What was taken, and what was not and why.

    Raises
    ------
    InputError
        If the run waits for no labels, there are none, or they are in other units or of another
        method; nothing is taken.
    """
    said: list[str] = []
    states.of_run(RunPaths(root))  # before the lock: nothing is written where there is no run
    with locked(RunPaths(root)), run_log(RunPaths(root), said.append):
        waiting = WaitingRun(root)
        found = Imported(waiting, source)
        told = found.check()
        taken = found.keep(remark)
        missing = waiting.missing()
        if last:
            for folder in missing:
                by_hand.leave_out(folder, NONE_CAME)
        lines = [*said, *found.problems, *told, f"{taken} labels of {source} are taken"]
        again = shell_hints.command("run", root, *waiting.files)
        if missing and last:
            lines.append(f"{len(missing)} frames are left out: {NONE_CAME}")
        elif missing:
            names = some([folder.name for folder in missing])
            lines.append(f"{len(missing)} frames still wait: {names}")
        if last or not missing:
            lines.append(f"go on with: {again}")
        else:
            more = shell_hints.labels("import", root)
            without = f"{shell_hints.labels('import', root, source)} --last"
            lines.append(f"take more in with: {more}; or leave them out with: {without}")
        for line in lines:
            log.info("labels import: %s", line)
    facts = {
        "source": str(source),
        "taken": taken,
        "problems": [*found.problems, *told],
        "missing": [folder.name for folder in missing],
        "left_out": last,
    }
    return Told(lines, facts)


class Imported:
    """The labels that have come back, looked at.

    Parameters
    ----------
    waiting : WaitingRun
    source : Path

    Raises
    ------
    InputError
        If there are none.
    """

    def __init__(self, waiting: WaitingRun, source: Path) -> None:
        self.waiting, self.source = waiting, source
        self.problems: list[str] = []
        self.singles: dict[str, tuple[WantedFrame, by_hand.Returned, Labels]] = {}
        self.outputs: list[tuple[LabelJob, Path, Labels]] = []
        frames = waiting.frames()
        if source.is_dir():
            self._look_at_outputs()
            files = sorted(file for file in source.iterdir() if file.suffix in XYZ)
        elif source.is_file():
            files = [source]
        else:
            raise InputError(str(source), "is not there", "give the file or folder of the labels")
        for file in files:
            try:
                rows = [one for one in by_hand.returned(file) if one.is_labelled]
            except ValueError as error:
                raise InputError(str(file), f"is no extended XYZ: {error}") from error
            self._look_at(rows, frames)
        if not self.singles and not self.outputs:
            why = f": {self.problems[0]}" if self.problems else ""
            remedy = f"give an extended XYZ file with energy and forces, or the folder of {SCRIPT}"
            raise InputError(str(source), f"there is no label of a frame that waits{why}", remedy)

    def _look_at_outputs(self) -> None:
        for job in (*self.waiting.jobs, *self.waiting.initial):
            folder = self.source / job.name
            names = [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]
            if not any(labels_by_hand.is_result(name, job.task) for name in names):
                continue
            try:
                labels = self.waiting.labeller_of(job).collect(folder, job.frames)
            except CalculationError as error:
                self.problems.append(f"{job.name}: {error}")
                continue
            why = [reason for reason in labels.reasons if reason]
            if (labels.ok | labels.refused).any():
                self.outputs.append((job, folder, labels))
            self.problems += [f"{job.name}: {reason}" for reason in dict.fromkeys(why)]

    def _look_at(self, rows: Sequence[by_hand.Returned], frames: Mapping[str, WantedFrame]) -> None:
        """Find the frames of labels: by name, else by their positions."""
        type_map, unnamed = self.waiting.params.type_map, 0
        left = dict(frames)
        for number, row in enumerate(rows, 1):
            where = f"{row.source}, frame {number}"
            if row.name and row.name not in frames:
                self.problems.append(f"{where}: {row.name} does not wait for a label")
                continue
            names = [row.name] if row.name else list(left)
            why = "its positions are those of no frame that waits"
            for name in names:
                labels = row.label(frames[name].frames, type_map)
                if labels.ok[0] or labels.refused[0]:
                    self.singles[name] = (frames[name], row, labels)
                    left.pop(name, None)
                    unnamed += not row.name
                    why = labels.reasons[0]
                    break
                if row.name:
                    why = labels.reasons[0]
            if why:
                self.problems.append(f"{where} ({row.name or 'without a name'}): {why}")
        if unnamed:
            said = f"{unnamed} frames without {by_hand.NAME} were found by their positions"
            self.problems.append(said)

    def check(self) -> list[str]:
        """Hold the labels against what is known; what a user should know of them, a line each.

        Raises
        ------
        InputError
            If they are in other units, or of another method than the initial data, and
            ``reference_check`` is "refuse".
        """
        params = self.waiting.params
        pairs = [(one.stored, labels) for one, _, labels in self.singles.values() if one.stored]
        pairs += [(job.stored, labels) for job, _, labels in self.outputs if job.stored]
        held = [data_trial.held(one, labels, imported=True) for one, labels in pairs]
        units = self._units([] if held else data_trial.frames_to_hold(params, self.waiting.root))
        lines = [*data_trial.lines(held), *units]
        problems = [f"{one.system}: {'; '.join(one.problems)}" for one in held if one.problems]
        problems += units
        if problems and params.reference_check == ReferenceCheck.REFUSE:
            raise InputError(
                str(self.source),
                "; ".join(problems),
                "nothing is taken in; give labels in eV and Angstrom, of the reference of the "
                'initial data; if both are right as they are, write "reference_check": "warn"',
            )
        if held and not problems:
            data_check.save(self.waiting.held, held)
        elif self.waiting.initial and not held:
            lines.append(
                "units and method of the forces are not looked at: no frame of the initial data is "
                "among the labels"
            )
        return lines

    def _units(self, data: Sequence[data_trial.Stored]) -> list[str]:
        """What is wrong with the units, by what the models and the initial data say."""
        run, iteration = self.waiting.context, self.waiting.iteration
        place = run.paths.label(iteration)
        values: dict[str, float] = {}
        sizes: list[float] = []
        found = [(job.frames.names, labels) for job, _, labels in self.outputs if not job.stored]
        found += [
            ((one.folder.name,), labels)
            for one, _, labels in self.singles.values()
            if not one.stored
        ]
        for names, labels in found:
            values |= dict(zip(names, labels.energies.tolist(), strict=True))
            sizes += [agreement.rms(own) for own in labels.forces[labels.ok]]
        of_models = {
            name: label_frames.frame_record(run, iteration, place / name).energy_eV
            for name in values
        }
        known = {name: eV for name, eV in of_models.items() if eV is not None}
        both = [values[name] for name in known], list(known.values())
        unit = agreement.energy_unit(*both)
        lines = [f"the energies seem to be in {unit}, by what the models say"] if unit else []
        of_forces = agreement.force_unit(sizes, [agreement.rms(one.forces_eV_A) for one in data])
        if of_forces:
            lines.append(f"the forces seem to be in {of_forces}, by those of the initial data")
        return lines

    def keep(self, remark: str) -> int:
        """Keep the labels in the run's folder; how many are of frames that were explored."""
        taken = 0
        for job, folder, labels in self.outputs:
            for pattern in job.task.backward:
                for file in sorted(folder.glob(pattern)):
                    copy(file, job.task.folder / file.relative_to(folder))
            by_hand.forget(job.task.folder)
            labels_by_hand.accept(job.task, str(self.source), remark)
            taken += 0 if job.stored else int((labels.ok | labels.refused).sum())
        for one, row, _ in self.singles.values():
            by_hand.keep(one.folder, row, remark)
            taken += one.stored is None
        return taken
