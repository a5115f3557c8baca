"""All initial and validation data of a run, read whole before it begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.neighbours import closest_pairs
from wtemlp.config.data.copies import marks
from wtemlp.config.data.files import HDF5, DataFault, Entry, data_entries, systems_in
from wtemlp.config.data.neighbour_limits import SelFrame, beyond_sel
from wtemlp.config.data.systems import LookedAt, Needed, SetOfFrames, look_at
from wtemlp.config.records import TENSORFLOW
from wtemlp.config.schema.section import Section
from wtemlp.config.training import PLAIN, descriptors, training_members
from wtemlp.core.errors import InputError

INIT, VALIDATION = "init_data_sys", "validation_data_sys"
SHOWN = 20  #: problems, systems
OVERLAP_A, CLOSE_A = 0.1, 0.4  #: refused; told: no chemical bond is shorter than 0.74
PAIR_ATOMS = 150_000  #: atoms in all frames whose shortest distances are looked at
SEL_ATOMS = 20_000  #: atoms in all frames whose neighbours are counted


@dataclass(frozen=True)
class Named:
    """A system, and the item of the parameter file that names it."""

    key: str
    index: int
    name: str  #: for people
    found: LookedAt


@dataclass(frozen=True)
class DataReport:
    """What there is, and what is wrong with it."""

    problems: tuple[InputError, ...]
    warnings: tuple[str, ...]  #: lines ``file: key: what``
    systems: tuple[Named, ...] = ()
    sampled: str = ""  #: what was looked at in some frames only

    @property
    def shown(self) -> list[InputError]:
        """The first problems, and how many more there are."""
        more = len(self.problems) - SHOWN
        first = list(self.problems[:SHOWN])
        if more > 0:
            where = self.problems[0].where
            first.append(InputError(where, f"and {more} more problems of the data"))
        return first

    def summaries(self) -> Iterator[tuple[str, str]]:
        """Key, and a line about each system, those of too many together."""
        for key in (INIT, VALIDATION):
            named = [one for one in self.systems if one.key == key]
            for one in named[:SHOWN]:
                yield f"{key}[{one.index}]", f"{one.name}: {one.found.summary}"
            if rest := named[SHOWN:]:
                frames = sum(one.found.n_frames for one in rest)
                yield key, f"and {len(rest)} more systems, with {frames} frames"
        if self.sampled and not self.problems:
            yield INIT, self.sampled


def look_at_data(params: Section, root: Path, type_map: tuple[str, ...]) -> DataReport:
    """Read all data that a parameter file names.

    Parameters
    ----------
    params : Section
        The parameter file, checked.
    root : Path
        The run's folder: relative paths are relative to it.
    type_map : tuple of str
        The elements of the models.
    """
    return _Look(params, root, type_map).report()


class _Look:
    def __init__(self, params: Section, root: Path, type_map: tuple[str, ...]) -> None:
        self.params, self.root, self.type_map = params, root, type_map
        self.problems: list[InputError] = []
        self.warnings: list[str] = []
        self.systems: list[Named] = []
        self.sampled = ""

    def report(self) -> DataReport:
        """Look at all systems, and say what is wrong with each."""
        needed = _needed(self.params, self.type_map)
        for key in (INIT, VALIDATION):
            for entry in data_entries(self.params, key, self.root):
                try:
                    self._entry(key, entry, needed)
                except OSError as error:  # a folder that may not be looked into
                    what = f"{self._show(Path(error.filename or entry.path))} cannot be read"
                    self._wrong(key, entry.index, f"{what} ({error.strerror})")
        trained = [one for one in self.systems if one.key == INIT]
        if not self.problems:
            self._twice(trained)
            self._mixed()
            self._overlaps()
        if not self.problems:
            self._sel(trained)
        return DataReport(
            tuple(self.problems), tuple(self.warnings), tuple(self.systems), self.sampled
        )

    def _wrong(self, key: str, index: int, what: str) -> None:
        self.problems.append(self.params.wrong(key, what, index))

    def _warn(self, key: str, what: str) -> None:
        self.warnings.append(f"{self.params.file}: {key}: {what}")

    def _show(self, path: Path) -> str:
        inside = path.is_relative_to(self.root)
        return str(path.relative_to(self.root)) if inside else str(path)

    def _entry(self, key: str, entry: Entry, needed: Needed) -> None:
        path = entry.path
        if not path.exists():
            self._wrong(key, entry.index, f"no such folder: {path}")
            return
        if path.is_file() and (path.suffix not in HDF5 or key == VALIDATION):
            form = ", or an HDF5 file" if key == INIT else " (dp test reads no HDF5 file)"
            self._wrong(key, entry.index, f"{path} is a file: must be a folder{form}")
            return
        try:
            systems = systems_in(path)
        except DataFault as error:
            self._wrong(key, entry.index, str(error).replace(str(path), self._show(path), 1))
            return
        if not systems:
            self._wrong(key, entry.index, f"{path} holds no deepmd/npy system (no type.raw)")
        for system in systems:
            found = look_at(system, needed, self._show)
            for problem in found.problems:
                self._wrong(key, entry.index, problem)
            for hint in found.hints:
                self._warn(f"{key}[{entry.index}]", hint)
            if not found.problems:
                name = system.name.replace(str(system.path), self._show(system.path), 1)
                self.systems.append(Named(key, entry.index, name, found))

    def _twice(self, trained: Sequence[Named]) -> None:
        """Frames that are trained on and validated with; systems that are there twice."""
        if not trained:
            return
        prints = [marks(one.found.sets) for one in trained]
        owner = np.repeat(np.arange(len(trained)), [len(one) for one in prints])
        known, first, same = np.unique(
            np.concatenate(prints), return_index=True, return_inverse=True
        )
        seen_before = owner[first][same] < owner
        for number, one in enumerate(trained):
            if seen_before[owner == number].all():
                self._warn(
                    f"{INIT}[{one.index}]",
                    f"all frames of {one.name} are in the data before it, too: they count twice",
                )
        for one in (one for one in self.systems if one.key == VALIDATION):
            own = marks(one.found.sets)
            shared = np.flatnonzero(np.isin(own, known))
            if not len(shared):
                continue
            where = trained[owner[first[np.searchsorted(known, own[shared[0]])]]].name
            self._wrong(
                VALIDATION,
                one.index,
                f"{len(shared)} of the {one.found.n_frames} frames "
                f"of {one.name} are trained on, too (init_data_sys: {where}): "
                "validation needs data of its own",
            )

    def _mixed(self) -> None:
        mixed = [one for one in self.systems if one.found.mixed]
        if not mixed:
            return
        one, name = mixed[0], mixed[0].name
        for descriptor in descriptors(self.params):
            if descriptor.get("type") in PLAIN:
                self._wrong(
                    one.key,
                    one.index,
                    f"{name} is of mixed type (real_atom_types.npy), "
                    f'which the descriptor "{descriptor["type"]}" does not take: must be '
                    'an attention descriptor ("se_atten", "dpa1" or later)',
                )
                return
        if self.params.get("train_backend", TENSORFLOW) != TENSORFLOW:
            return
        plain = [two for two in self.systems if two.key == one.key and not two.found.mixed]
        if plain:
            other = plain[0].name
            self._wrong(
                one.key,
                one.index,
                f"{name} is of mixed type and {other} is not: "
                "DeePMD-kit's TensorFlow back end takes either all or none",
            )
        elif self.params["model_devi_jobs"]:
            self._warn(
                f"{one.key}[{one.index}]",
                f"{name} is of mixed type, the labels of the run "
                "are not: DeePMD-kit's TensorFlow back end cannot train on both after "
                'iteration 0; take "train_backend": "pytorch"',
            )

    def _overlaps(self) -> None:
        every = _step(self.systems, PAIR_ATOMS)
        looked = before = 0
        for one in self.systems:
            for part in one.found.sets:
                chosen = slice(-before % every, None, every)
                before, there = before + len(part.coords), len(part.coords[chosen])
                looked += there
                if there:
                    self._overlaps_of(one, part, chosen)
        if every > 1:
            self.sampled = f"{looked} of {before} frames, evenly spaced: no two atoms at one place"

    def _overlaps_of(self, one: Named, part: SetOfFrames, chosen: slice) -> None:
        coords = part.coords[chosen].reshape(-1, one.found.n_atoms, 3)
        cells = None if part.boxes is None else part.boxes[chosen].reshape(-1, 3, 3)
        real = (part.types[chosen] >= 0) if one.found.mixed else None
        distances, pairs = closest_pairs(coords, cells, CLOSE_A, real)
        near = int(np.argmin(distances))
        if not np.isfinite(distances[near]):
            return
        count = int(np.isfinite(distances).sum())
        more = f" (and in {count - 1} more)" if count > 1 else ""
        what = (
            f"{one.name}/{part.name}: atoms {pairs[near][0]} and "
            f"{pairs[near][1]} of frame {chosen.start + near * chosen.step} (all counted "
            f"from 0) are {distances[near]:.3f} Angstrom apart{more}"
        )
        if distances[near] < OVERLAP_A:
            self._wrong(
                one.key,
                one.index,
                f"{what}: overlapping atoms, or other units than "
                "Angstrom; remove the frame, or correct it",
            )
        else:
            self._warn(f"{one.key}[{one.index}]", f"{what}: see that the label is good")

    def _sel(self, trained: Sequence[Named]) -> None:
        """Compare ``sel`` with the neighbours in the densest and in evenly spaced frames."""
        frames = (
            SelFrame(
                part.coords[frame].reshape(-1, 3),
                None if part.boxes is None else part.boxes[frame].reshape(3, 3),
                part.types[frame] if one.found.mixed else part.types,
            )
            for one, part, frame in _telling(trained)
        )
        for descriptor, words in beyond_sel(self.params, frames):
            error = descriptor.wrong(
                "sel",
                f"atoms of the initial data have {words}: those beyond sel are left out; "
                'give more, or "auto"',
            )
            self.warnings.append(str(error).replace("; ", ": ", 1))


def _step(systems: Sequence[Named], atoms: int) -> int:
    """Every how many frames are looked at, for as many atoms in all."""
    total = sum(one.found.n_atoms * one.found.n_frames for one in systems)
    return max(1, ceil(total / atoms))


def _telling(systems: Sequence[Named]) -> list[tuple[Named, SetOfFrames, int]]:
    """Evenly spaced frames of all data, and the densest."""
    every, before, least = _step(systems, SEL_ATOMS), 0, np.inf
    frames: list[tuple[Named, SetOfFrames, int]] = []
    densest: list[tuple[Named, SetOfFrames, int]] = []
    for one in systems:
        for part in one.found.sets:
            chosen = range(-before % every, len(part.coords), every)
            frames += [(one, part, frame) for frame in chosen]
            before += len(part.coords)
            if part.boxes is not None:
                cells = np.asarray(part.boxes, dtype=float).reshape(-1, 3, 3)
                volumes = np.abs(np.linalg.det(cells)) / one.found.n_atoms
                if volumes.min() < least:
                    least, densest = volumes.min(), [(one, part, int(np.argmin(volumes)))]
    return frames + densest


def _needed(params: Section, type_map: tuple[str, ...]) -> Needed:
    """What the networks, and DP-GEN's electron temperature, read of the data."""
    of_ele = {1: (1, 0), 2: (0, 1)}.get(params.get("use_ele_temp", 0), (0, 0))
    nets: list[Any] = [one.get("model", {}).get("fitting_net") for one in training_members(params)]
    nets = [net for net in nets if isinstance(net, dict)]
    fparam = [net.get("numb_fparam") or 0 for net in nets if not net.get("default_fparam")]
    aparam = [net.get("numb_aparam") or 0 for net in nets]
    return Needed(type_map, max([of_ele[0], *fparam]), max([of_ele[1], *aparam]))
