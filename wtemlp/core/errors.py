"""The kinds of failure that a user can meet, kept apart.

Every one of them is shown as one line; `wtemlp.cli` turns them into an exit code.
"""


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


class CalculationError(WtemlpError):
    """A task ran and failed: exit code 1."""
