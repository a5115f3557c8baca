"""What a check has found: one line each, with the remedy."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from wtemlp.core.errors import InputError, MissingEngine, WtemlpError

LONGEST = 500  #: characters of what is quoted from elsewhere


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    where: str  #: file and key, or the place
    what: str
    remedy: str = ""
    of_input: bool = False  #: what is wrong is in the input files, not in a host, queue or engine

    @property
    def line(self) -> str:
        """For the terminal."""
        what = " ".join(self.what.split())
        what = what if len(what) <= LONGEST else what[: LONGEST - 3] + "..."
        text = f"{self.level.value:<8} {self.where}: {what}"
        return f"{text}; {self.remedy}" if self.remedy else text


class Findings:
    """All that has been found.

    Parameters
    ----------
    show : callable
        Called with each finding when it is made.
    """

    def __init__(self, show: Callable[[Finding], object]) -> None:
        self.show = show
        self.all: list[Finding] = []

    def add(self, finding: Finding) -> None:
        """Note and show a finding."""
        self.all.append(finding)
        self.show(finding)

    def ok(self, where: str, what: str) -> None:
        """All is well."""
        self.add(Finding(Level.OK, where, what))

    def warning(self, where: str, what: str, remedy: str = "") -> None:
        """The run would begin, but may not go as wished."""
        self.add(Finding(Level.WARNING, where, what, remedy))

    def error(self, where: str, what: str, remedy: str = "") -> None:
        """The run would fail: a host, a queue or an engine."""
        self.add(Finding(Level.ERROR, where, what, remedy))

    def refused(self, error: WtemlpError, where: str = "") -> None:
        """What the run would be refused with.

        Parameters
        ----------
        error : WtemlpError
        where : str
            For errors that do not know it themselves.
        """
        if not isinstance(error, InputError):
            self.add(Finding(Level.ERROR, where, str(error)))
            return
        for one in error.each:
            of_input = not isinstance(one, MissingEngine)
            self.add(Finding(Level.ERROR, one.where, one.problem, one.remedy, of_input))

    def count(self, level: Level) -> int:
        """How many there are of a level."""
        return sum(one.level is level for one in self.all)

    @property
    def summary(self) -> str:
        """The last line."""
        errors, warnings = self.count(Level.ERROR), self.count(Level.WARNING)
        fine = f"{self.count(Level.OK)} ok"
        words = [_number(errors, "error"), _number(warnings, "warning"), fine]
        return ", ".join(filter(None, words))

    @property
    def exit_code(self) -> int:
        """0: nothing stands in the way; 2: the input is wrong; 1: a host, queue or engine is."""
        errors = [one for one in self.all if one.level is Level.ERROR]
        if any(one.of_input for one in errors):
            return InputError.exit_code
        return WtemlpError.exit_code if errors else 0


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'s' if count != 1 else ''}" if count else ""
