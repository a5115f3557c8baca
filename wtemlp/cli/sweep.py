"""``wtemlp sweep``."""

from pathlib import Path

import click

from wtemlp.cli.options import NumberLists, file_argument, folder_option


@click.command(cls=NumberLists)
@file_argument("param")
@file_argument("machine")
@click.option(
    "--biasfactor",
    "biasfactors",
    type=float,
    multiple=True,
    metavar="G [G ...]",
    required=True,
    help="Bias factors, one run each; 1 is unbiased MD.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    metavar="NAME[,NAME ...]",
    help="More runs to compare with. random: for each bias factor above 1, frames picked at random "
    "whatever their deviation (random:16: at 16 only); highT: unbiased MD at the temperature that "
    "the widest bias factor's energies reach (highT:400: at 400 K).",
)
@click.option(
    "--seeds",
    "n_seeds",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="Do all of it N times, with the seeds from PARAM's on, for error bars.",
)
@click.option(
    "--parallel",
    type=int,
    metavar="N",
    help="Runs at the same time; the default is all of them, but 1 where MACHINE runs tasks on "
    "this machine, whose cores one run fills.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="The sweep's folder; the default is sweep in the run's folder.",
)
@folder_option
def sweep(
    param: Path,
    machine: Path,
    biasfactors: tuple[float, ...],
    baselines: tuple[str, ...],
    n_seeds: int,
    parallel: int | None,
    out: Path | None,
    root: Path,
) -> None:
    """Compare bias factors: one run each, from the same start, seeds and budget of labels.

    The bias factor of every wte block in PARAM is replaced.  The first training is the same for
    all runs and is done once.  Each run is an ordinary run in a folder of its own: status, report,
    validate and run take it.  Given again, it goes on where it was; with other bias factors,
    baselines or seeds it adds runs and keeps those that are there.

    \b
    Examples:
      wtemlp sweep param.json machine.json --biasfactor 1 16 64
      wtemlp sweep param.json machine.json --biasfactor 1 16 64 256 --baseline random:64,highT
      wtemlp sweep param.json machine.json --biasfactor 1 64 --seeds 3 --parallel 4
    """
    from wtemlp.cli.sweep_command import sweep_command

    sweep_command(
        param,
        machine,
        root,
        out,
        biasfactors=biasfactors,
        baselines=baselines,
        n_seeds=n_seeds,
        parallel=parallel,
    )
