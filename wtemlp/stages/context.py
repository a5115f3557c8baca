"""What every stage gets: the input records and the paths of the run."""

from dataclasses import dataclass

from wtemlp.config.records import Machines, Params
from wtemlp.core.paths import RunPaths
from wtemlp.core.seeds import derive_seed


@dataclass(frozen=True)
class RunContext:
    """A run's input and paths."""

    params: Params
    machines: Machines
    paths: RunPaths

    def seed(self, *purpose: object) -> int:
        """The seed of a purpose, from the run's."""
        return derive_seed(self.params.seed, *purpose)
