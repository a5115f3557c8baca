"""wtemlp: active learning of Deep Potential models with well-tempered-ensemble exploration.

The names in ``__all__`` are the public ones; each is imported when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Where each public name is.  ``__init__.pyi`` says the same to type checkers.
_WHERE = {
    # input
    "load_params": "wtemlp.config.params",
    "load_machines": "wtemlp.config.machine.sections",
    # a run, and its stages alone
    "run": "wtemlp.workflow.run",
    "Loop": "wtemlp.workflow.loop",
    "RunContext": "wtemlp.stages.context",
    "train": "wtemlp.workflow.steps",
    "explore": "wtemlp.workflow.steps",
    "select": "wtemlp.workflow.steps",
    "label": "wtemlp.workflow.steps",
    # what it leaves
    "read_run": "wtemlp.report.data",
    "Summary": "wtemlp.records.summary",
    "WalkerSummary": "wtemlp.records.walkers",
    "LabelOutcome": "wtemlp.records.labels",
    "FrameTable": "wtemlp.analysis.frames",
    "validate": "wtemlp.validation.run",
    "compare": "wtemlp.comparison.compare",
    # to add to it
    "Explorer": "wtemlp.stages.protocols",
    "Selector": "wtemlp.stages.protocols",
    "Labeller": "wtemlp.reference.base",
    "Frames": "wtemlp.reference.base",
    "Labels": "wtemlp.reference.base",
}

__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
