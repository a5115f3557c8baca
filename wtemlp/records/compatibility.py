"""How a run begins, and whether a command may go on with the run that is there."""

import json
import platform
import time
from dataclasses import replace

from wtemlp.config.records import Machines, Params
from wtemlp.core import paths as names
from wtemlp.core import shell_hints
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.core.versions import installed_versions
from wtemlp.records import state
from wtemlp.records.pins import differences, in_words, reference_pins
from wtemlp.records.state import EXHAUSTED, Done, RunState, Step, dpgen_came_to


def first_state(params: Params, machines: Machines, paths: RunPaths) -> RunState:
    """The state of a run that has nothing behind it."""
    return RunState(
        seed=params.seed,
        type_map=params.type_map,
        numb_models=params.numb_models,
        trust=tuple(zip(params.f_trust_lo, params.f_trust_hi, strict=True)),
        params=shell_hints.kept(params.source, paths.root),
        machine=shell_hints.kept(machines.source, paths.root),
        n_iterations=len(params.jobs),
        init_data=tuple(map(str, params.init_data_sys)),
        versions=installed_versions(),
        began=time.strftime("%Y-%m-%d %H:%M:%S"),
        platform=f"{platform.platform()}, Python {platform.python_version()}",
        references=((0, reference_pins(params, machines, paths.root)),),
    )


def check_run(
    params: Params, machines: Machines, paths: RunPaths, new_reference: bool = False
) -> None:
    """Refuse input that does not go with the run in the folder, before anything is written.

    Parameters
    ----------
    params : Params
    machines : Machines
    paths : RunPaths
    new_reference : bool
        Whether labels of another reference than the run's are accepted.

    Raises
    ------
    InputError
        As :func:`wtemlp.records.state.load`, :func:`check_same` and :func:`check_iterations`; or
        more is in the folder than is recorded;
        or the run is of ``dpgen run``, and of other elements or another number of models; or the
        reference is not the one that has labelled its frames.
    """
    old = state.load(paths)
    new = first_state(params, machines, paths)
    if old is not None:
        check_same(paths, old, new)
        if not new_reference:
            check_reference(paths, old, new)
    came = dpgen_came_to(paths, old)
    check_whole(paths, old, came, new)
    if came is not None:
        _check_dpgens_models(paths, came, new)
    current = moved_to(old or new, came, new.n_iterations)
    if not current.finished:
        check_iterations(paths, replace(current, n_iterations=new.n_iterations, params=new.params))


def check_same(paths: RunPaths, old: RunState, new: RunState) -> None:
    """Refuse to continue a run with parameters that would spoil it.

    Raises
    ------
    InputError
        If the seed, the elements or the number of models are not those of the run.
    """
    for key in ("seed", "type_map", "numb_models"):
        before, now = getattr(old, key), getattr(new, key)
        if before != now:
            raise InputError(
                f"{new.params}: {key}",
                f"{_text(now)}, but the run in {paths.root} has {_text(before)}",
                "keep it, or start in another folder (-C DIR)",
            )


def check_iterations(paths: RunPaths, state: RunState) -> None:
    """Refuse a parameter file that lacks the job of an iteration that has begun.

    Raises
    ------
    InputError
        If ``model_devi_jobs`` is shorter than what the run has behind it.
    """
    last = state.n_iterations
    if state.iteration > last or (state.iteration == last and state.step > Step.POST_TRAIN):
        raise InputError(
            f"{state.params}: model_devi_jobs",
            f"{last} jobs, but the run in {paths.root} is in iteration {state.iteration}",
            "keep the jobs of the iterations that have begun",
        )


