"""What ``wtemlp sweep`` does, from files to the last line on the screen."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wtemlp.config.keys.machine import Stage
from wtemlp.config.machine.sections import load_machines
from wtemlp.config.params import load_params
from wtemlp.config.records import Machines, Params
from wtemlp.config.schema.read_files import Kind, read_object
from wtemlp.core import shell_hints
from wtemlp.core.errors import CalculationError, InputError
from wtemlp.core.paths import RunPaths
from wtemlp.planning import own_run
from wtemlp.preflight.before import Begin, require
from wtemlp.preflight.installed_engines import is_local
from wtemlp.records import sweep_record
from wtemlp.records.sweep_record import Arm, Sweep, load_sweep
from wtemlp.session.progress import Reporter
from wtemlp.session.session import at_work, find_input, run_folder
from wtemlp.sweep import arms as asked
from wtemlp.sweep import folder as places
from wtemlp.sweep import reach
from wtemlp.sweep.children import Child, Stand, default_parallel, run_all
from wtemlp.sweep.listing import again, table
from wtemlp.sweep.machine_files import relative_files
from wtemlp.workflow.run import hold_data


@dataclass(frozen=True)
class _Plan:
    """All that is known before anything is written."""

    params: Params
    machines: Machines
    folder: Path  #: of the sweep
    given: places.Given
    request: asked.Request
    old: Sweep | None
    user_files: tuple[str, ...]
    unbiased: reach.Unbiased | None  #: where a temperature is to be taken from it
    own: own_run.OwnRun | None  #: or a run to be done for that

    @property
    def record(self) -> Sweep:
        """The sweep without its arms."""
        return Sweep(
            param=shell_hints.kept(self.params.source, self.folder),
            machine=shell_hints.kept(self.machines.source, self.folder),
            labels_per_iteration=asked.budget(self.params),
            arms=(),
        )


def sweep_command(
    param: Path,
    machine: Path,
    root: Path,
    out: Path | None,
    *,
    biasfactors: Sequence[float],
    baselines: Sequence[str],
    n_seeds: int,
    parallel: int | None,
) -> None:
    """Do ``wtemlp sweep``.

    Parameters
    ----------
    param, machine, root : Path
        As for ``wtemlp run``.
    out : Path, optional
        The sweep's folder; by default ``sweep`` in `root`.
    biasfactors, baselines, n_seeds
        As :func:`wtemlp.sweep.arms.read_request` wants them.
    parallel : int, optional
        Runs at the same time.

    Raises
    ------
    InputError
        The input is wrong, or not that of the sweep in the folder; nothing is written.
    CalculationError
        Some of the runs have failed.
    """
    if parallel is not None and parallel < 1:
        raise InputError("--parallel", str(parallel), "must be 1 or more")
    options = _options(biasfactors, baselines, n_seeds, parallel)
    plan = _look(param, machine, root, out, biasfactors, baselines, n_seeds, options)
    go_on = again(plan.folder, plan.given, plan.record)
    paths = RunPaths(plan.folder)
    files = (plan.params.source, plan.machines.source)
    with at_work(paths, "sweep", *files, go_on) as reporter:
        hold_data(plan.params, plan.machines, plan.given.root, reporter, plan.folder)
        wanted, arms = _make_record(plan, reporter)
        children = _children(plan, wanted)
        local = any(is_local(getattr(plan.machines, stage)) for stage in Stage)
        run_all(children, parallel or default_parallel(local, len(children)), reporter)
        reporter.table(table(plan.folder, arms))
        _complain(children, plan)
        compare = shlex.join(["wtemlp", "compare", shell_hints.shown(plan.folder)])
        reporter.say(f"compare them with: {compare}")


def _options(
    biasfactors: Sequence[float], baselines: Sequence[str], n_seeds: int, parallel: int | None
) -> tuple[str, ...]:
    """The command line's options again."""
    words = ["--biasfactor", *(f"{factor:.10g}" for factor in biasfactors)]
    words += ["--baseline", ",".join(baselines)] if baselines else []
    words += ["--seeds", str(n_seeds)] if n_seeds != 1 else []
    words += ["--parallel", str(parallel)] if parallel is not None else []
    return tuple(words)


