"""The kinds of failure that a user can meet, kept apart.

Every one of them is shown as one line; `wtemlp.cli` turns them into an exit code.
"""

from collections.abc import Sequence


class WtemlpError(Exception):
    """Base of the errors that are shown to the user as one line."""

    exit_code = 1


class InputError(WtemlpError):
    """The input is wrong: nothing was written, exit code 2.

    Parameters
    ----------
    where : str
        File and key, as ``params.json: model_devi_jobs[0].wte.biasfactor``.
    problem : str
        What is wrong, with the offending value.
    remedy : str
        What to write instead.
    """

    exit_code = 2

    def __init__(self, where: str, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = where, problem, remedy
        super().__init__(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""))

    @property
    def each(self) -> "tuple[InputError, ...]":
        """The errors that this one is made of: itself, or all of a file's."""
        return (self,)


class SeveralErrors(InputError):
    """All that is wrong with a file, one line each.

    Parameters
    ----------
    errors : sequence of InputError
        One or more.
    """

    def __init__(self, errors: Sequence[InputError]) -> None:
        self._each = tuple(errors)
        first = self._each[0]
        super().__init__(first.where, first.problem, first.remedy)
        self.args = ("\n".join(map(str, self._each)),)

    @property
    def each(self) -> tuple[InputError, ...]:
        """The errors."""
        return self._each


def together(errors: Sequence[InputError]) -> InputError:
    """One error of one or more, each of which is told once."""
    each = list({str(error): error for error in errors}.values())
    return each[0] if len(each) == 1 else SeveralErrors(each)


class NotRunnable(InputError):
    """The input is well-formed, but no run can be made of it: exit code 2 all the same.

    A feature that this version does not have, a file that is not there, a place-holder.
    """

    @classmethod
    def of(cls, error: InputError) -> "NotRunnable":
        """The same complaint, of this kind."""
        return cls(error.where, error.problem, error.remedy)


class MissingEngine(InputError):
    """A program or library that the run needs is not installed: exit code 2."""


class TransportError(WtemlpError):
    """A host, a queue or a file system did not answer as expected: exit code 1."""


class FileSystemError(WtemlpError):
    """The disk is full, the quota used up, a file system read-only or lost: exit code 1."""


class CalculationError(WtemlpError):
    """A task ran and failed: exit code 1."""


class DamagedFile(CalculationError):
    """A file that wtemlp or an engine wrote is not what was written: exit code 1."""
