"""Which tests go to one worker, and in which order, when several workers run them.

The tests of a module stay together, for they share what is costly to make (a run, models), and the
long ones begin first.  The cluster tests mostly wait, for minutes: two workers do them from the
first to the last, and leave the cores to the others.
"""

from pathlib import Path

import pytest

from tests.support.loop_runs import undisturbed  # noqa: F401

HERE = Path(__file__).parent
#: Rooms in the order in which they begin.
ORDER = ("cluster", "engines", "loop", "unit")
#: Rooms and modules whose tests have little in common, and the number of groups that they make.
SPLIT = {"cluster": 2, "engines/test_walkers": 2, "loop/test_loop": 2}


def group_of(item: pytest.Item, number: int) -> str:
    """The group of a test: its module, or one of those that its room or its module makes."""
    module = item.path.relative_to(HERE).with_suffix("").as_posix()
    name = next((one for one in (module.partition("/")[0], module) if one in SPLIT), module)
    return f"{name}/{number % SPLIT[name]}" if name in SPLIT else name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests, and put the groups in order."""
    groups: dict[str, list[pytest.Item]] = {}
    for number, item in enumerate(items):
        groups.setdefault(group_of(item, number), []).append(item)
    for name, members in groups.items():
        for item in members:
            item.add_marker(pytest.mark.xdist_group(name))
    ranked = sorted(groups, key=lambda name: ORDER.index(name.partition("/")[0]))
    items[:] = [item for name in ranked for item in groups[name]]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the group off a test's name again: ``--last-failed`` knows the test without it."""
    name, _, group = report.nodeid.rpartition("@")
    if hasattr(report, "node") and name and "]" not in group:  # a worker has sent it
        report.nodeid = name
