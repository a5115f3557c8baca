"""The page that a run keeps of itself while it goes on.

What reads and draws is imported by the process that writes the pages, and by the run for the last.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

from wtemlp.session.page_process import PageProcess

FIRST_S = 3.0  #: before the first page: a run that is over by then has only its last one
EVERY_S = 60.0  #: shortest time between two pages that a run writes of itself
SHARE = 0.02  #: of the time, at most, goes into writing them
log = logging.getLogger("wtemlp.report")


class LivePage:
    """The page that a run keeps of itself while it goes on.

    A process beside the run writes it, so that the run never waits for it; the last one is for
    the run itself to write.  What goes wrong with it is logged: a page is no reason to end a run.

    Parameters
    ----------
    root : Path
        The run's folder.
    clock : callable, optional
        Seconds.
    process : PageProcess, optional
        What writes the pages.
    """

    def __init__(
        self,
        root: Path,
        clock: Callable[[], float] = time.monotonic,
        process: PageProcess | None = None,
    ) -> None:
        self.root, self._clock = root, clock
        self._process = process or PageProcess(root)
        self._next = clock() + FIRST_S

    def keep(self) -> None:
        """Have the page written, unless that was done a short while ago; never waits."""
        found = self._process.outcome()
        if found is not None:
            if found.error:
                log.error("the report could not be written: %s", found.error)
            self._next = self._clock() + max(EVERY_S, found.seconds / SHARE)
        if self._clock() >= self._next and not self._process.busy:
            self._process.ask()

    def end(self) -> None:
        """End what writes pages."""
        self._process.end()

    def last(self) -> Path:
        """Write the page of a run that is over; where it is."""
        from wtemlp.session.live_report import write_run_page

        self.end()
        return write_run_page(self.root)[0]

    def fail(self, error: str) -> None:
        """Write the last page of a run that ``error`` has ended, if that can be done."""
        self.end()
        try:
            from wtemlp.session.live_report import write_run_page

            write_run_page(self.root, at_work=True, error=error)
        except Exception:
            log.exception("the report could not be written")
