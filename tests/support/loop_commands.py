"""Shared by tests: loop commands."""

from tests.support import program


def wtemlp(folder, *args):
    """A command line in a folder: `wtemlp` and its arguments."""
    return program.run(*args, cwd=folder)
