"""Equal budgets: the models of each run that have the number of labels that all runs reach."""

from collections.abc import Sequence

from wtemlp.comparison.records import Run, Training
from wtemlp.comparison.result import Budget

TOLERANCE = 0.1  #: numbers of labels count as equal to this fraction of the larger one


def common_budget(runs: Sequence[Run]) -> Budget:
    """The largest number of labels that all runs reach, and each run's models nearest to it.

    Nothing is interpolated: the models that are compared were trained and tested.

    Parameters
    ----------
    runs : sequence of Run
        Those without a tested model are left out of it.

    Returns
    -------
    Budget
    """
    tested = {run.name: _tested(run) for run in runs}
    reached = {name: max(map(_count, found)) for name, found in tested.items() if found}
    if not reached:
        return Budget(None, False, "", {})
    labels = min(reached.values())
    chosen = {name: _nearest(found, labels) for name, found in tested.items() if found}
    counts = [_count(training) for training in chosen.values()]
    shortest = min(reached, key=lambda name: reached[name])
    limited = shortest if not close(labels, max(reached.values())) else ""
    return Budget(
        labels=labels,
        equal=close(min(counts), max(counts)),
        limited_by=limited,
        iterations={name: training.iteration for name, training in chosen.items()},
    )


def close(first: int, second: int) -> bool:
    """Whether two numbers of labels count as equal."""
    return abs(first - second) <= TOLERANCE * max(first, second)


def _tested(run: Run) -> list[Training]:
    return [one for one in run.trainings if one.tested and one.labels is not None]


def _count(training: Training) -> int:
    return training.labels or 0


def _nearest(found: Sequence[Training], labels: int) -> Training:
    """The training with the number of labels nearest to one; of two alike the later."""
    return min(found, key=lambda one: (abs(_count(one) - labels), -one.iteration))
