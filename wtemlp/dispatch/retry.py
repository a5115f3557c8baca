"""Waiting for a host or a queue that does not answer."""

import logging
import re
import time
from collections.abc import Callable
from typing import TypeVar

import paramiko

from wtemlp.core.atomic_io import is_of_disk
from wtemlp.core.errors import TransportError, WtemlpError
from wtemlp.core.formatting import duration

log = logging.getLogger("wtemlp.dispatch")
T = TypeVar("T")

_TRANSIENT = (OSError, EOFError, paramiko.SSHException, RuntimeError, AssertionError)
_FINAL = (
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
    paramiko.AuthenticationException,
)
_PASSING = re.compile(
    r"return code -1|timed? ?out|unable to contact|refused|reset|unreachable|not respond"
    r"|connect|try again|temporar|not active|Failed to run|exit status 255|EOF|munge"
    r"|authentication error",
    re.IGNORECASE,
)
_NO_COMMAND = re.compile(r"exit status 12[67]\b")


class Stopped(WtemlpError):
    """The caller asked the dispatcher to stop; jobs may be alive, and the next call finds them."""


class Refused(TransportError):
    """The other side was asked to do something and said no: waiting does not mend that."""


class Patience:
    """Repeats an action until the other side answers.

    Parameters
    ----------
    limit_s : float
        How long an outage may last, seconds.
    stop : callable or None
        Asked while waiting; True ends the wait with :class:`Stopped`.
    longest_s : float
        Longest pause between two tries, seconds.
    """

    def __init__(
        self, limit_s: float, stop: Callable[[], bool] | None = None, longest_s: float = 15.0
    ) -> None:
        self.limit_s, self.stop, self.longest_s = limit_s, stop, longest_s

    def steady(
        self,
        what: str,
        action: Callable[[], T],
        clean: Callable[[str], str] = str,
        question: bool = False,
    ) -> T:
        """Do something that needs the other side.

        Parameters
        ----------
        what : str
            For the message, as "submitting (Slurm on head)".
        action : callable
            Done again after an outage: it must bear that.
        clean : callable
            Takes secrets out of a message.
        question : bool
            The action only asks: whatever the other side complains of, waiting may mend it.

        Raises
        ------
        TransportError
            It failed for a reason that waiting does not mend (:class:`Refused`, if that is what
            the other side said), or the outage lasted too long.
        Stopped
            The caller asked to stop during an outage.
        """
        begin, pause = time.monotonic(), 1.0
        while True:
            try:
                result = action()
            except WtemlpError:
                raise
            except _TRANSIENT as error:
                if is_of_disk(error):  # of this machine's files: the other side did answer
                    raise
                said = one_line(clean(_complaint(error))) or type(error).__name__
                lasted = time.monotonic() - begin
                passing = _may_pass(error, question)
                if not passing or lasted >= self.limit_s:
                    no = isinstance(error, RuntimeError) and not passing
                    kind = Refused if no else TransportError
                    raise kind(f"{what} failed: {said}") from error
                if pause == 1.0:
                    limit = duration(self.limit_s)
                    log.warning("%s failed: %s; trying again for up to %s", what, said, limit)
                self._wait(what, min(pause, self.longest_s))
                pause *= 2
            else:
                if pause > 1.0:
                    log.warning("%s: back after %.0f s", what, time.monotonic() - begin)
                return result

    def _wait(self, what: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stop is not None and self.stop():
                raise Stopped(f"stopped while {what} was waiting for an answer")
            time.sleep(min(left, 0.5))


def _may_pass(error: BaseException, question: bool) -> bool:
    if isinstance(error, _FINAL):
        return False
    if isinstance(error, RuntimeError):
        complaint = _complaint(error)
        if question:
            return not _NO_COMMAND.search(complaint)
        return bool(_PASSING.search(complaint))
    return True


def _complaint(error: BaseException) -> str:
    """What the other side said, without the command that dpdispatcher quotes before it."""
    return re.sub(r"\s*return code \d+\s*$", "", str(error).rpartition("message:")[2])


def one_line(text: str) -> str:
    """A text on one line, at most 400 characters."""
    words = " ".join(text.split())
    return words if len(words) <= 400 else words[:397] + "..."
