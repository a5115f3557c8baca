"""What a run's numbers say that its user should know, each with a remedy.

Thresholds, severity and words are here and nowhere else: the page, ``wtemlp status`` and the run
itself, at that moment and at its end, show what :func:`findings` finds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from wtemlp.core import shell_hints
from wtemlp.core.formatting import duration
from wtemlp.records.summary import Summary

WORSE_FORCE, WORSE_ENERGY = 1.25, 1.5  #: times the best before, of the validation errors
WORSE_MEV_A, WORSE_MEV_ATOM = 5.0, 1.0  #: and by so much
NEW_WORSE = 2.0  #: times the iteration before, of the errors on new labels
UNSURE = 5.0  #: error over deviation: the labels are outside of what the models thought possible
SILENT_RANK, SILENT_LABELS = 0.2, 20  #: rank correlation over so many labels that says nothing
MISSED = 1.3  #: factor between the errors of new labels and those that the levels stood for
FEW_SHARE, FEW_CANDIDATES = 0.03, 3  #: labels of the training data; candidates for each label
REDUNDANT = 1.1  #: errors of new labels over those of the validation data
OVERFIT = 2.0  #: error on the validation data over that on the training data
SIBLING = 3.0  #: times the median of the other models
STOPPED_SHARE = 0.5  #: of the walkers
FEW_ENERGIES = 10.0  #: independent ones that sigma is of
WAITED_SHARE, WAITED_S = 0.5, 600.0  #: of a stage's wall time, and at least so long


class Severity(IntEnum):
    """How much it matters."""

    NOTE = 0
    WARNING = 1


@dataclass(frozen=True)
class RunFinding:
    """One thing that was found in an iteration."""

    code: str
    iteration: int
    severity: Severity
    what: str
    remedy: str

    @property
    def line(self) -> str:
        """For people."""
        word = "warning: " if self.severity is Severity.WARNING else ""
        return f"{word}iteration {self.iteration}: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class _Rule:
    code: str
    severity: Severity
    remedy: str
    """May name the way back to its training, ``{back}``, the ``{model}`` least like its siblings,
    and the keys of the ``{lower}`` and the ``{upper}`` trust level."""
    find: Callable[[Sequence[Summary], int], str]  #: what is the matter; "": nothing


def findings(rows: Sequence[Summary], root: Path) -> list[RunFinding]:
    """All that is found in a run, the newest iteration first, what matters more before the rest.

    Parameters
    ----------
    rows : sequence of Summary
        The iterations in their order, as far as they have come.
    root : Path
        The run's folder, absolute: commands in remedies are for it.
    """
    found = []
    for place, row in enumerate(rows):
        for rule in RULES:
            if what := rule.find(rows, place):
                back = shell_hints.there("rewind", root, f"{row.iteration}.train")
                lower, upper = row.trust_keys
                remedy = rule.remedy.format(back=back, model=_unlike(row), lower=lower, upper=upper)
                found.append(RunFinding(rule.code, row.iteration, rule.severity, what, remedy))
    return sorted(found, key=lambda one: (-one.iteration, -one.severity))


def _worse(rows: Sequence[Summary], k: int) -> str:
    now = rows[k]
    before = [row for row in rows[:k] if row.force_rmse_models]
    if not now.force_rmse_models or not before:
        return ""
    best = min(before, key=_force)
    said = []
    if _force(now) > WORSE_FORCE * _force(best) and _force(now) > _force(best) + WORSE_MEV_A:
        said.append(f"of forces from {_force(best):.3g} to {_force(now):.3g} meV/A")
    lowest = min(before, key=_energy)
    if (
        _energy(now) > WORSE_ENERGY * _energy(lowest)
        and _energy(now) > _energy(lowest) + WORSE_MEV_ATOM
    ):
        said.append(f"of energies from {_energy(lowest):.3g} to {_energy(now):.3g} meV/atom")
    if not said:
        return ""
    return f"the run gets worse: errors on the validation data grew, {' and '.join(said)}"


def _force(row: Summary) -> float:
    """Of the middle model: one that trained badly is another finding."""
    return float(np.median(row.force_rmse_models))


def _energy(row: Summary) -> float:
    models = row.energy_shifted_models or row.energy_rmse_models
    return float(np.median(models)) if models else np.inf


def _new_worse(rows: Sequence[Summary], k: int) -> str:
    now, before = rows[k].new_labels, rows[k - 1].new_labels if k else None
    if now is None or before is None or not now.force_rmse_meV_A or not before.force_rmse_meV_A:
        return ""
    if now.force_rmse_meV_A < NEW_WORSE * before.force_rmse_meV_A:
        return ""
    return (
        f"the models' errors on its new labels are {now.force_rmse_meV_A:.3g} meV/A, "
        f"{before.force_rmse_meV_A:.3g} on those of the iteration before"
    )


def _unsure(rows: Sequence[Summary], k: int) -> str:
    new = rows[k].new_labels
    if new is None or new.ratio is None or new.ratio < UNSURE:
        return ""
    return (
        f"its labels are outside of what the models thought possible: errors are {new.ratio:.2g} "
        f"times the deviation ({new.frames} labels)"
    )


def _silent(rows: Sequence[Summary], k: int) -> str:
    new = rows[k].new_labels
    if new is None or new.rank_correlation is None or new.frames < SILENT_LABELS:
        return ""
    if new.rank_correlation > SILENT_RANK:
        return ""
    return (
        "the committee is not calibrated: its deviation says nothing about its error (rank "
        f"correlation {new.rank_correlation:.2f} over {new.frames} labels)"
    )


def _missed(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    new, used = row.new_labels, row.trust_ratio
    if new is None or not new.ratio or not used:
        return ""
    if row.trust_power and row.trust and new.deviation_meV_A:
        used *= (new.deviation_meV_A / 1e3 / row.trust[0][1]) ** (row.trust_power - 1)
    factor = new.ratio / used
    if 1 / MISSED <= factor <= MISSED:
        return ""
    return (
        f"the committee is not calibrated: errors of its labels are {factor:.2g} times those that "
        "its trust levels stood for"
    )


def _no_candidate(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    if not row.explored or row.candidate or row.candidate is None:
        return ""
    if (row.accurate or 0) >= row.explored / 2:
        return f"no candidate is left: {row.accurate} of {row.explored} frames are accurate"
    return ""


def _all_failed(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    if not row.explored or row.candidate or row.candidate is None:
        return ""
    if (row.accurate or 0) < row.explored / 2:
        return f"no candidate: {row.failed} of {row.explored} frames are above the upper level"
    return ""


def _few(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    if not row.labelled or not row.n_train_frames or row.candidate is None:
        return ""
    if row.labelled >= FEW_SHARE * row.n_train_frames:
        return ""
    if row.candidate < FEW_CANDIDATES * row.labelled:
        return ""
    return (
        f"{row.labelled} labels are few beside {row.n_train_frames} frames that are trained on, "
        f"and there are {row.candidate} candidates"
    )


def _redundant(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    if row.new_labels is None or not row.new_labels.force_rmse_meV_A or not row.force_rmse_models:
        return ""
    if row.new_labels.force_rmse_meV_A > REDUNDANT * _force(row):
        return ""
    return (
        f"its labels teach little: errors on them are {row.new_labels.force_rmse_meV_A:.3g} meV/A, "
        f"{_force(row):.3g} on the validation data"
    )


def _overfit(rows: Sequence[Summary], k: int) -> str:
    row = rows[k]
    if not row.force_rmse_trained or not row.force_rmse_models:
        return ""
    trained = float(np.median(row.force_rmse_trained))
    if not trained or _force(row) < OVERFIT * trained:
        return ""
    return (
        f"the models are over-fitted, or the validation data unlike the others: {_force(row):.3g} "
        f"meV/A there, {trained:.3g} on what was trained on"
    )


def _sibling(rows: Sequence[Summary], k: int) -> str:
    worst, said = _unlike(rows[k]), []
    for models, unit in _errors_of_models(rows[k]):
        others = np.delete(models, worst)
        if models[worst] > SIBLING * np.median(others) > 0:
            said.append(
                f"{models[worst]:.3g} {unit} beside {others.min():.3g} to {others.max():.3g}"
            )
    return f"model {worst} trained unlike its siblings: {', '.join(said)}" if said else ""


def _unlike(row: Summary) -> int:
    """The model that is least like its siblings."""
    by_model: dict[int, float] = {0: 0.0}
    for models, _ in _errors_of_models(row):
        for model, error in enumerate(models):
            middle = float(np.median(np.delete(models, model)))
            if middle > 0:
                by_model[model] = max(by_model.get(model, 0.0), error / middle)
    return max(by_model, key=lambda model: by_model[model])


def _errors_of_models(row: Summary) -> list[tuple[list[float], str]]:
    """Errors on the validation data, with their units, where there are enough models to tell."""
    found = (
        (row.energy_shifted_models or row.energy_rmse_models, "meV/atom"),
        (row.force_rmse_models, "meV/A"),
    )
    return [(models, unit) for models, unit in found if len(models) >= 3]


def _stopped(rows: Sequence[Summary], k: int) -> str:
    walkers = rows[k].walkers
    stopped = [one for one in walkers if one.stopped]
    if not stopped or len(stopped) < STOPPED_SHARE * len(walkers):
        return ""
    return f"{len(stopped)} of {len(walkers)} walkers were stopped ({stopped[0].stopped})"


def _poor_sigma(rows: Sequence[Summary], k: int) -> str:
    poor = [
        one
        for one in rows[k].walkers
        if one.n_nvt
        and one.statistical_inefficiency
        and one.n_nvt / one.statistical_inefficiency < FEW_ENERGIES
    ]
    if not poor:
        return ""
    one = min(poor, key=lambda w: w.n_nvt / (w.statistical_inefficiency or 1))
    n = one.n_nvt / (one.statistical_inefficiency or 1)
    return (
        f"sigma of NVT, on which the bias is built, is of {n:.2g} independent energies in "
        f"{len(poor)} of {len(rows[k].walkers)} walkers"
    )


def _waited(rows: Sequence[Summary], k: int) -> str:
    row, said = rows[k], []
    for stage, idle in row.waited.items():
        if idle >= WAITED_S and idle > WAITED_SHARE * row.seconds.get(stage, np.inf):
            whole = duration(row.seconds[stage])
            said.append(f"{duration(idle)} of {whole} of its {stage} stage")
    return f"time is lost: no task ran in {' and '.join(said)}" if said else ""


def _beyond_sel(rows: Sequence[Summary], k: int) -> str:
    words = rows[k].beyond_sel
    return f"frames that were selected have {words}, and sel is less" if words else ""


RULES = (
    _Rule(
        "worse",
        Severity.WARNING,
        "likely causes: trainings too short for the data that were added, labels that contradict "
        "the initial data, too small a cut-off or network, frames from too high a bias factor; go "
        "back with: {back}",
        _worse,
    ),
    _Rule(
        "new labels worse",
        Severity.WARNING,
        "the exploration goes where the models know nothing: a lower bias factor, temperature or "
        "upper trust level first, more labels (fp_task_max), longer trainings",
        _new_worse,
    ),
    _Rule(
        "unsure",
        Severity.WARNING,
        "the trust levels then stand for much larger errors: give them as errors "
        '("trust": {{"error_meV_A": [...]}}), or train longer',
        _unsure,
    ),
    _Rule(
        "silent",
        Severity.WARNING,
        'frames chosen by it are as good as random ones ("selection": {{"method": "random"}}); '
        "longer trainings, or a wider window of trust levels, may give it a meaning",
        _silent,
    ),
    _Rule(
        "missed",
        Severity.WARNING,
        "they are made anew of these labels; if it goes on, the models change too much between "
        "iterations: more labels (fp_task_max), or longer trainings",
        _missed,
    ),
    _Rule(
        "no candidate",
        Severity.NOTE,
        "nothing more is learnt under these conditions: a higher bias factor or temperature, other "
        "structures, lower trust levels, or an end (convergence)",
        _no_candidate,
    ),
    _Rule(
        "all failed",
        Severity.WARNING,
        "raise {upper}, or lower the temperature or the bias factor",
        _all_failed,
    ),
    _Rule(
        "beyond sel",
        Severity.WARNING,
        "the models, and LAMMPS without a word, leave neighbours out: give a larger sel and train "
        "from iteration 0 in another folder, with these labels among the initial data",
        _beyond_sel,
    ),
    _Rule("few labels", Severity.NOTE, "raise fp_task_max", _few),
    _Rule(
        "redundant",
        Severity.NOTE,
        "raise {lower}, pick frames further apart (selection.min_steps_apart), or explore further",
        _redundant,
    ),
    _Rule(
        "over-fitted",
        Severity.NOTE,
        "more labels, shorter trainings or a smaller network; validation data as those trained on",
        _overfit,
    ),
    _Rule(
        "sibling",
        Severity.WARNING,
        "its deviations make the mean look worse, and frames that are known candidates; train it "
        "again, with another seed: {back} --model {model}",
        _sibling,
    ),
    _Rule(
        "stopped",
        Severity.WARNING,
        "a lower bias factor or temperature, fewer steps, or more data first",
        _stopped,
    ),
    _Rule("poor sigma", Severity.WARNING, "raise wte.nvt_steps", _poor_sigma),
    _Rule(
        "waited",
        Severity.NOTE,
        "larger groups of tasks (resources.group_size), or another queue",
        _waited,
    ),
)
