"""The runs of MD with the reference: their folders, inputs, results and which frames are kept."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wtemlp.analysis.energy import filled, moments
from wtemlp.analysis.planning import auto_hills
from wtemlp.config.init_runs import PlannedRun, planned_runs
from wtemlp.config.keys.init import InitBias, InitParams, InitSystem, MdHeld
from wtemlp.config.keys.values import AUTO_HEIGHT_KT
from wtemlp.config.keys.wte import DEFAULT_PACE
from wtemlp.config.records import Params
from wtemlp.core.atomic_io import reading
from wtemlp.core.seeds import derive_seed
from wtemlp.dispatch.tasks import Task
from wtemlp.initialize.structure import SystemStart
from wtemlp.md import reference_runs as md
from wtemlp.md.dump import DumpFrame, last_frames
from wtemlp.md.plumed_input import EXTRA_LINES
from wtemlp.md.reference_script import LOG, SCRIPT, lammps_command
from wtemlp.md.systems.system_input import SystemInput, write_files
from wtemlp.md.systems.units import METAL
from wtemlp.records.init_result import EQUILIBRATE, WTE, Ensemble, ensemble_name

#: What to do about damaged results of the MD.
SAMPLE_AGAIN = "move its folder away: the same wtemlp init does that run again"


@dataclass(frozen=True, eq=False)
class SystemPlan:
    """A system, and what is done with it."""

    system: InitSystem
    start: SystemStart
    params: Params  #: its reference
    input: SystemInput | None  #: of its MD; None: there is none


@dataclass(frozen=True, eq=False)
class SampledRun:
    """A run, and its folder."""

    init: InitParams
    plan: SystemPlan
    run: PlannedRun
    start: "SampledRun | None"
    output: Path

    @property
    def name(self) -> str:
        """Of the run, in the file; "" of a box of water."""
        return "" if self.init.water is not None else f"{self.plan.system.name}.{self.run.name}"

    @property
    def group(self) -> str | float:
        """What tells its frames from those of others: the bias factor of a box of water."""
        return self.name or float(self.run.biasfactor or 1.0)

    @property
    def title(self) -> str:
        """For people, and in the names of its frames."""
        return self.name or ensemble_name(self.run.biasfactor or 1.0)

    @property
    def folder(self) -> Path:
        """Where it runs."""
        return self.output / self.stage / self._below

    @property
    def stage(self) -> str:
        """The folder of the runs that run together."""
        if self.init.water is not None:
            return WTE if self.run.biased else EQUILIBRATE
        return f"01.md.{self.run.level}"

    @property
    def _below(self) -> str:
        if self.init.water is not None:
            return ensemble_name(self.run.biasfactor or 1.0) if self.run.biased else "nvt"
        return self.name

    @cached_property
    def job(self) -> md.ReferenceRun:
        """What its script depends on."""
        entry, start = self.run.of, self.plan.start
        common: dict[str, Any] = {
            "timestep_fs": self.init.timestep_fs,
            "triclinic": bool(np.tril(start.structure.cell, -1).any()),
            "periodic": start.periodic,
            "n_atoms": start.structure.n_atoms,
        }
        if entry is None:
            return md.ReferenceRun(0.0, steps=0, frames=1, minimize=True, **common)
        held = entry.ensemble == MdHeld.NPT
        return md.ReferenceRun(
            temperature_K=self.run.temperature_K,
            steps=entry.steps,
            frames=entry.frames,
            pressure_bar=entry.pressure_bar if held else None,
            barostat=str(entry.barostat),
            npt_steps=entry.npt_steps,
            npt_pressure_bar=entry.pressure_bar,
            length=self.run.length,
            minimize=self.init.water is not None and not self.run.biased,
            new_velocities=self.start is None or self.start.run.of is None,
            bias=self.run.biased,
            keep_end=not self.run.biased,
            **common,
        )

    @property
    def results(self) -> tuple[str, ...]:
        """The files that it leaves."""
        run = self.job
        found = [LOG]
        if run.steps:
            found.append(md.ENERGIES)
        if run.frames:
            found.append(md.FRAMES)
        if run.keep_end:
            found.append(md.END_DATA)
        if run.npt_steps:
            found.append(md.BOX)
        if run.bias:
            opes = self.run.biasfactor is None
            found += [md.COLVAR, md.DELTAFS if opes else md.HILLS, md.PLUMED_LOG]
        return tuple(found)

    def seed(self, *purpose: object) -> int:
        """Of a purpose in this run."""
        own = () if self.init.water is not None else (self.name,)
        return derive_seed(self.init.seed, "init", *own, *purpose)

    @property
    def thermostat_seed(self) -> int:
        """Of the thermostat's random numbers."""
        factor = self.run.biasfactor or 0.0
        return self.seed("thermostat", f"{factor:g}")

    def task(self, command: str, unbiased: Ensemble | None) -> Task:
        """Write the inputs, and say how to run it.

        Parameters
        ----------
        command : str
            LAMMPS.
        unbiased : Ensemble, optional
            What a biased run takes its bias from.
        """
        system = self.plan.input
        assert system is not None
        if self.start is not None:
            end = (self.start.folder / md.END_DATA).read_text()
            system = system.from_end(md.START_DATA, end)
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        script = md.script(self.job, system, self.seed("velocity"), self.thermostat_seed)
        files: dict[str, str | Path] = {**system.files, SCRIPT: script}
        if self.run.biased:
            assert unbiased is not None
            files |= self._plumed(unbiased)
        write_files(folder, files)
        return Task(
            name=folder.name,
            folder=folder,
            command=lammps_command(command),
            forward=tuple(files),
            backward=self.results,
            logs=(LOG,),
            steps=self.job.all_steps,
        )

    @property
    def _bias(self) -> InitBias:
        assert self.run.of is not None and self.run.of.bias is not None
        return self.run.of.bias

    def hills(self, unbiased: Ensemble) -> tuple[int, float]:
        """Steps between hills and their first height (kT), chosen where they are not given."""
        bias, factor = self._bias, self.run.biasfactor
        if bias.pace is not None or factor is None:
            return bias.pace or DEFAULT_PACE, bias.height_kT or AUTO_HEIGHT_KT
        assert self.start is not None
        return auto_hills(
            factor,
            0.5 * unbiased.statistical_inefficiency * self.start.job.energy_stride,
            self.job.steps,
            height_kT=bias.height_kT,
        )

    @property
    def chooses_hills(self) -> bool:
        """Whether the pace is from the run before."""
        return self.run.biased and self._bias.pace is None

    def _plumed(self, unbiased: Ensemble) -> dict[str, str]:
        bias, units = self._bias, METAL
        if self.init.water is not None and self.plan.input is not None:
            units = self.plan.input.units
        pace, height_kT = self.hills(unbiased)
        made = md.EnergyBias(
            temperature_K=self.run.temperature_K,
            mean_eV=unbiased.mean_eV,
            sigma_eV=unbiased.sigma_eV,
            biasfactor=self.run.biasfactor,
            window_K=bias.window_K,
            height_kT=height_kT,
            pace=pace,
            steps=self.job.steps,
            method=bias.method,
            extra=bias.extra,
        )
        lines = {EXTRA_LINES: bias.extra.lines} if bias.extra.lines else {}
        return {md.PLUMED: md.plumed(made, units), **lines}

    # -- what came out

    @property
    def _unit_eV(self) -> float:
        assert self.plan.input is not None
        return self.plan.input.units.energy_eV

    def series(self) -> np.ndarray:
        """Recorded temperatures (K), unbiased energies (eV), volumes: (2 or 3, n).

        Without the part in which nothing counts.
        """
        file = self.folder / md.ENERGIES
        with reading(file, SAMPLE_AGAIN):
            table = np.loadtxt(file, ndmin=2)[:, 1:].T
        table[1] *= self._unit_eV
        return np.array([filled(one) for one in table]) if self.run.biased else np.asarray(table)

    def ensemble(self, unbiased: Ensemble | None) -> Ensemble:
        """Its numbers.

        Parameters
        ----------
        unbiased : Ensemble, optional
            Of a biased run: that of the run that it starts from.
        """
        temperatures, energies, *volumes = self.series()
        heat, energy = moments(temperatures), moments(energies)
        found = Ensemble(
            biasfactor=self.run.biasfactor,
            temperature_K=heat.mean,
            temperature_error_K=heat.mean_error,
            mean_eV=energy.mean,
            mean_error_eV=energy.mean_error,
            sigma_eV=energy.std,
            sigma_error_eV=energy.std_error,
            statistical_inefficiency=energy.inefficiency,
            correlation_time_ps=None
            if self.run.biased
            else 0.5e-3 * energy.inefficiency * self.job.energy_stride * self.init.timestep_fs,
        )
        if self.init.water is not None:
            return found
        return replace(
            found,
            name=self.name,
            folder=str(self.folder.relative_to(self.output)),
            held_K=self.run.temperature_K,
            timestep_fs=self.init.timestep_fs,
            n_frames=len(self.kept(unbiased or found)) if self.job.frames else None,
            n_asked=self.job.frames or None,
            reference=unbiased.name if unbiased is not None else "",
            **_volume(volumes),
        )

    def kept(self, unbiased: Ensemble | None) -> range:
        """The places of the frames that are labelled, of those that the run has left.

        They are as far apart as the energy is correlated in the run without a bias: with a bias
        it drifts slowly over a wide range, and what is correlated then is the place in it.

        Parameters
        ----------
        unbiased : Ensemble, optional
            Its own, or of a biased run that of the run that it starts from.
        """
        n = self.job.frames
        if self.init.water is not None or unbiased is None:
            return range(n)
        measured = self.start if self.run.biased and self.start is not None else self
        steps = unbiased.statistical_inefficiency * measured.job.energy_stride
        every = max(1, math.ceil(steps / self.job.frame_stride))
        return range((n - 1) % every, n, every)

    def frames(self, unbiased: Ensemble | None) -> Iterator[DumpFrame]:
        """The frames that are labelled, in the order of time."""
        n = self.job.frames
        wanted = set(self.kept(unbiased))
        # The last ones: a dump also has the step that its run begins with.
        for place, frame in enumerate(last_frames(self.folder / md.FRAMES, n) if n else ()):
            if place in wanted:
                yield frame


def _volume(volumes: list[np.ndarray]) -> dict[str, float]:
    if not volumes:
        return {}
    of = moments(volumes[0])
    return {"volume_A3": of.mean, "volume_error_A3": of.mean_error}


def sampled_runs(init: InitParams, plan: SystemPlan, output: Path) -> tuple[SampledRun, ...]:
    """All runs of a system, in their order."""
    made: dict[str, SampledRun] = {}
    for run in planned_runs(plan.system):
        start = made[run.start.name] if run.start is not None else None
        made[run.name] = SampledRun(init, plan, run, start, output)
    return tuple(made.values())
