"""Widths of the sampled energies, with their errors: of like walkers, and of a walker alone.

All walkers of one system at one temperature and pressure sample the same unbiased ensemble,
whatever their bias factor, so sigma_NVT is that of all of them together.  Walkers that were
stopped are left out.  The statistical inefficiency is pooled over walkers and iterations; below
ten independent energies there is no error, as in summaries of versions that did not keep
:attr:`wtemlp.records.walkers.WalkerSummary.nvt`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wtemlp.analysis.widths import Scatter, Width, WithError, root_mean_square, sigma_of, together
from wtemlp.analysis.widths import width as width_of
from wtemlp.records.summary import Summary
from wtemlp.records.walkers import WalkerSummary
from wtemlp.report.sampling import Sampling, sampling_of

NVT, WTE = "nvt", "wte"
_RAW = {NVT: "sigma_nvt_eV", WTE: "sigma_wte_eV"}


@dataclass(frozen=True)
class LikeWalkers:
    """Walkers of one iteration, system and condition that are biased alike."""

    system: int
    temperature_K: float | None
    sampling: Sampling
    biasfactors: tuple[float, ...]  #: of each
    nvt_eV: WithError | None  #: sigma_NVT of all walkers of the system and condition
    width: Width


@dataclass(frozen=True)
class Widths:
    """The widths of a run's iterations."""

    walkers: Mapping[int, Sequence[WalkerSummary]]  #: by iteration

    @classmethod
    def of_run(cls, summaries: Sequence[Summary]) -> "Widths":
        """Those of a run's summaries."""
        return cls({one.iteration: one.walkers for one in summaries})

    def each(self, iteration: int) -> list[LikeWalkers]:
        """Of an iteration, by system, condition and sampling; where a width was measured."""
        places: dict[tuple[object, ...], list[WalkerSummary]] = defaultdict(list)
        for row in self.walkers.get(iteration, ()):
            if not row.stopped:
                places[row.place].append(row)
        found = []
        for rows in places.values():
            nvt = self._sigma(iteration, rows, NVT, lambda row: row.place)
            groups: dict[Sampling, list[WalkerSummary]] = defaultdict(list)
            for row in rows:
                if (one := sampling_of(row)) is not None and row.sigma_wte_eV is not None:
                    groups[one].append(row)
            found += [self._like(iteration, one, members, nvt) for one, members in groups.items()]
        return [one for one in found if one is not None]

    def of(self, iteration: int, sampling: Sampling) -> Width | None:
        """Of an iteration's walkers of a sampling, root mean square over systems and conditions."""
        return together([o.width for o in self.each(iteration) if o.sampling == sampling])

    def law(self, sampling: Sampling) -> WithError | None:
        """What the law says, by the last iteration that tells."""
        for iteration in sorted(self.walkers, reverse=True):
            found = self.of(iteration, sampling)
            if found is not None and found.law is not None:
                return found.law
        return None

    def nvt(self, iteration: int) -> WithError | None:
        """Sigma_NVT of an iteration, root mean square over systems and conditions, eV."""
        places = defaultdict(list)
        for row in self.walkers.get(iteration, ()):
            if not row.stopped:
                places[row.place].append(row)
        each = (
            self._sigma(iteration, rows, NVT, lambda row: row.place) for rows in places.values()
        )
        return root_mean_square([one for one in each if one is not None])

    def wte(self, iteration: int, sampling: Sampling) -> WithError | None:
        """Sigma_WTE of an iteration's walkers of a sampling, eV."""
        found = self.of(iteration, sampling)
        return None if found is None else found.wte_eV

    def walker(self, iteration: int, row: WalkerSummary) -> LikeWalkers | None:
        """Of one walker, whose sigma_NVT is its own; also of one that was stopped."""
        one = sampling_of(row)
        if one is None:
            return None
        nvt = self._sigma(iteration, [row], NVT, lambda row: row.place)
        return self._like(iteration, one, [row], nvt)

    def _like(
        self,
        iteration: int,
        sampling: Sampling,
        rows: Sequence[WalkerSummary],
        nvt: WithError | None,
    ) -> LikeWalkers | None:
        wte = self._sigma(iteration, rows, WTE, lambda row: row.place + row.kind)
        if wte is None:
            return None
        factors = tuple(row.biasfactor for row in rows if row.biasfactor is not None)
        lawful = sampling.lawful and len(factors) == len(rows)
        first = rows[0]
        found = width_of(nvt, wte, factors if lawful else (), first.temperature_K)
        return LikeWalkers(first.system, first.temperature_K, sampling, factors, nvt, found)

    def _sigma(
        self,
        iteration: int,
        rows: Sequence[WalkerSummary],
        part: str,
        alike: Callable[[WalkerSummary], object],
    ) -> WithError | None:
        scatters = [_scatter(row, part) for row in rows]
        known = [one for one in scatters if one is not None]
        if known and len(known) == len(rows):
            like = [
                one
                for index, others in self.walkers.items()
                for row in others
                if index != iteration and not row.stopped and alike(row) == alike(rows[0])
                if (one := _scatter(row, part)) is not None
            ]
            return sigma_of(known, like)
        raw = [value for row in rows if (value := getattr(row, _RAW[part])) is not None]
        if not raw:
            return None
        return WithError(math.sqrt(sum(value**2 for value in raw) / len(raw)))


def _scatter(row: WalkerSummary, part: str) -> Scatter | None:
    return row.nvt if part == NVT else row.wte
