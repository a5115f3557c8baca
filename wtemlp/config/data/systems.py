"""A system of labelled data, read whole: what a training or its user would stumble over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.neighbours import heights
from wtemlp.config.data.files import TYPE_INDEX, TYPE_NAMES, DataFault, System

MIXED = "real_atom_types"
CHUNK = 1 << 23  #: numbers that are looked at at once: 64 MB
FAR_EV_ATOM = 20.0  #: from the median of a system: no temperature does that
FLAT_A = 1.0  #: a cell with opposite faces closer than this has no room for an atom
#: Numbers of a frame: of the whole, and of each atom.
_OF_FRAME = {"box": 9, "energy": 1, "virial": 9, "numb_copy": 1}
_OF_ATOM = {
    "coord": 3,
    "force": 3,
    "atom_ener": 1,
    "atom_virial": 9,
    "atomic_virial": 9,
    "spin": 3,
    "force_mag": 3,
    MIXED: 1,
}
_MUST = ("coord", "energy", "force")
_DEFAULT = ("box", "numb_copy")  #: asked for elsewhere; 1 where it is not given


@dataclass(frozen=True)
class Needed:
    """What a training asks of its data."""

    type_map: tuple[str, ...]
    fparam: int = 0  #: numbers of each frame that the network reads; 0: none
    aparam: int = 0  #: of each atom


@dataclass(frozen=True)
class SetOfFrames:
    """A ``set.*`` that is sound."""

    name: str
    coords: np.ndarray  #: (n_frames, 3 n_atoms), Angstrom; perhaps not in memory
    forces: np.ndarray  #: likewise, eV/Angstrom
    boxes: np.ndarray | None  #: (n_frames, 9), Angstrom; None: no periodic images
    types: np.ndarray  #: (n_atoms,) or, of mixed type, (n_frames, n_atoms); -1: no atom
    energies: np.ndarray  #: (n_frames,), eV


@dataclass(frozen=True)
class LookedAt:
    """A system, what is wrong with it, and what it has."""

    system: System
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()  #: what is no reason to refuse it
    n_atoms: int = 0
    mixed: bool = False
    sets: tuple[SetOfFrames, ...] = ()
    composition: Mapping[str, int] = field(default_factory=dict)  #: of a frame; empty: mixed

    @property
    def n_frames(self) -> int:
        """Labelled frames."""
        return sum(len(one.energies) for one in self.sets)

    @property
    def summary(self) -> str:
        """Frames, atoms and energies in a line."""
        of = ", ".join(f"{name} {count}" for name, count in self.composition.items())
        atoms = f"{self.n_atoms} atoms ({of or 'mixed types'})"
        per_atom = [one.energies / max(self.n_atoms, 1) for one in self.sets]
        lowest, highest = min(map(np.min, per_atom)), max(map(np.max, per_atom))
        images = "" if self.sets[0].boxes is not None else ", no periodic images"
        frames = f"{self.n_frames} frame{'s' if self.n_frames != 1 else ''}"
        return f"{frames} of {atoms}, energies {lowest:.4f} to {highest:.4f} eV/atom{images}"


def look_at(system: System, needed: Needed, show: Callable[[Path], str]) -> LookedAt:
    """Read a system whole.

    Parameters
    ----------
    system : System
    needed : Needed
        What the training asks of it.
    show : callable
        A path, for people.
    """
    return _Look(system, needed, show).look()


class _Look:
    """One system; problems are gathered, so that all are told at once."""

    def __init__(self, system: System, needed: Needed, show: Callable[[Path], str]) -> None:
        self.system, self.needed = system, needed
        self.name = system.name.replace(str(system.path), show(system.path), 1)
        self.problems: list[str] = []
        self.hints: list[str] = []
        self.turned = 0
        self.names: tuple[str, ...] = ()  #: of the numbers in type.raw

    def look(self) -> LookedAt:
        found = LookedAt(self.system)
        types = self._types()
        if types is not None:
            found = self._sets(types)
        if self.turned:
            self.hints.append(
                f"{self.name}: the cells of {self.turned} frames do not lie along x "
                "and xy; a training takes them as they are"
            )
        return replace(found, problems=tuple(self.problems), hints=tuple(self.hints))

    def _wrong(self, what: str) -> None:
        self.problems.append(f"{self.name}{what}")

    def _told(self, error: DataFault) -> None:
        shown = self.name.partition("#")[0]
        self.problems.append(str(error).replace(str(self.system.path), shown, 1))

    def _types(self) -> np.ndarray | None:
        """``type.raw`` as numbers of the model's types."""
        try:
            words, names = self.system.words(TYPE_INDEX) or [], self.system.words(TYPE_NAMES)
            types = np.array([int(word) for word in words])
        except DataFault as error:
            self._told(error)
            return None
        except ValueError:
            self._wrong(f"/{TYPE_INDEX} must hold one integer per atom")
            return None
        type_map = self.needed.type_map
        if not len(types):
            self._wrong(f"/{TYPE_INDEX} is empty: must hold one integer per atom")
            return None
        if types.min() < 0:
            self._wrong(f"/{TYPE_INDEX} holds {types.min()}: types are numbered from 0")
            return None
        known = type_map if names is None else tuple(names)
        if unknown := [name for name in known if name not in type_map]:
            self._wrong(f"/{TYPE_NAMES} names {', '.join(unknown)}, which type_map lacks: add it")
            return None
        if twice := sorted({name for name in known if known.count(name) > 1}):
            self._wrong(f"/{TYPE_NAMES} names {', '.join(twice)} twice: correct it")
            return None
        if types.max() >= len(known):
            listed = (
                f"type_map has {len(known)} elements"
                if names is None
                else (f"{TYPE_NAMES} names {len(known)}")
            )
            self._wrong(f"/{TYPE_INDEX} holds type {types.max()}, but {listed}: name them all")
            return None
        if names is None and len(type_map) > 1:
            self._say_taken(types)
        self.names = known
        own: np.ndarray = np.array([type_map.index(name) for name in known])[types]
        return own

    def _say_taken(self, types: np.ndarray) -> None:
        counts = ", ".join(
            f"{kind} as {self.needed.type_map[kind]} ({count} atoms)"
            for kind, count in zip(*np.unique(types, return_counts=True), strict=True)
        )
        self.hints.append(
            f"{self.name} has no {TYPE_NAMES}: its types are taken as those of "
            f"type_map, {counts}; write {TYPE_NAMES}, an element a line"
        )

    def _sets(self, types: np.ndarray) -> LookedAt:
        try:
            sets, periodic = self.system.sets(), not self.system.has("nopbc")
        except DataFault as error:
            self._told(error)
            return LookedAt(self.system)
        if not sets:
            raw = self.system.has("coord.raw")
            self._wrong(
                " is deepmd/raw, which dp train does not read: convert it to deepmd/npy"
                if raw
                else " has no set.*, where labelled frames are"
            )
        self._look_at_names(list(sets))
        self._in_all(sets)
        mixed = [name for name, arrays in sets.items() if MIXED in arrays]
        sound = [self._set(name, arrays, types, periodic) for name, arrays in sets.items()]
        names = self.needed.type_map
        kinds, counts = np.unique(types, return_counts=True)
        composition = {names[kind]: int(n) for kind, n in zip(kinds, counts, strict=True)}
        if not mixed:
            self._energies([one for one in sound if one is not None], len(types))
        return LookedAt(
            self.system,
            n_atoms=len(types),
            mixed=bool(mixed),
            sets=tuple(one for one in sound if one is not None),
            composition={} if mixed else composition,
        )

    def _in_all(self, sets: Mapping[str, Mapping[str, Path | str]]) -> None:
        """That sets have the same arrays.

        PyTorch's trainings and ``dp test`` ask one frame of a batch, or the first set, whether
        there is a label, and take zeros for it where there is none.
        """
        for key in sorted(
            {key for arrays in sets.values() for key in arrays} - {*_MUST, *_DEFAULT}
        ):
            has = [name for name, arrays in sets.items() if key in arrays]
            lacking = [name for name, arrays in sets.items() if arrays and key not in arrays]
            if lacking:
                self._wrong(
                    f": {key}.npy is in {has[0]}, but not in {lacking[0]}: move the sets without "
                    "it into a system of their own"
                )

    def _look_at_names(self, names: Sequence[str]) -> None:
        """Sets that may be there by mistake, or not be there by one."""
        for name in names:
            if not name.partition(".")[2].isdigit():
                self.hints.append(
                    f"{self.name}/{name} is trained on like the other sets: call a copy otherwise"
                )
        numbers = sorted(int(end) for name in names if (end := name.partition(".")[2]).isdigit())
        there = set(numbers)
        lacking = numbers[-1] + 1 - len(there) if numbers else 0
        if lacking:
            gaps = (number for number in range(numbers[-1]) if number not in there)
            missing = ", ".join(f"set.{number:03d}" for number in islice(gaps, 5))
            more = f" and {lacking - 5} more" if lacking > 5 else ""
            self.hints.append(
                f"{self.name} has {len(names)} sets up to set.{numbers[-1]:03d}, "
                f"without {missing}{more}: see that none was forgotten"
            )

    def _energies(self, sets: Sequence[SetOfFrames], n_atoms: int) -> None:
        """Tell of energies that cannot be of one system, as of what did not converge."""
        if not sets:
            return
        middle = float(np.median(np.concatenate([one.energies for one in sets])))
        for one in sets:
            off = (one.energies - middle) / n_atoms
            far = int(np.argmax(np.abs(off)))
            if (count := int((np.abs(off) > FAR_EV_ATOM).sum())) > 0:
                more = f" (and of {count - 1} more)" if count > 1 else ""
                self.hints.append(
                    f"{self.name}/{one.name}: the energy of frame {far} (counted from 0){more} is "
                    f"{off[far]:+.3g} eV/atom off the median: not converged, or in another unit?"
                )

    def _set(
        self, name: str, where: Mapping[str, Path | str], types: np.ndarray, periodic: bool
    ) -> SetOfFrames | None:
        """A set; None if it has faults."""
        before, arrays = len(self.problems), {}
        for key, file in where.items():
            try:
                arrays[key] = self.system.array(file)
            except DataFault as error:
                self._told(error)
        must = [
            *_MUST,
            *(["box"] if periodic else []),
            *(["fparam"] if self.needed.fparam else []),
            *(["aparam"] if self.needed.aparam else []),
        ]
        for key in must:
            if key not in where:
                also = " (or, for a system without periodic images, an empty file nopbc)"
                self._wrong(f"/{name} has no {key}.npy{also if key == 'box' else ''}")
        if (coords := arrays.get("coord")) is not None:
            self._shapes(name, arrays, coords, len(types))
            for key, array in arrays.items():
                self._finite(f"/{name}/{key}.npy", array)
            if len(self.problems) == before and periodic:
                self._boxes(f"/{name}/box.npy", arrays["box"])
            if len(self.problems) == before and MIXED in arrays:
                types = self._mixed(f"/{name}/{MIXED}.npy", arrays[MIXED])
        if len(self.problems) > before or coords is None:
            return None
        if "virial" in arrays:
            self._zero_virials(f"/{name}/virial.npy", arrays["virial"], arrays["force"])
        energies = np.asarray(arrays["energy"], dtype=float).reshape(-1)
        boxes, forces = arrays["box"] if periodic else None, arrays["force"]
        return SetOfFrames(name, coords, forces, boxes, types, energies)

    def _shapes(
        self, name: str, arrays: Mapping[str, np.ndarray], coords: np.ndarray, n_atoms: int
    ) -> None:
        if coords.ndim != 2 or coords.shape[1] != 3 * n_atoms:
            self._wrong(
                f"/{name}/coord.npy has the shape {coords.shape}, must be (frames, "
                f"{3 * n_atoms}): {TYPE_INDEX} has {n_atoms} atoms"
            )
            return
        if not len(coords):
            self._wrong(f"/{name} has no frames: remove it")
            return
        widths = {**_OF_FRAME, **{key: n * n_atoms for key, n in _OF_ATOM.items()}}
        if self.needed.fparam:
            widths["fparam"] = self.needed.fparam
        if self.needed.aparam:
            widths["aparam"] = self.needed.aparam * n_atoms
        for key, array in arrays.items():
            width, n = widths.get(key), len(coords)
            frames = array.shape[0] if array.ndim else 1
            if frames != n or not array.ndim or (width and array.size != n * width):
                form = (
                    f"({n}, {width})"
                    if width and width > 1
                    else f"({n},)"
                    if width
                    else (f"{n} frames")
                )
                self._wrong(
                    f"/{name}/{key}.npy has the shape {array.shape}, must be {form}: "
                    f"coord.npy has {n} frames of {n_atoms} atoms"
                )

    def _finite(self, file: str, array: np.ndarray) -> None:
        if array.dtype.kind != "f" or not array.ndim:
            return
        bad = [first + row for first, rows in chunks(array) for row in _not_finite(rows)]
        if bad:
            more = f" (and in {len(bad) - 1} more)" if bad[1:] else ""
            row = array[bad[0]].reshape(-1)
            value = row[~np.isfinite(row)][0]
            what = "NaN" if np.isnan(value) else "an infinite number"
            self._wrong(f"{file} holds {what} in frame {bad[0]} (counted from 0){more}")

    def _boxes(self, file: str, array: np.ndarray) -> None:
        cells = np.asarray(array, dtype=float).reshape(-1, 3, 3)
        volumes, low = np.linalg.det(cells), heights(cells).min(axis=1)
        for bad, what in (
            (
                np.flatnonzero(low < FLAT_A),
                "a cell without a volume: correct it, or write an empty "
                "file nopbc for a system without periodic images",
            ),
            (
                np.flatnonzero((volumes < 0) & (low >= FLAT_A)),
                "a left-handed cell: swap two of its "
                "vectors, and the coordinates' and forces' components if they go with them",
            ),
        ):
            if len(bad):
                more = f" (and in {len(bad) - 1} more)" if len(bad) > 1 else ""
                self._wrong(f"{file} has in frame {bad[0]} (counted from 0){more} {what}")
        above = np.abs(cells[:, [0, 0, 1], [1, 2, 2]]).max(axis=1, initial=0)
        self.turned += int((above > 1e-4 * np.abs(cells).max(axis=(1, 2))).sum())

    def _zero_virials(self, file: str, virials: np.ndarray, forces: np.ndarray) -> None:
        """Tell of zeros that stand for a virial that was not calculated: there are forces."""
        zero = np.flatnonzero(~np.any(virials.reshape(len(virials), -1), axis=1))
        if count := sum(bool(np.any(forces[frame])) for frame in zero):
            self.hints.append(
                f"{self.name}{file} holds zeros in {count} frames that have forces, and is trained "
                "on: remove it, or these frames, where the virial was not calculated"
            )

    def _mixed(self, file: str, array: np.ndarray) -> np.ndarray:
        kinds = np.asarray(array)
        if np.any(kinds != np.round(kinds)) or kinds.min() < -1 or kinds.max() >= len(self.names):
            bad = np.flatnonzero(
                np.any(
                    (kinds < -1) | (kinds >= len(self.names)) | (kinds != np.round(kinds)), axis=-1
                )
            )[0]
            self._wrong(
                f"{file} holds in frame {bad} (counted from 0) a type that {TYPE_NAMES} "
                f"does not name: must be 0 to {len(self.names) - 1}, or -1 for no atom"
            )
            return kinds
        own = np.array([*map(self.needed.type_map.index, self.names), -1])
        mapped: np.ndarray = own[kinds.astype(int).reshape(len(kinds), -1)]
        return mapped


def chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """An array's rows, some at a time, with the place of the first."""
    step = max(1, CHUNK // max(1, array[:1].size))
    for first in range(0, len(array), step):
        yield first, array[first : first + step]


def _not_finite(rows: np.ndarray) -> NDArray[np.int64]:
    """Places of the rows that have NaN or an infinite number."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.sum(rows)):  # the quick way, without a copy
            return np.array([], dtype=np.int64)
    bad = ~np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)
    return np.flatnonzero(bad)
