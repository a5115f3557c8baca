"""The page that a run keeps of itself."""

import itertools
import json
import logging
import os
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.synthetic import TRUST, TYPE_MAP, write_run
from wtemlp.cli import cli
from wtemlp.core.errors import InputError
from wtemlp.core.paths import RunPaths
from wtemlp.records import state
from wtemlp.records.state import RunState, Step
from wtemlp.records.summary import Summary
from wtemlp.report import data
from wtemlp.report.data import IterationData, RunData
from wtemlp.report.page import RunFacts, all_figures, render
from wtemlp.session.live_page import EVERY_S, FIRST_S, SHARE, LivePage
from wtemlp.session.live_report import write_run_page
from wtemlp.session.lock import locked
from wtemlp.session.page_process import NICENESS, Outcome, PageProcess
from wtemlp.session.progress import Reporter


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A run whose labels of iteration 1 are being made."""
    made = write_run(tmp_path_factory.mktemp("runs") / "water run")
    (made.root / "p.json").write_text(json.dumps({"model_devi_engine": "wte", "_token": "s3cret"}))
    (made.root / "m.json").write_text("{}")
    return made.root


@pytest.fixture
def paths(root):
    paths = RunPaths(root)
    state.save(
        paths,
        RunState(
            seed=5,
            type_map=TYPE_MAP,
            numb_models=4,
            trust=(TRUST,),
            params="p.json",
            machine="m.json",
            n_iterations=2,
            iteration=1,
            step=Step.RUN_LABEL,
            init_data=("data/training",),
            began="2026-01-02 03:04:05",
            platform="Linux",
        ),
    )
    Reporter(paths.live, command="run", files=("p.json", "m.json")).begin()
    return paths


def text(paths, **options) -> str:
    page, *_ = write_run_page(paths.root, **options)
    return page.read_text()


def test_a_run_that_goes_on_says_so_and_loads_itself_again(paths):
    reporter = Reporter(paths.live, command="run", files=())
    with locked(paths):
        reporter._write_live("iteration 1 of 2: label: 3 of 9 tasks done, 2 running, 33 %")
        page = text(paths)
    assert "Running: iteration 1 of 2: label: 3 of 9 tasks done" in page and "As of 20" in page
    assert 'data-refresh="60"' in page
    assert "s3cret" not in page and "2026-01-02 03:04:05" in page


def test_one_that_has_stopped_says_why_and_what_to_type(paths):
    Reporter(paths.live, command="run", files=()).end("task 3 failed <badly>\n  more")
    page = text(paths)
    assert "Stopped in iteration 1 of 2, label: task 3 failed &lt;badly&gt;. To go on: " in page
    assert "data-refresh=" not in page
    page = text(paths, at_work=True, error="no space")
    assert "Stopped in iteration 1 of 2, label: no space" in page


def test_one_that_is_finished(paths):
    done = state.load(paths)
    state.save(paths, RunState(**{**vars(done), "finished": "converged"}))
    page = text(paths, at_work=True)
    assert "Finished: converged." in page and "data-refresh=" not in page


def test_a_page_elsewhere_and_figures_for_papers(paths, tmp_path, monkeypatch):
    asked = {}

    def export(figures, folder):
        asked[folder] = figures
        return []

    monkeypatch.setattr("wtemlp.report.paper.export.export_figures", export)
    result = CliRunner().invoke(
        cli,
        [
            "report",
            str(paths.root),
            "-o",
            str(tmp_path / "x.html"),
            "--figures",
            str(tmp_path / "f"),
        ],
    )
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path}/x.html" in result.output
    assert "rmse" in [figure.key for figure in asked[tmp_path / "f"]]


def test_there_is_no_run(tmp_path):
    with pytest.raises(InputError, match="there is no run here"):
        write_run_page(tmp_path)


class Writer:
    """In the place of the process: a page takes some time, and some work."""

    def __init__(self, now, takes_s, works_s):
        self.now, self.takes_s, self.works_s = now, takes_s, works_s
        self.asked, self.busy = [], False

    def ask(self):
        assert not self.busy
        self.busy = True
        self.asked.append(self.now[0])

    def outcome(self):
        if self.busy and self.now[0] >= self.asked[-1] + self.takes_s:
            self.busy = False
            return Outcome(self.works_s)
        return None

    def end(self):
        self.busy = False


@pytest.mark.parametrize(
    ("takes_s", "works_s", "pause_s"), [(10, 3.0, 10 + 3.0 / SHARE), (0, 0.1, EVERY_S)]
)
def test_a_run_keeps_its_page_without_paying_much_for_it(tmp_path, takes_s, works_s, pause_s):
    now = [0.0]
    writer = Writer(now, takes_s, works_s)
    page = LivePage(tmp_path, lambda: now[0], writer)
    for _ in range(2000):
        page.keep()
        now[0] += 1.0
    pauses = [b - a for a, b in itertools.pairwise(writer.asked)]
    assert writer.asked[0] == FIRST_S and len(pauses) > 5
    assert all(pause_s <= pause <= pause_s + 2 for pause in pauses)


def wait_for(page, done, seconds=60.0):
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        page.keep()
        time.sleep(0.02)


def test_a_page_is_written_beside_the_run_and_never_waited_for(paths):
    """Also when its process stands still, as on a machine or a disk that does not answer."""
    paths.report.unlink(missing_ok=True)
    now = [0.0]
    process = PageProcess(paths.root)
    page = LivePage(paths.root, lambda: now[0], process)
    now[0] += FIRST_S
    wait_for(page, lambda: paths.report.exists() and not process.busy)
    assert "Running: " in paths.report.read_text()
    assert os.getpriority(os.PRIO_PROCESS, process._process.pid) == min(
        19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
    )
    os.kill(process._process.pid, signal.SIGSTOP)
    now[0] += 1e6
    began = time.monotonic()
    for _ in range(200):
        page.keep()
        now[0] += 1e6
    assert time.monotonic() - began < 0.5 and process.busy
    page.fail("no space")  # the last page is written here, and is whole
    text = paths.report.read_text()
    assert "Stopped in iteration 1 of 2, label: no space" in text and text.endswith("</html>")
    assert process._process is None and not list(paths.root.glob("report.html.*"))


def test_a_process_that_dies_is_begun_again(paths, caplog):
    now = [0.0]
    process = PageProcess(paths.root)
    page = LivePage(paths.root, lambda: now[0], process)
    now[0] += FIRST_S
    page.keep()
    process._process.kill()
    with caplog.at_level(logging.ERROR):
        wait_for(page, lambda: not process.busy)
    assert "the report could not be written: its process has ended with status -9" in caplog.text
    paths.report.unlink(missing_ok=True)
    now[0] += EVERY_S
    wait_for(page, paths.report.exists)
    page.end()


def test_a_page_that_fails_does_not_end_the_run(tmp_path, caplog):
    now = [0.0]
    process = PageProcess(tmp_path)  # there is no run
    page = LivePage(tmp_path, lambda: now[0], process)
    now[0] += FIRST_S
    page.keep()
    with caplog.at_level(logging.ERROR):
        wait_for(page, lambda: not process.busy)
        page.fail("no matter")
    assert caplog.text.count("the report could not be written") == 2
    assert "there is no run here" in caplog.text


def test_a_page_reads_again_what_has_changed(root, monkeypatch):
    read, known = [], data.Known()
    real = data._read_iteration
    monkeypatch.setattr(data, "_read_iteration", lambda *args: read.append(args[1]) or real(*args))
    first = data.read_run(root, known=known)
    second = data.read_run(root, known=known)
    every = list(range(len(first.iterations)))
    assert len(every) > 1 and read == [*every, every[-1]]  # the last may be changing just now
    assert [one.summary for one in second.iterations] == [one.summary for one in first.iterations]
    assert second.notes == first.notes
    summary = RunPaths(root).summary(0)
    os.utime(summary, ns=(1, 1))
    read.clear()
    data.read_run(root, known=known)
    assert read == [0, every[-1]]


def test_a_run_that_only_trains_has_no_empty_figures_of_exploration(tmp_path):
    training = RunData(
        [IterationData(0, Summary(iteration=0, n_train_frames=190))], [], [], [], final=0
    )
    keys = [one.key for one in all_figures(training, ())]
    assert keys == ["learning", "rdf", "timeline", "cost"]
    text = render(training, RunFacts("only trained", Path(), (), (), TYPE_MAP, final=0))
    assert "frames, trained on" in text and "Nothing was explored yet" not in text
    assert "Walkers" not in text and "frames labelled" not in text
    explored = RunData([IterationData(0, Summary(iteration=0, explored=9))], [], [], [], final=0)
    assert "outcomes" in [one.key for one in all_figures(explored, ())]
