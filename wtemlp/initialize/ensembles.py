"""What the sampled ensembles of ``wtemlp init`` look like: structure, energies, self-diffusion.

Of the frames that the training data are made of, in the order of time, before any label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wtemlp.analysis.diffusion import self_diffusion
from wtemlp.analysis.displacement import unwrap
from wtemlp.analysis.energy import moments
from wtemlp.analysis.rdf import half_width, rdf
from wtemlp.config.keys.init import InitParams
from wtemlp.core.units import KCAL_MOL_IN_EV
from wtemlp.md import reference_runs as runs
from wtemlp.md.dump import DumpFrame, last_frames
from wtemlp.records.ensembles import ENSEMBLES, SampledEnsemble, save_ensembles

PAIRS = (("O", "O"), ("O", "H"))
RDF_FRAMES = 400  #: that a radial distribution function is made of, evenly spaced, at most
BIN_A = 0.05  #: width of its bins
REACH_A = 8.0  #: its largest distance, where the box allows it
ENERGY_BINS = 60
BLOCK_ATOM_FRAMES = 4_000_000  #: oxygens times frames whose paths are in memory at a time
FEWEST_BLOCKS = 5  #: whose scatter is an error


@dataclass
class _Frames:
    """What is kept of the frames as they go by."""

    n_frames: int
    types: NDArray[np.int_]
    type_map: Sequence[str]
    spacing_ps: float
    seen: int = 0
    thinned: list[DumpFrame] = field(default_factory=list)
    block: list[NDArray[np.float64]] = field(default_factory=list)
    parts: list[tuple[float, float | None, tuple[float, float]]] = field(default_factory=list)
    note: str = ""

    def add(self, frame: DumpFrame) -> None:
        if self.seen % max(1, -(-self.n_frames // RDF_FRAMES)) == 0:
            self.thinned.append(frame)
        self.block.append(frame.coords[self.types == self.type_map.index("O")])
        self.seen += 1
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


def describe_ensembles(
    output: Path, params: InitParams, folders: Mapping[float, Path], types: NDArray[np.int_]
) -> list[SampledEnsemble]:
    """Look at every ensemble's frames, and write :data:`wtemlp.records.ensembles.ENSEMBLES`.

    A few hundred frames, and the paths of the oxygens in a part of the run, are in memory at a
    time, however long the run was.

    Parameters
    ----------
    output : Path
        The folder of ``wtemlp init``.
    params : InitParams
    folders : Mapping of float to Path
        The folder of each ensemble's run, by its bias factor.
    types : (n_atoms,) int
        Index of each atom's element in ``params.type_map``.

    Returns
    -------
    list of SampledEnsemble
    """
    found = [_look(params, factor, folder, types) for factor, folder in folders.items()]
    save_ensembles(output / ENSEMBLES, found)
    return found


def _look(
    params: InitParams, biasfactor: float, folder: Path, types: NDArray[np.int_]
) -> SampledEnsemble:
    n = params.frames_per_ensemble
    steps = params.nvt_steps - params.nvt_steps // 4 if biasfactor == 1 else params.wte_steps
    kept = _Frames(n, types, params.type_map, steps // n * params.timestep_fs / 1000)
    for frame in last_frames(folder / runs.FRAMES, n):
        kept.add(frame)
    energies = np.loadtxt(folder / runs.ENERGIES, ndmin=2)[:, 2] * KCAL_MOL_IN_EV
    density, edges = np.histogram(energies, bins=ENERGY_BINS, density=True)
    of_energy = moments(energies)
    middles = (edges[1:] + edges[:-1]) / 2
    return SampledEnsemble(
        biasfactor=biasfactor,
        n_frames=kept.seen,
        rdf=_radial(kept, np.asarray(params.type_map)[types]),
        energy=(middles.tolist(), density.tolist()),
        energy_mean_eV=of_energy.mean,
        energy_std_eV=of_energy.std,
        **kept.diffusion(),
    )


def _radial(kept: _Frames, names: NDArray[np.str_]) -> dict[str, tuple[list[float], list[float]]]:
    coords = np.array([frame.coords for frame in kept.thinned])
    cells = np.array([frame.cell for frame in kept.thinned])
    n_bins = int(min(REACH_A, half_width(cells)) / BIN_A)
    curves = {}
    for pair in PAIRS:
        one = rdf(coords, cells, names, pair, n_bins * BIN_A, n_bins)
        curves["-".join(pair)] = (one.r_A.tolist(), one.g.tolist())
    return curves
