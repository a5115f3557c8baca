"""How dense and how dilute the labelled frames are: what the models know of volumes.

A walker at constant pressure may be where they are, whatever it was like at its start
(:mod:`wtemlp.md.wte_guard`).  Only frames of its own composition count, and no single atoms: those
in a large box say nothing of a density.  Nor do frames that differ from the starting structure's
volume of an atom by more than :data:`CLUSTER`: they are molecules in vacuum, not strained matter.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from wtemlp.config.data.files import TYPE_INDEX, TYPE_NAMES, DataFault, System, systems_in
from wtemlp.stages.context import RunContext
from wtemlp.stages.exploration.starting_structures import Start

CLUSTER = 3.0  #: factor; strained copies to 1.35 of the length have 2.5 times the volume
Shares = tuple[tuple[str, float], ...]  #: of each element, by name


class DataVolumes:
    """The volumes of an atom in the labelled frames before an iteration, by composition.

    Parameters
    ----------
    context : RunContext
    iteration : int
    """

    def __init__(self, context: RunContext, iteration: int) -> None:
        found: dict[Shares, list[np.ndarray]] = {}
        for system in _systems(context, iteration):
            shares, volumes = _volumes(system, context.params.type_map)
            if len(volumes):
                found.setdefault(shares, []).append(volumes)
        self._by_shares = {shares: np.concatenate(many) for shares, many in found.items()}

    def of(self, start: Start) -> tuple[float, float] | None:
        """The smallest and the largest volume of a structure's atoms, Angstrom^3; None: unknown."""
        n_atoms = sum(start.atoms.values())
        ratios = self._by_shares.get(_shares(start.atoms), np.empty(0)) * n_atoms / start.volume_A3
        known = ratios[(ratios > 1 / CLUSTER) & (ratios < CLUSTER)]
        if not len(known):
            return None
        return float(known.min() * start.volume_A3), float(known.max() * start.volume_A3)


def _systems(context: RunContext, iteration: int) -> Iterator[System]:
    folders = [context.paths.root / system for system in context.params.init_data_sys]
    for index in range(iteration):
        folders += sorted(context.paths.label(index).glob("data.*"))
    for folder in folders:
        yield from systems_in(folder)


def _volumes(system: System, type_map: tuple[str, ...]) -> tuple[Shares, np.ndarray]:
    """Composition, and volumes of an atom (Angstrom^3) of the frames that have a cell."""
    try:
        kinds = [int(word) for word in system.words(TYPE_INDEX) or []]
        names = system.words(TYPE_NAMES) or list(type_map)
        sets = system.sets().values()
        # Frames of several compositions have their types elsewhere.
        if len(kinds) < 2 or system.has("nopbc") or any("real_atom_types" in s for s in sets):
            return (), np.empty(0)
        boxes = [np.asarray(system.array(one["box"])) for one in sets if "box" in one]
        atoms = Counter(names[kind] for kind in kinds)
    except (DataFault, ValueError, IndexError):
        return (), np.empty(0)  # the training says what is wrong with them
    if not boxes:
        return (), np.empty(0)
    cells = np.concatenate(boxes).reshape(-1, 3, 3).astype(float)
    return _shares(atoms), np.abs(np.linalg.det(cells)) / len(kinds)


def _shares(atoms: Mapping[str, int]) -> Shares:
    total = sum(atoms.values())
    return tuple(sorted((name, round(n / total, 6)) for name, n in atoms.items() if n))