def _text(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def check_reference(paths: RunPaths, old: RunState, new: RunState) -> None:
    """Refuse another reference than the one that has labelled frames of the run.

    Raises
    ------
    InputError
    """
    changes = reference_changes(old, new)
    if changes and has_labels(old):
        again = shell_hints.command("run", paths.root, new.params, new.machine)
        raise InputError(
            f"{new.params}: {next(iter(changes))}",
            "the reference is not the one that has labelled this run's frames "
            f"({in_words(changes)})",
            "put it back; or start in another folder (-C DIR); or, to train on labels of both from "
            f"here on, which the report will say: {again} --new-reference",
        )


def reference_changes(old: RunState, new: RunState) -> dict[str, tuple[str, str]]:
    """What the reference differs in from the last that the run had; none where that is unknown."""
    if not old.references or not new.references:
        return {}
    return differences(old.references[-1][1], new.references[-1][1])


def has_labels(old: RunState) -> bool:
    """Whether a run has frames that its reference has labelled, or is labelling."""
    return old.iteration > 0 or old.step > Step.MAKE_LABEL


def with_reference(old: RunState, new: RunState) -> RunState:
    """A run's state with the reference that labels from now on.

    Labels that are not read yet are calculated again, by the new one.

    Parameters
    ----------
    old, new : RunState
        The run's, and that of its input as it is now.
    """
    if old.references and not reference_changes(old, new):
        return old
    pins = new.references[-1][1]
    if not has_labels(old) or not old.references:
        return replace(old, references=((0, pins),))
    kept = tuple(one for one in old.references if one[0] < old.iteration)
    changed = replace(old, references=(*kept, (old.iteration, pins)))
    labelling = not old.finished and old.step in (Step.RUN_LABEL, Step.POST_LABEL)
    return replace(changed, step=Step.MAKE_LABEL) if labelling else changed


def check_whole(paths: RunPaths, old: RunState | None, came: Done | None, new: RunState) -> None:
    """As :func:`wtemlp.records.state.check_recorded`, unless wtemlp knows where the run stands.

    Parameters
    ----------
    paths : RunPaths
    old : RunState or None
        The run's state, if it has one.
    came : Done or None
        :func:`wtemlp.records.state.dpgen_came_to`.
    new : RunState
        That of a run that has nothing behind it.
    """
    if came is not None:
        state.check_recorded(paths, moved_to(old or new, came, new.n_iterations))
    elif old is None:
        state.check_recorded(paths, None)


def moved_to(current: RunState, came: Done | None, n_iterations: int) -> RunState:
    """A run's state after the steps that ``dpgen run`` has done in its folder.

    Parameters
    ----------
    current : RunState
    came : Done or None
        :func:`wtemlp.records.state.dpgen_came_to`.
    n_iterations : int
        Of the parameter file: the training after the last of them is the end.
    """
    if came is None:
        return current
    iteration, step = came.next()
    moved = replace(current, iteration=iteration, step=step, finished="", final=None)
    if came == Done(n_iterations, Step.POST_TRAIN):
        moved = replace(moved, step=came.step, finished=EXHAUSTED)
    return moved


def _check_dpgens_models(paths: RunPaths, came: Done, new: RunState) -> None:
    """Refuse a parameter file that is not that of the ``dpgen run`` in the folder."""
    folders = sorted(paths.train(came.iteration).glob("[0-9][0-9][0-9]"))
    here = f"but the dpgen run in {paths.root} has"
    if folders and len(folders) != new.numb_models:
        raise InputError(
            f"{new.params}: numb_models",
            f"{new.numb_models}, {here} {len(folders)} in iteration {came.iteration}",
            "keep it, or start in another folder (-C DIR)",
        )
    try:
        model = json.loads((folders[0] / names.TRAIN_INPUT).read_text())["model"]
        type_map = tuple(model.get("type_map", new.type_map))
    except (OSError, ValueError, KeyError, AttributeError, TypeError, IndexError):
        return  # what cannot be read is made anew
    if type_map != new.type_map:
        raise InputError(
            f"{new.params}: type_map",
            f"{' '.join(new.type_map)}, {here} {' '.join(type_map)}",
            "keep it, or start in another folder (-C DIR)",
        )
