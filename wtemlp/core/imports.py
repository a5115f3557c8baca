"""Importing libraries that set up logging for everybody."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_imports(*packages: str) -> Iterator[None]:
    """Import libraries in this context without what they do to logging.

    Some open a log file in the working directory, put handlers on the root logger, or write to
    the terminal as soon as they are imported.  The root logger is given back as it was; the
    packages' own loggers are left without handlers and hand on to it.

    Parameters
    ----------
    *packages : str
        Names of the loggers that the libraries set up.
    """
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        root.setLevel(level)
        for package in packages:
            logger = logging.getLogger(package)
            for handler in list(logger.handlers):
                logger.removeHandler(handler)
                handler.close()
            logger.propagate = True
