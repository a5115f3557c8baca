"""The types of the public names."""

from wtemlp.analysis.frames import FrameTable as FrameTable
from wtemlp.comparison.compare import compare as compare
from wtemlp.config.machine.sections import load_machines as load_machines
from wtemlp.config.params import load_params as load_params
from wtemlp.records.labels import LabelOutcome as LabelOutcome
from wtemlp.records.summary import Summary as Summary
from wtemlp.records.walkers import WalkerSummary as WalkerSummary
from wtemlp.reference.base import Frames as Frames
from wtemlp.reference.base import Labeller as Labeller
from wtemlp.reference.base import Labels as Labels
from wtemlp.report.data import read_run as read_run
from wtemlp.stages.context import RunContext as RunContext
from wtemlp.stages.protocols import Explorer as Explorer
from wtemlp.stages.protocols import Selector as Selector
from wtemlp.validation.run import validate as validate
from wtemlp.workflow.loop import Loop as Loop
from wtemlp.workflow.run import run as run
from wtemlp.workflow.steps import explore as explore
from wtemlp.workflow.steps import label as label
from wtemlp.workflow.steps import select as select
from wtemlp.workflow.steps import train as train

__version__: str
__all__: list[str]
