"""The table of faults is that of the tests."""

import ast
import json

from tests.support.faults import BEGIN, DOCUMENT, END, FAULTS, Observation, note, table

TESTS = DOCUMENT.parents[1] / "tests" / "cluster" / "test_faults.py"


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_fault_has_a_test():
    functions = [node for node in ast.parse(TESTS.read_text()).body if hasattr(node, "name")]
    names = [f.name.removeprefix("test_") for f in functions if f.name.startswith("test_")]
    assert sorted(names) == sorted(FAULTS)


def test_the_document_has_every_fault():
    text = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    shown = rows(text)
    assert [row[0] for row in shown] == [fault.what for fault in FAULTS.values()]
    assert [row[1] for row in shown] == [fault.dpdispatcher for fault in FAULTS.values()]
    for _, _, outcome, told in shown:
        assert outcome.endswith(" s)")
        assert told


def test_observations_become_rows(tmp_path):
    file = tmp_path / "faults.json"
    for key in FAULTS:
        note(file, key, Observation("lost", 1.0, 1, ()))
    note(file, "scancel", Observation("recovered", 12.4, 2, ("a | `b`", "c")))
    shown = rows(table(json.loads(file.read_text())))
    assert shown[0][2:] == ["recovered (2 jobs, 12 s)", "`a / 'b'`<br>`c`"]
    assert shown[1][2:] == ["lost (1 job, 1 s)", "nothing"]
    assert len(shown) == len(FAULTS)
