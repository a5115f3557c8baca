"""``wtemlp clean``, ``wtemlp export``, ``wtemlp labels`` and ``wtemlp rewind``."""

from functools import partial
from pathlib import Path

import click

from wtemlp.cli.options import json_option, tell

run_option = click.option(
    "-C",
    "--directory",
    "root",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The run's folder; the default is the working directory.",
)


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option("--yes", is_flag=True, help="Do it; without, what would be removed is shown.")
@json_option
def clean(root: Path, yes: bool, as_json: bool) -> None:
    """Remove what no later step of the run in DIR reads.

    Trajectories of iterations that are labelled, checkpoints of trainings before the last, and
    what `wtemlp rewind` has moved aside. Models, labels with their raw outputs, tables, logs and
    all that the report shows stay.

    \b
    Examples:
      wtemlp clean
      wtemlp clean runs/water --yes
      wtemlp clean --json
    """
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.clean import clean as clean_run

    tell(clean_run(run_folder(root), dry=not yes), as_json)


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path(), metavar="[DIR]")
@click.option(
    "--iteration",
    type=click.IntRange(min=0),
    help="Whose models; the default is the last whose training is done.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="By default potential in DIR; a potential that is there is replaced.",
)
@json_option
def export(root: Path, iteration: int | None, output: Path | None, as_json: bool) -> None:
    """Put the potential of the run in DIR into one folder, with a card that says what it is.

    The models, as they were trained (compressed); README.md and card.json: level of theory, data,
    errors, the window of energies, densities and temperatures that is covered, what it must not be
    used for, versions; data/, all frames that were trained on, as one set of dpdata's; and files
    that show how to use it in LAMMPS, ASE and i-PI.

    \b
    Examples:
      wtemlp export
      wtemlp export runs/water -o water-potential
      wtemlp export runs/water --iteration 2
    """
    from wtemlp.session.session import run_folder
    from wtemlp.session.told import Told
    from wtemlp.workflow.export import RECORD
    from wtemlp.workflow.export import export as export_run

    folder = export_run(run_folder(root), iteration, output and output.absolute())
    known = {"folder": str(folder), "card": str(folder / RECORD)}
    tell(Told([f"wrote {folder} (see README.md there)"], known), as_json)


@click.command()
@click.argument("to", metavar="ITERATION[.STAGE]")
@click.option("--yes", is_flag=True, help="Do it; without, what would be done is shown.")
@run_option
@click.option(
    "--model",
    type=click.IntRange(min=0),
    help="Of ITERATION.train: train this model again, with another seed; its siblings stay.",
)
@click.option(
    "--machine",
    type=click.Path(path_type=Path),
    help="The machine file; the default is the one that the run was last given.",
)
@json_option
def rewind(
    to: str, yes: bool, root: Path, model: int | None, machine: Path | None, as_json: bool
) -> None:
    """Take a run back to the beginning of a stage: train, explore or label.

    What comes after is moved to rewound/NNN in the run's folder, not deleted; jobs that are
    alive there are ended.  The next `wtemlp run` goes on from there, with the parameter file as it
    is then, and redoes bit for bit what it would have done: seeds depend on iteration and purpose.
    To train again with longer trainings or other data, change the file, and rewind to N.train. One
    model that trained unlike its siblings is trained again with --model; its new seed is in the
    provenance of the report.

    \b
    Examples:
      wtemlp rewind 1.explore
      wtemlp rewind 1.explore --yes
      wtemlp rewind -C runs/water 2 --yes
      wtemlp rewind 2.train --model 1 --yes
    """
    from wtemlp.cli.cancel import recorded_machines
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.rewind import rewind_run

    folder = run_folder(root)
    machines = partial(recorded_machines, folder, machine)
    tell(rewind_run(folder, to, machines, not yes, model), as_json)


@click.group()
def labels() -> None:
    """Labels that are made elsewhere: another cluster, a colleague, another program.

    With `"labels_by_hand": true` in the parameter file, a run stops when it has chosen frames, and
    goes on when their labels are there.

    \b
    Examples:
      wtemlp labels export to-label
      wtemlp labels import to-label
      wtemlp run param.json machine.json
    """


@labels.command(name="export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@run_option
@json_option
def export_frames(folder: Path, root: Path, as_json: bool) -> None:
    """Write the frames that wait for labels to FOLDER, which is made.

    Inputs of the run's fp_style, a folder for each job, with a script that runs them; the same
    frames as one extended XYZ file for any other program; and a README for whoever labels them.
    A frame of each initial system is added the first time, to compare with.

    \b
    Examples:
      wtemlp labels export to-label
      wtemlp labels export -C runs/water to-label
    """
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.labels import export

    tell(export(run_folder(root), folder.absolute()), as_json)


@labels.command(name="import")
@click.argument("source", type=click.Path(path_type=Path))
@run_option
@click.option("--remark", default="", help="Kept with the labels: who made them, and how.")
@click.option("--last", is_flag=True, help="No more come: frames without a label are left out.")
@json_option
def import_labels(source: Path, root: Path, remark: str, last: bool, as_json: bool) -> None:
    """Take labels in: SOURCE is an extended XYZ file, or an exported folder with outputs.

    Energies in eV, forces in eV/Angstrom, virial (eV) or stress (eV/Angstrom^3) if there is one. A
    label counts for the positions, cell and elements that were sent; atoms in another order are
    mapped by their positions. Other units and methods are refused, as far as frames of the initial
    data and the models tell.

    \b
    Examples:
      wtemlp labels import to-label
      wtemlp labels import labelled.xyz --remark "ORCA 6, PBE0-D4/def2-TZVP"
      wtemlp labels import labelled.xyz --last
    """
    from wtemlp.session.session import run_folder
    from wtemlp.workflow.labels_import import take

    tell(take(run_folder(root), source, remark, last), as_json)


STEERING = (clean, export, labels, rewind)
