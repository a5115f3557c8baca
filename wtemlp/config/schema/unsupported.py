"""What DP-GEN's files may say and this version does not run: refused with a line, not ignored."""

from collections.abc import Iterator

from wtemlp.config import atoms
from wtemlp.config.schema.section import Section
from wtemlp.config.templates.scripts import refuse_without_template
from wtemlp.core.errors import InputError, NotRunnable


def refuse_unsupported(params: Section) -> None:
    """Raise a NotRunnable at the first feature that this version does not have."""
    for problem in unsupported(params):
        raise problem


def unsupported(params: Section) -> Iterator[NotRunnable]:
    """Every feature of a parameter file that this version does not have.

    Parameters
    ----------
    params : Section
        The file, checked against its schema.
    """
    yield from atoms.problems(params)
    try:
        refuse_without_template(params)
    except InputError as error:
        yield NotRunnable.of(error)
