"""A run of the version before: its files are read, and it goes on.

`data/run_before_records.tar.xz` is a small finished run with the cheap engines, without logs.
"""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.support import program
from tests.support.engines import require_engine
from tests.support.loop_runs import Run, write_machine
from tests.support.loop_state import set_state
from wtemlp.analysis.frames import load_frames
from wtemlp.core.paths import RunPaths
from wtemlp.records.state import Step
from wtemlp.records.summary import load_summary, save_summary, summaries

EXPLORED = "iter.000001/01.model_devi/explored.npz"
DECIDED = ("system", "task", "step", "energy_eV", "max_devi_f", "decision", "verdict")
ARCHIVE = Path(__file__).with_name("data") / "run_before_records.tar.xz"


@pytest.fixture
def earlier(tmp_path):
    """The run, with this machine's engines."""
    folder = tmp_path / "earlier"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="tar")
    write_machine(folder)
    return Run(folder)


def test_its_status_and_report_are_the_same(earlier):
    told = program.run("status", cwd=earlier.folder)
    assert told.returncode == 0 and "finished: end of model_devi_jobs" in told.stdout
    assert "0.771 (x0.771 +- ?)" in told.stdout and "1.09 (x1.09 +- ?)" in told.stdout
    made = program.run("report", cwd=earlier.folder)
    assert made.returncode == 0, made.stderr
    page = (earlier.folder / "report.html").read_text()
    assert "task.000.000001" in page and "cannot be read" not in page


def test_its_summaries_are_written_as_they_were(earlier):
    for file in sorted(earlier.folder.glob("iter.*/summary.json")):
        before = json.loads(file.read_text())
        save_summary(file, load_summary(file))
        after = json.loads(file.read_text())
        walkers = list(zip(before.pop("walkers"), after["walkers"], strict=True))
        assert walkers or file.parent.name == "iter.000002"
        for then, now in [(before, after), *walkers]:
            assert {key: now[key] for key in then} == then
    assert len(summaries(RunPaths(earlier.folder))) == 3


@pytest.mark.parametrize("step", [Step.POST_EXPLORE, Step.POST_LABEL])
def test_it_goes_on_and_ends_with_the_same_data(earlier, step):
    require_engine("lammps")
    expected = earlier.fingerprint()
    frames = load_frames(earlier.folder / EXPLORED)
    outcomes = earlier.folder / "iter.000001/02.fp/labels.json"
    before = json.loads(outcomes.read_text())
    shutil.rmtree(earlier.folder / "iter.000002")
    set_state(earlier, iteration=1, step=int(step), finished="")
    outcomes.unlink()
    said = earlier.finish()
    assert f"going on in iteration 1 with step {step.words}" in said
    again = json.loads(outcomes.read_text())
    assert [{key: one[key] for key in before[0]} for one in again] == before
    # Labels have a key more now, and frames without a virial none that is 0.
    changed = dict.fromkeys(("iter.000001/02.fp/labels.json", EXPLORED), "")
    assert earlier.fingerprint() | changed == expected | changed
    table = load_frames(earlier.folder / EXPLORED)
    assert all(np.array_equal(getattr(table, key), getattr(frames, key)) for key in DECIDED)
