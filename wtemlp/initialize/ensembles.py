"""What the sampled ensembles of ``wtemlp init`` look like: structure, energies, self-diffusion.

Of the frames that the training data are made of, in the order of time, before any label.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.diffusion import self_diffusion
from wtemlp.analysis.displacement import unwrap
from wtemlp.analysis.energy import moments
from wtemlp.analysis.rdf import half_width, rdf
from wtemlp.initialize.runs import SampledRun
from wtemlp.md import reference_runs as runs
from wtemlp.md.dump import DumpFrame, last_frames
from wtemlp.records.ensembles import ENSEMBLES, SampledEnsemble, save_ensembles

PAIRS = (("O", "O"), ("O", "H"))  #: of a box of water
MOST_PAIRS = 6  #: of any other system
RDF_FRAMES = 400  #: that a radial distribution function is made of, evenly spaced, at most
BIN_A = 0.05  #: width of its bins
REACH_A = 8.0  #: its largest distance, where the box allows it
ENERGY_BINS = 60
BLOCK_ATOM_FRAMES = 4_000_000  #: oxygens times frames whose paths are in memory at a time
FEWEST_BLOCKS = 5  #: whose scatter is an error
NO_CELL = "a molecule alone does not diffuse"
NO_FIXED_CELL = "the cell changes"


@dataclass
class _Frames:
    """What is kept of the frames as they go by."""

    n_frames: int
    followed: NDArray[np.bool_]  #: (n_atoms,): atoms whose paths are followed
    spacing_ps: float
    follow: bool  #: whether there are paths
    note: str = ""  #: why there are none
    seen: int = 0
    thinned: list[DumpFrame] = field(default_factory=list)
    block: list[NDArray[np.float64]] = field(default_factory=list)
    parts: list[tuple[float, float | None, tuple[float, float]]] = field(default_factory=list)

    def add(self, frame: DumpFrame) -> None:
        if self.seen % max(1, -(-self.n_frames // RDF_FRAMES)) == 0:
            self.thinned.append(frame)
        self.seen += 1
        if not self.follow:
            return
        self.block.append(frame.coords[self.followed])
        full = max(1, BLOCK_ATOM_FRAMES // self.block[0].shape[0])
        if len(self.block) == full or self.seen == self.n_frames:
            self._diffuse(frame.cell)
            self.block = []

    def _diffuse(self, cell: NDArray[np.float64]) -> None:
        """Self-diffusion in the block of frames that is full."""
        try:
            paths = unwrap(np.array(self.block), cell)
            found = self_diffusion(paths, self.spacing_ps, masses=None)
        except ValueError as error:
            self.note = str(error)
            return
        if found.d is None or found.fit_ps is None:
            self.note = found.reason
        else:
            self.parts.append((found.d, found.error, found.fit_ps))

    def diffusion(self) -> dict[str, Any]:
        """Fields of the record: the mean of the blocks, and its error."""
        if not self.parts:
            return {"diffusion_note": self.note}
        values, errors, fits = zip(*self.parts, strict=True)
        n = len(values)
        if n >= FEWEST_BLOCKS:
            error: float | None = float(np.std(values, ddof=1) / np.sqrt(n))
        else:
            known = [one for one in errors if one is not None]
            error = float(np.sqrt(np.sum(np.square(known))) / n) if len(known) == n else None
        return {
            "diffusion": float(np.mean(values)),
            "diffusion_error": error,
            "diffusion_fit_ps": (float(min(f[0] for f in fits)), float(max(f[1] for f in fits))),
        }


def describe_ensembles(output: Path, sampled: Sequence[SampledRun]) -> list[SampledEnsemble]:
    """Look at every run's frames, and write :data:`wtemlp.records.ensembles.ENSEMBLES`.

    A few hundred frames, and the paths of some atoms in a part of the run, are in memory at a
    time, however long the run was.

    Parameters
    ----------
    output : Path
        The folder of ``wtemlp init``.
    sampled : sequence of SampledRun
        Those that have frames.

    Returns
    -------
    list of SampledEnsemble
    """
    found = [_look(one) for one in sampled]
    save_ensembles(output / ENSEMBLES, found)
    return found


def _look(run: SampledRun) -> SampledEnsemble:
    job, structure = run.job, run.plan.start.structure
    names = np.array(structure.symbols)
    water = run.init.water is not None
    pairs = PAIRS if water else _pairs(structure.symbols)
    element = "O" if water else _heaviest_kind(structure.symbols)
    spacing_ps = job.frame_stride * job.timestep_fs / 1000
    note = NO_CELL if not job.periodic else NO_FIXED_CELL if job.pressure_bar is not None else ""
    kept = _Frames(job.frames, names == element, spacing_ps, not note, note)
    for frame in last_frames(run.folder / runs.FRAMES, job.frames):
        kept.add(frame)
    energies = run.series()[1]
    density, edges = np.histogram(energies, bins=ENERGY_BINS, density=True)
    of_energy = moments(energies)
    middles = (edges[1:] + edges[:-1]) / 2
    return SampledEnsemble(
        biasfactor=run.run.biasfactor,
        n_frames=kept.seen,
        rdf=_radial(kept, names, pairs) if job.periodic else {},
        energy=(middles.tolist(), density.tolist()),
        energy_mean_eV=of_energy.mean,
        energy_std_eV=of_energy.std,
        run=run.name,
        diffusion_of=element,
        **kept.diffusion(),
    )


def _pairs(symbols: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of elements, the most frequent ones first."""
    counts = Counter(symbols)
    order = [name for name, _ in counts.most_common()]
    pairs = sorted(
        combinations_with_replacement(order, 2), key=lambda p: -counts[p[0]] * counts[p[1]]
    )
    return tuple(pair for pair in pairs if pair[0] != pair[1] or counts[pair[0]] > 1)[:MOST_PAIRS]


def _heaviest_kind(symbols: Sequence[str]) -> str:
    """The most frequent element that is not hydrogen, if there is one."""
    counts = Counter(name for name in symbols if name != "H") or Counter(symbols)
    return counts.most_common(1)[0][0]


def _radial(
    kept: _Frames, names: NDArray[np.str_], pairs: Sequence[tuple[str, str]]
) -> dict[str, tuple[list[float], list[float]]]:
    coords = np.array([frame.coords for frame in kept.thinned])
    cells = np.array([frame.cell for frame in kept.thinned])
    n_bins = int(min(REACH_A, half_width(cells)) / BIN_A)
    curves = {}
    for pair in pairs:
        one = rdf(coords, cells, names, pair, n_bins * BIN_A, n_bins)
        curves["-".join(pair)] = (one.r_A.tolist(), one.g.tolist())
    return curves
