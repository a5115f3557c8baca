"""Which tests go to one worker, and in which order, when several workers run them.

Tests that share something costly (a cluster, a run with real engines) stay together, and the
long groups begin first.  The cluster tests mostly wait, so there may be more workers than cores.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: Fixtures of a session that cost a minute: those who use one go to one worker.
COSTLY = ("run", "undisturbed")
#: Rooms in the order in which they begin.
ORDER = ("cluster", "engines", "loop", "unit")


def group_of(item: pytest.Item) -> str:
    """The group of a test: its module, or the costly fixture that it uses."""
    module = item.path.relative_to(HERE).with_suffix("").as_posix()
    room = module.partition("/")[0]
    shared = [name for name in COSTLY if name in getattr(item, "fixturenames", ())]
    return f"{room}/{shared[0]}" if shared and room in ("engines", "loop") else module


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests, and put the groups in order."""
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
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
