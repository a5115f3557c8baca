"""Importing libraries that set up logging for everybody, or that others import and rarely use."""

import importlib.util
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


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


class _Later(ModuleType):
    """A module that is executed when it is asked for something that it does not have yet."""

    _lock = threading.RLock()
    _begun = False

    def __getattr__(self, name: str) -> Any:
        with self._lock:  # another thread may be at it
            if name not in vars(self) and not self._begun:
                self._begun, spec = True, self.__spec__
                assert spec is not None and spec.loader is not None
                with quiet_imports():
                    spec.loader.exec_module(self)
                del self._begun
                self.__class__ = ModuleType  # type: ignore[assignment]
        return ModuleType.__getattribute__(self, name)


def later(*names: str) -> None:
    """Have packages that others import, and rarely use, executed at their first use.

    They are the same modules then, with all that belongs to them; modules of theirs that need not
    the whole package can be imported before (``from name.module import ...``).  As
    ``importlib.util.LazyLoader``, but a second ``import name`` is no use of it.

    Parameters
    ----------
    *names : str
        Of packages and modules, parents first; what is imported or not installed stays as it is.
    """
    for name in names:
        parent, _, last = name.rpartition(".")
        try:
            spec = None if name in sys.modules else importlib.util.find_spec(name)
        except ModuleNotFoundError:  # the parent is not there
            continue
        if spec is None:
            continue
        module = importlib.util.module_from_spec(spec)
        module.__class__ = _Later
        sys.modules[name] = module
        if parent:
            setattr(sys.modules[parent], last, module)
