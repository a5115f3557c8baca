"""A short run of ``wtemlp plan``'s own, where there is none to plan from."""

import shutil
from pathlib import Path

from wtemlp.config.keys.declare import MAX_STEPS
from wtemlp.config.records import ExploreJob, MachineSection, Params
from wtemlp.core.errors import InputError
from wtemlp.dispatch.tasks import StageTasks
from wtemlp.md.reference_runs import ENERGIES
from wtemlp.md.reference_script import done_steps
from wtemlp.md.systems.system_input import is_another
from wtemlp.planning.sources import UnbiasedRun, of_reference
from wtemlp.reference import short_nvt
from wtemlp.reference.sampler import sampler_of
from wtemlp.session.progress import Reporter
from wtemlp.session.stage import run_stage

FOLDER = "plan"  #: in the run's folder
STEPS = 40_000
MIN_STEPS = 400

#: Where it runs when no machine file is given.
THIS_MACHINE = MachineSection(
    stage="fp",
    command="wtemlp lmp",
    machine={"batch_type": "Shell", "context_type": "LazyLocalContext", "local_root": "./"},
    resources={
        "number_node": 1,
        "cpu_per_node": 1,
        "group_size": 1,
        "queue_name": "",
        "envs": {"OMP_NUM_THREADS": "1"},
    },
)


class OwnRun:
    """A short unbiased run of the first system at the first temperature, and pressure.

    Parameters
    ----------
    params : Params
    root : Path
        The run's folder.
    steps : int
        The first quarter is equilibration.
    temperature_K : float, optional
        By default the first of the first exploration.

    Raises
    ------
    InputError
        If it cannot be made; nothing is written.
    """

    def __init__(self, params: Params, root: Path, steps: int, temperature_K: float | None) -> None:
        name = params.source.name
        sampler = sampler_of(params.sampler, params.type_map, root)
        if sampler is None:
            raise InputError(
                f"{name}: fp_style",
                f"{params.fp_style} gives no short run",
                "give an unbiased run: wtemlp plan PARAM --from PATH, or a sampler",
            )
        if steps < MIN_STEPS:
            raise InputError("--steps", f"{steps} is too short", f"give {MIN_STEPS} or more")
        if steps > MAX_STEPS:
            raise InputError("--steps", f"{steps} is too long", f"give {MAX_STEPS} or less")
        job: ExploreJob | None = params.jobs[0] if params.jobs else None
        temperatures = job.temps_K if job else ()
        if not temperature_K and not temperatures:
            raise InputError(
                f"{name}: model_devi_jobs", "has no temperature", "add --temperature, in K"
            )
        self.system = job.sys_idx[0] if job else 0
        self.temperature_K = temperature_K or temperatures[0]
        self.params, self.root, self.steps = params, root, steps
        files = params.sys_configs[self.system] if params.sys_configs else ()
        if not files or not files[0].is_file():
            raise InputError(
                f"{name}: sys_configs",
                f"there is no unbiased run in {root} and no structure to start one from",
                "make them with wtemlp init, or name an unbiased run with --from PATH",
            )
        self.pressure_bar = job.press_bar[0] if job and job.press_bar else None
        self._inputs = short_nvt.inputs(
            params,
            sampler,
            files[0],
            self.temperature_K,
            steps,
            self.pressure_bar,
            job.barostat if job and job.barostat else "iso",
        )
        held = "" if self.pressure_bar is None else f".{self.pressure_bar:g}bar"
        title = f"system.{self.system:03d}.{self.temperature_K:g}K{held}.{steps}"
        self.folder = root / FOLDER / title

    def do(self, section: MachineSection, reporter: Reporter) -> UnbiasedRun:
        """Run it, or take the result of the same run done before.

        Raises
        ------
        CalculationError
            If it fails.
        """
        if is_another(self.folder, self._inputs):
            shutil.rmtree(self.folder)
        task = short_nvt.task(self.folder, self._inputs, section.command, self.steps)
        stage = StageTasks([task], self.root / FOLDER, done_steps=done_steps)
        run_stage(stage, f"plan: {self.steps} steps without a bias", section, self.root, reporter)
        return of_reference(
            self.folder / ENERGIES,
            temperature_K=self.temperature_K,
            timestep_ps=self.params.timestep_ps,
            system=self.system,
            root=self.root,
            pressure_bar=self.pressure_bar,
        )
