"""The labeller of each ``fp_style``."""

from pathlib import Path

from wtemlp.config.records import Machines, Params
from wtemlp.core import plugins
from wtemlp.reference.base import Labeller, LabelSetup


def labeller_of(params: Params, machines: Machines, root: Path, iteration: int) -> Labeller:
    """The reference method of a run.

    Parameters
    ----------
    params : Params
    machines : Machines
    root : Path
        The run's folder.
    iteration : int
        Whose frames are to be labelled.

    Returns
    -------
    Labeller
        That of ``fp_style``.
    """
    made = plugins.load(plugins.LABELLERS, params.fp_style)
    labeller: Labeller = made.of(LabelSetup(params, machines, root, iteration))
    return labeller