def _look(
    param: Path,
    machine: Path,
    root: Path,
    out: Path | None,
    biasfactors: Sequence[float],
    baselines: Sequence[str],
    n_seeds: int,
    options: tuple[str, ...],
) -> _Plan:
    """Read and check everything; nothing is written."""
    root = run_folder(root)
    folder = run_folder(out if out is not None else root / places.FOLDER)
    param, machine = (find_input(file, root).absolute() for file in (param, machine))
    params, machines = load_params(param, root), load_machines(machine, root)
    content = read_object(param, Kind.RUN)
    engine = content.get("model_devi_engine", "lammps")
    request = asked.read_request(params, engine, biasfactors, baselines, n_seeds)
    given = places.Given(content, root, options)
    if folder == root:
        raise InputError("-o", f"{folder} is the run's folder", "give one of its own")
    places.check_folder(folder, given, param.name)
    user_files = relative_files(machines, root)
    require(Begin(root, machines, params=params, explores=True))
    unbiased = reach.recorded(folder) if None in request.high_K else None
    own = None
    if None in request.high_K and unbiased is None:
        found = reach.find(params, root)
        if isinstance(found, own_run.OwnRun):
            own = found
        else:
            unbiased = reach.measure(found, params)
    if unbiased is not None:
        reach.window_K(unbiased, params, request.widest)
    return _Plan(
        params,
        machines,
        folder,
        given,
        request,
        load_sweep(folder),
        user_files,
        unbiased,
        own,
    )


def _make_record(plan: _Plan, reporter: Reporter) -> tuple[tuple[Arm, ...], tuple[Arm, ...]]:
    """Write what the sweep is; return the arms that are asked for, and all of the sweep's."""
    plan.given.save(plan.folder)
    unbiased, high_K = plan.unbiased, None
    if plan.own is not None:
        unbiased = reach.measure(reach.do_run(plan.own, plan.machines, reporter), plan.params)
    if unbiased is not None:
        reach.save(plan.folder, unbiased)
        for warning in unbiased.warnings:
            reporter.say(f"warning: {warning}")
        high_K = reach.window_K(unbiased, plan.params, plan.request.widest)
        reporter.say(
            f"bias factor {plan.request.widest:g} reaches {high_K:g} K: sigma is "
            f"{unbiased.sigma_eV:.3g} eV at {unbiased.temperature_K:g} K ({unbiased.where})"
        )
    wanted = asked.make_arms(plan.params, plan.request, high_K)
    sweep = places.merged(plan.old, replace(plan.record, arms=wanted))
    sweep_record.save(plan.folder / sweep_record.FILE, sweep)
    return wanted, sweep.arms


def _children(plan: _Plan, wanted: Sequence[Arm]) -> list[Child]:
    """The runs: for each seed the first training, then the arms."""
    machine, first = plan.machines.source, plan.params.seed
    starts: dict[int, Child] = {}
    arms = []
    for arm in wanted:
        if arm.seed not in starts:
            starts[arm.seed] = _start(plan, arm.seed, first)
        folder = plan.folder / arm.folder
        start = starts[arm.seed]

        def prepare(folder: Path = folder, arm: Arm = arm, start: Child = start) -> None:
            folder.mkdir(parents=True, exist_ok=True)
            places.link_user_files(folder, plan.given.root, plan.user_files)
            places.make_arm(folder, start.folder, plan.given, arm, machine)

        arms.append(Child(arm.folder, folder, machine, prepare, after=start))
    return [*starts.values(), *arms]


def _start(plan: _Plan, seed: int, first: int) -> Child:
    folder = places.start_folder(plan.folder, seed, first)

    def prepare() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        places.link_user_files(folder, plan.given.root, plan.user_files)
        places.make_start(folder, plan.given, seed)

    return Child(folder.name, folder, plan.machines.source, prepare)


def _complain(children: Sequence[Child], plan: _Plan) -> None:
    """Name the runs that failed, each with what to type next.

    Raises
    ------
    CalculationError
        If there are some.
    """
    failed = [child for child in children if child.stand is Stand.FAILED]
    if not failed:
        return
    lines = [f"{len(failed)} of {len(children)} runs have failed:"]
    for child in failed:
        lines.append(f"  {child.name}: {child.error}")
        if child.after is None or child.after.stand is Stand.FINISHED:
            files = (places.PARAM, plan.machines.source)
            lines.append(f"  go on with: {shell_hints.command('run', child.folder, *files)}")
    raise CalculationError("\n".join(lines))
