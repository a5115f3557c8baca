"""What changed in a run's parameter file while it went on, as its page shows it."""

from collections.abc import Sequence

from wtemlp.records.inputs import Change
from wtemlp.report.document import PageSection, table_section
from wtemlp.report.table import MISSING, Column, Table

_COLUMNS = [
    Column("iter"),
    Column("from", text=True),
    Column("key", text=True),
    Column("before", text=True),
    Column("after", text=True),
]
_CAPTION = (
    "Keys of the parameter file that are not what they were, from the stage on that was the first "
    "to be prepared with the new value. What a file that a key names holds is not in it."
)


def changes_section(changes: Sequence[Change]) -> PageSection:
    """A row for each key that changed."""
    rows = [
        [str(one.iteration), one.stage, one.key, one.before or MISSING, one.after or MISSING]
        for one in changes
    ]
    return table_section(
        "Changes on the way", Table(_COLUMNS, rows), key="changes", caption=_CAPTION
    )
