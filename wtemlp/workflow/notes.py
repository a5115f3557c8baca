"""What a run says of its own numbers while it goes on."""

from collections.abc import Sequence
from pathlib import Path

from wtemlp.config.keys.labels import Picking
from wtemlp.config.records import Params
from wtemlp.core import shell_hints
from wtemlp.records.label_errors import LabelErrors
from wtemlp.records.state import RunState
from wtemlp.records.summary import Summary
from wtemlp.report.findings import RunFinding, findings
from wtemlp.stages.trust import ErrorLevels


class ToldFindings:
    """The findings that have been told, so that each is told once.

    Parameters
    ----------
    rows : sequence of Summary
        The iterations when the command began: what is found in them has been told.
    root : Path
        The run's folder, absolute.
    """

    def __init__(self, rows: Sequence[Summary], root: Path) -> None:
        self._root = root
        self._known = {(one.code, one.iteration) for one in findings(rows, root)}

    def new(self, rows: Sequence[Summary]) -> list[RunFinding]:
        """What is found now and was not before."""
        found = [
            one
            for one in findings(rows, self._root)
            if (one.code, one.iteration) not in self._known
        ]
        self._known |= {(one.code, one.iteration) for one in found}
        return found


def stops(params: Params, state: RunState, rows: Sequence[Summary], root: Path) -> list[RunFinding]:
    """What ``stop_on`` stops a run at, and its user has not gone on with.

    Only what is known of the current iteration, and of the labels of the one before, counts: what
    lies further back has been gone on with.
    """
    return [
        one
        for one in findings(rows, root)
        if one.code in params.stop_on
        and one.iteration >= state.iteration - 1
        and (one.code, one.iteration) not in state.accepted
    ]


def stopped_in_words(found: Sequence[RunFinding], root: Path, state: RunState) -> str:
    """Why a run is stopped, and how it goes on."""
    again = shell_hints.command("run", root, state.params, state.machine)
    return (
        f'{found[0].line}; the run is stopped, for stop_on names "{found[0].code}"; to go on '
        f"all the same: {again} --go-on"
    )


def decisions_in_words(row: Summary) -> str:
    """What was decided on the frames of an iteration."""
    ways = {"deviation": "", "random": ", picked at random from all,"}
    how = ways.get(row.selection, f", picked by {row.selection},")
    return (
        f"{row.explored} frames: {row.accurate} accurate, {row.candidate} candidates, "
        f"{row.failed} failed; {row.selected}{how} go to the reference method"
    )


def nothing_to_learn(row: Summary, root: Path) -> tuple[str, bool]:
    """Why no frame of an iteration is to be labelled.

    Returns
    -------
    str, bool
        For people, "" where all is well, because the models agree; and whether the exploration has
        led nowhere, so that it is to be done again with other parameters.
    """
    if row.explored and (row.accurate or 0) >= row.explored / 2:
        return "", False
    stopped = [walker for walker in row.walkers if walker.stopped]
    any_frame = row.selection != Picking.DEVIATION and len(stopped) < len(row.walkers)
    if row.candidate or any_frame:
        what = f"{row.explored} frames" if any_frame else f"{row.candidate} candidates"
        return (
            f"none of the {what} is labelled, being fewer than fp_task_min or refused "
            "by fp_skip_bad_box, so the next iteration has the same models; change these keys"
        ), False
    if len(stopped) < len(row.walkers):
        return (
            "most frames are beyond the upper trust level and none is labelled, so "
            f"the next iteration has the same models; raise {row.trust_keys[1]}, or lower "
            "the temperature or the bias factor"
        ), False
    return (
        f"all {len(stopped)} walkers were stopped "
        f"and no frame is left to learn from; {stopped[0].name}: {stopped[0].stopped}; "
        f"change model_devi_jobs[{row.iteration}] (lower bias factor or temperature, "
        "fewer steps, a wider guard): the iteration then explores anew; or give better initial "
        "data or longer trainings, and train on them with: "
        + shell_hints.there("rewind", root, f"{row.iteration}.train")
    ), True


def in_words(found: LabelErrors) -> str:
    """The errors on an iteration's new labels."""
    energy = found.energy_rmse_meV_atom
    words = "" if energy is None else f"{energy:.3g} meV/atom (offset removed), "
    words += f"{found.force_rmse_meV_A:.3g} meV/A"
    if found.ratio is not None:
        words += f"; errors are {found.ratio:.2g} times the deviation"
    return f"before training: {words}"


def levels_in_words(levels: ErrorLevels | None) -> str:
    """Trust levels that are made of errors."""
    if levels is None:
        return (
            "too few errors on labels are known yet: the levels are model_devi_f_trust_lo and _hi"
        )
    return (
        f"trust levels {1e3 * levels.lo_eV_A:.3g} and {1e3 * levels.hi_eV_A:.3g} meV/A: "
        f"errors are {levels.ratio:.2g} times the deviation at the upper one, and grow with its "
        f"power {levels.power:.2g} ({levels.labels} labels)"
    )
