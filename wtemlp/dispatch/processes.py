"""Processes of this machine, without starting another one to ask."""

import os
import select
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

LISTED = Path("/proc/self/cmdline").exists()  #: whether :func:`runs` can be asked


def runs(process: str, word: str) -> bool:
    """Whether a process is alive and has a word in its command line.

    Parameters
    ----------
    process : str
        Its id, which may be another's by now.
    word : str
    """
    folder = f"/proc/{process}/"
    for _ in range(3):
        try:
            line = Path(folder + "cmdline").read_text(errors="replace")
            ended = Path(folder + "stat").read_text(errors="replace").rpartition(")")[2][1] in "ZX"
        except OSError:
            return False
        if line or ended:
            return not ended and word in line.replace("\0", " ").split()
        time.sleep(0.01)  # just now it becomes another program
    return False


class Ends:
    """Waits for processes that are not children of this one; each of them only once."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def wait(self, processes: Iterable[str], seconds: float) -> bool:
        """Wait until one of them ends, but not for longer than some seconds; whether one has.

        Parameters
        ----------
        processes : iterable of str
            Process ids.
        seconds : float
            On a system that cannot wait for processes, it is always so long.
        """
        with ExitStack() as stack:
            poll, watched = select.poll(), {}
            for process in set(processes) - self.seen:
                try:
                    descriptor = os.pidfd_open(int(process))
                except (AttributeError, OSError):  # not Linux; ended; no descriptor left
                    self.seen.add(process)
                    continue
                stack.callback(os.close, descriptor)
                poll.register(descriptor, select.POLLIN)
                watched[descriptor] = process
            ended = {watched[one] for one, _ in poll.poll(seconds * 1000)}
            self.seen |= ended
            return bool(ended)
