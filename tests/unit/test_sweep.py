"""A sweep: what its arms are, what is refused, and how its runs are watched."""

import json
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.support.params import GOOD
from wtemlp import cli
from wtemlp.config.keys.labels import Selection as Picking
from wtemlp.config.records import Machines, MachineSection
from wtemlp.core.errors import InputError, WtemlpError
from wtemlp.core.paths import RunPaths
from wtemlp.core.units import KB_EV
from wtemlp.records import state as states
from wtemlp.records import sweep_record
from wtemlp.records.summary import Summary, save_summary
from wtemlp.records.sweep_record import Arm, Sweep, load_sweep
from wtemlp.session.lock import locked
from wtemlp.session.progress import Reporter
from wtemlp.session.told import Told
from wtemlp.sweep import arms, children, folder, listing, machine_files, reach
from wtemlp.sweep.arm_input import arm_param, start_param
from wtemlp.sweep.cancel import cancel_sweep

JOB = {
    "sys_idx": [0],
    "temps": [300],
    "ensemble": "nvt",
    "nsteps": 4000,
    "trj_freq": 40,
    "wte": {"biasfactor": [4, 16], "nvt_steps": 1000, "walkers": 2, "share_hills": True},
}
GIVEN = {
    **{key: value for key, value in GOOD.items() if key != "sys_configs_prefix"},
    "model_devi_jobs": [JOB, JOB],
    "seed": 5,
    "init_data_prefix": "data",
    "init_data_sys": ["train", "/elsewhere/more"],
    "sys_configs": [["conf/*"], ["/abs/conf"]],
}


@pytest.fixture
def params(tmp_path):
    from wtemlp.config.params import load_params

    file = tmp_path / "param.json"
    file.write_text(json.dumps(GIVEN))
    return load_params(file, tmp_path, check_files=False)


def names(params, factors, *baselines, n=1, window_K=None):
    request = arms.read_request(params, "wte", factors, baselines, n)
    return arms.make_arms(params, request, window_K)


def test_the_arms_that_are_asked_for(params):
    found = names(params, [1, 16, 64], "random,highT", window_K=412.0)
    assert [arm.folder for arm in found] == [
        "g1",
        "g16",
        "g64",
        "g16-random",
        "g64-random",
        "g1-412K",
    ]
    assert [arm.baseline for arm in found] == ["unbiased", "", "", "random", "random", "highT"]
    assert [arm.selection for arm in found] == ["deviation"] * 3 + ["random"] * 2 + ["deviation"]
    assert [arm.temperature_K for arm in found] == [300] * 5 + [412]
    assert {arm.seed for arm in found} == {5}
    only = names(params, [16, 64], "random:16", "highT:400,highT:450.5")
    assert [arm.name for arm in only] == ["g16", "g64", "g16-random", "g1-400K", "g1-450.5K"]


def test_each_seed_has_all_arms_and_the_first_the_plain_names(params):
    found = names(params, [1, 16], n=3)
    assert [arm.folder for arm in found] == [
        "g1",
        "g16",
        "g1.seed.6",
        "g16.seed.6",
        "g1.seed.7",
        "g16.seed.7",
    ]
    assert [arm.seed for arm in found] == [5, 5, 6, 6, 7, 7]
    assert {arm.name for arm in found} == {"g1", "g16"}
    assert found[:2] == names(params, [1, 16])


@pytest.mark.parametrize(
    ("factors", "baselines", "message"),
    [
        ([], [], "--biasfactor: is missing"),
        ([1, 0.5], [], "--biasfactor: 0.5; must be 1 or more"),
        ([float("nan")], [], "--biasfactor: nan; must be 1 or more"),
        ([1e7], [], "1e+07; must be 1 or more"),
        ([4, 4], [], "--biasfactor: 4 is given twice"),
        ([4], ["rnadom"], '--baseline: "rnadom"; must be random, random:G, highT or highT:T'),
        ([4], ["random,"], '--baseline: ""; must be random'),
        ([1], ["random"], '"random"; needs a bias factor above 1'),
        ([4], ["random:16"], '"random:16"; must be a bias factor above 1 of --biasfactor (4)'),
        ([1, 4], ["random:1"], "must be a bias factor above 1 of --biasfactor (4)"),
        ([4], ["random:"], '"random:"; must be a bias factor above 1'),
        ([1], ["highT"], '"highT"; needs a bias factor above 1 in --biasfactor, or write highT:T'),
        ([4], ["highT:300"], '"highT:300"; must be above that of param.json (300 K)'),
        ([4], ["highT:x"], '"highT:x"; must be above that of param.json (300 K)'),
        ([4], ["highT:nan"], "must be above that of param.json"),
    ],
)
def test_nonsense_is_refused(params, factors, baselines, message):
    with pytest.raises(InputError, match=re.escape(message)):
        arms.read_request(params, "wte", factors, baselines, 1)


@pytest.mark.parametrize("n", [0, -1, 1000])
def test_so_many_seeds_are_refused(params, n):
    with pytest.raises(InputError, match="--seeds"):
        arms.read_request(params, "wte", [4], [], n)


def test_explorations_without_a_bias_factor_to_replace_are_refused(params):
    job, block = params.jobs[0], params.jobs[0].wte
    extra = replace(block.extra, variables=("d",))
    for changed, message in (
        (replace(params, jobs=()), "has no exploration"),
        (replace(params, labels_by_hand=True), "labels_by_hand: true: each run of a sweep would"),
        (replace(params, selection=Picking("random")), "selection.method: random; must be"),
        (
            replace(params, jobs=(job, replace(job, template=object()))),
            r"model_devi_jobs[1].template: is not supported by a sweep",
        ),
        (
            replace(params, jobs=(replace(job, wte=replace(block, method="opes")),)),
            "wte.method: opes is not supported by a sweep",
        ),
        (
            replace(params, jobs=(replace(job, wte=replace(block, window_K=(250, 400))),)),
            "wte.biasfactor: window_K is not supported",
        ),
        (
            replace(params, jobs=(replace(job, wte=replace(block, extra=extra)),)),
            "wte.variables: are not supported",
        ),
    ):
        with pytest.raises(InputError, match=re.escape(message)):
            arms.read_request(changed, "wte", [4], [], 1)
    with pytest.raises(InputError, match='model_devi_engine: "lammps" has no bias factor'):
        arms.read_request(params, "lammps", [4], [], 1)
    hot = replace(params, jobs=(job, replace(job, temps_K=(350.0,))))
    with pytest.raises(InputError, match='highT" with explorations at 300, 350 K; needs one temp'):
        arms.read_request(hot, "wte", [4], ["highT"], 1)


def test_the_budget_is_of_all_systems_of_an_iteration(params):
    both = replace(params.jobs[0], sys_idx=(0, 1))
    assert arms.budget(params) == params.fp_task_max
    assert arms.budget(replace(params, jobs=(params.jobs[0], both))) == 2 * params.fp_task_max


def arm(**changes) -> Arm:
    return Arm(
        **{
            "name": "g16",
            "folder": "g16",
            "biasfactor": 16.0,
            "temperature_K": 300.0,
            "selection": "deviation",
            "seed": 5,
        }
        | changes
    )


def test_an_arms_file_differs_in_its_bias_and_in_where_it_is(tmp_path):
    made = arm_param(GIVEN, arm(), tmp_path, tmp_path / "sweep/g16")
    changed = {key for key in GIVEN | made if GIVEN.get(key) != made.get(key)}
    assert changed == {"init_data_prefix", "sys_configs_prefix", "model_devi_jobs"}
    assert made["init_data_prefix"] == "../../data" and made["sys_configs_prefix"] == "../.."
    for job in made["model_devi_jobs"]:
        assert job == {**JOB, "wte": {**JOB["wte"], "biasfactor": 16}}
    assert GIVEN["model_devi_jobs"][0]["wte"]["biasfactor"] == [4, 16]  # the given one is as it was


def test_baselines_files(tmp_path):
    here = tmp_path / "sweep/x"
    one = arm_param(GIVEN, arm(biasfactor=1.0), tmp_path, here)["model_devi_jobs"][0]
    assert one["wte"]["biasfactor"] == 1 and "share_hills" not in one["wte"]
    assert (one["wte"]["nvt_steps"], one["nsteps"]) == (1000, 4000)  # as long as the biased ones
    hot = arm(biasfactor=1.0, temperature_K=412.5, baseline="highT", seed=9)
    hot = arm_param(GIVEN, hot, tmp_path, here)
    assert hot["seed"] == 9 and hot["model_devi_jobs"][1]["temps"] == [412.5]
    given = {**GIVEN, "selection": {"min_steps_apart": 80}}
    random = arm_param(given, arm(selection="random"), tmp_path, here)
    assert random["selection"] == {"min_steps_apart": 80, "method": "random"}
    start = start_param(GIVEN, 6, tmp_path, here)
    assert start["model_devi_jobs"] == [] and start["seed"] == 6


@pytest.mark.parametrize("plumed", [["INCLUDE FILE=mine.dat", "v: VOLUME"], "own.plm"])
def test_included_files_are_written_into_an_arms_file(tmp_path, plumed):
    """Their names are relative to the run's folder, and an arm has another."""
    (tmp_path / "mine.dat").write_text("d: DISTANCE ATOMS=1,2\n")
    (tmp_path / "own.plm").write_text("INCLUDE FILE=mine.dat\nv: VOLUME\n")
    job = {**JOB, "wte": {**JOB["wte"], "plumed": plumed}}
    made = arm_param({**GIVEN, "model_devi_jobs": [job]}, arm(), tmp_path, tmp_path / "s/g16")
    lines = made["model_devi_jobs"][0]["wte"]["plumed"]
    assert [one for one in lines if one[0] != "#"] == ["d: DISTANCE ATOMS=1,2", "v: VOLUME"]


def test_all_paths_lead_to_the_same_files(tmp_path):
    (tmp_path / "own.plm").write_text("d: DISTANCE ATOMS=1,2\n")
    own = {"training": {"validation_data": {"systems": ["../../../own", "/abs/own"]}}}
    given = {
        **GIVEN,
        "fp_incar": "in/INCAR",
        "fp_pp_path": "/abs/pp",
        "init_data_prefix": None,
        "training_iter0_model_path": ["m/0", "m/1"],
        "fp_params": {"template_fn": "t/x"},
        "default_training_param": own,
        "model_devi_jobs": [
            {**JOB, "wte": {**JOB["wte"], "plumed": "own.plm"}},
            {**JOB, "wte": {**JOB["wte"], "plumed": ["d: DISTANCE ATOMS=1,2"]}},
        ],
    }
    here = tmp_path / "far/away/g16"
    made = arm_param(given, arm(), tmp_path, here)

    def same(path, expected, base=here):
        assert not Path(path).is_absolute()
        assert Path(os.path.normpath(base / path)) == tmp_path / expected

    same(made["init_data_prefix"], "")
    same(made["fp_incar"], "in/INCAR")
    same(made["training_iter0_model_path"][1], "m/1")
    same(made["fp_params"]["template_fn"], "t/x")
    same(made["model_devi_jobs"][0]["wte"]["plumed"], "own.plm")
    assert made["model_devi_jobs"][1]["wte"]["plumed"] == ["d: DISTANCE ATOMS=1,2"]
    assert made["fp_pp_path"] == "/abs/pp"
    systems = made["default_training_param"]["training"]["validation_data"]["systems"]
    same(systems[0], "own", here / "iter.000000/00.train/000")
    assert systems[1] == "/abs/own"


def test_the_temperature_is_the_end_of_the_window(params):
    # C = sigma^2 / k T^2; dT = sqrt(g k T^2 / C) = sqrt(g) k T^2 / sigma, countable by hand.
    unbiased = reach.Unbiased(0.5, 300.0, "here")
    k = (0.5 / (KB_EV * 300)) ** 2
    expected = 300 * (k + 15 + (16 * (k + 15)) ** 0.5) / k
    assert unbiased.highest_K(300.0, 16.0) == round(expected) == 375
    # The same heat capacity at another temperature: the window grows with it.
    assert unbiased.highest_K(330.0, 16.0) == round(330 + (expected - 300) * 1.1)
    assert reach.window_K(unbiased, params, 16.0) == 375
    with pytest.raises(InputError, match="highT: bias factor 16 reaches"):
        reach.window_K(reach.Unbiased(1e-9, 300.0, "here"), params, 16.0)


def test_what_was_measured_is_kept(tmp_path):
    assert reach.recorded(tmp_path) is None
    found = reach.Unbiased(0.5, 300.0, "here", ("short",))
    reach.save(tmp_path, found)
    assert reach.recorded(tmp_path) == found
    for text in ("{}", '{"sigma_eV": 0, "temperature_K": 1, "where": "", "warnings": []}', "["):
        (tmp_path / reach.FILE).write_text(text)
        with pytest.raises(InputError, match=re.escape(f"{tmp_path / reach.FILE}")):
            reach.recorded(tmp_path)


def given(root: Path, **changes) -> folder.Given:
    return folder.Given({**GIVEN, **changes}, root, ("--biasfactor", "1", "16"))


def test_another_file_is_refused_and_more_arms_are_added(tmp_path, params):
    place = tmp_path / "sweep"
    place.mkdir()
    folder.check_folder(place, given(tmp_path), "param.json")
    given(tmp_path).save(place)
    assert folder.load_given(place) == given(tmp_path)
    folder.check_folder(place, given(tmp_path), "param.json")
    with pytest.raises(InputError, match="fp_task_max: is not that of the sweep in"):
        folder.check_folder(place, given(tmp_path, fp_task_max=99), "param.json")
    with pytest.raises(InputError, match="is of"):
        folder.check_folder(place, given(tmp_path / "other"), "param.json")
    first = Sweep("p", "m", 20, names(params, [1, 16]))
    both = folder.merged(first, Sweep("p", "m2", 20, names(params, [16, 64], "random:64")))
    assert [one.name for one in both.arms] == ["g1", "g16", "g64", "g64-random"]
    assert both.machine == "m2"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"root": 1}'])
def test_damaged_records_are_one_line(tmp_path, text):
    (tmp_path / folder.GIVEN).write_text(text)
    (tmp_path / sweep_record.FILE).write_text(text)
    for read in (folder.load_given, load_sweep):
        with pytest.raises(InputError, match="json: is "):
            read(tmp_path)


def test_the_folder_of_a_run_is_refused(tmp_path, params):
    begun(tmp_path)
    with pytest.raises(InputError, match="is the folder of a run"):
        folder.check_folder(tmp_path, given(tmp_path), "param.json")


def begun(root: Path, **changes) -> states.RunState:
    root.mkdir(exist_ok=True)
    state = states.RunState(
        **{
            "seed": 5,
            "type_map": ("O", "H"),
            "numb_models": 4,
            "trust": ((0.1, 0.3),),
            "params": "param.json",
            "machine": "m.json",
            "n_iterations": 2,
        }
        | changes
    )
    states.save(RunPaths(root), state)
    return state


def machines(**train) -> Machines:
    sections = [MachineSection(stage, "x", {}, {}) for stage in ("train", "model_devi", "fp")]
    section = replace(sections[0], **train)
    return Machines(Path("machine.json"), section, *sections[1:], "3", {})


def test_files_of_the_machine_are_found_from_an_arm(tmp_path):
    (tmp_path / "tools").mkdir()
    for name in ("tools/a.sh", "tools/b.sh", "key"):
        (tmp_path / name).write_text(name)
    machine = {"remote_profile": {"key_filename": "key"}}
    asked = machines(user_forward_files=("tools/*.sh", "/abs/file"), machine=machine)
    found = machine_files.relative_files(asked, tmp_path)
    assert found == ("tools/a.sh", "tools/b.sh", "key")
    run = tmp_path / "sweep/g1"
    run.mkdir(parents=True)
    for _ in range(2):
        folder.link_user_files(run, tmp_path, found)
    assert (run / "tools/b.sh").read_text() == "tools/b.sh"
    for wrong in ("../x", "param.json"):
        (tmp_path / "param.json").write_text("{}")
        with pytest.raises(InputError, match="give an absolute path"):
            machine_files.relative_files(machines(user_forward_files=(wrong,)), tmp_path)


# -- runs


class Program(children.Child):
    """A run whose program is a line of Python."""

    code = ""

    def _start(self):
        import subprocess

        self._said_from = 0
        with (self.folder / folder.OUTPUT).open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.code],
                cwd=self.folder,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.stand = children.Stand.RUNNING


def program(root: Path, name: str, code: str, after=None) -> Program:
    place = root / name
    place.mkdir()
    child = Program(name, place, root / "m.json", lambda: None, after)
    child.code = code
    return child


def run(*runs, parallel=9):
    console = Console(file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    children.run_all(runs, parallel, Reporter(None, console))
    return [one.stand.value for one in runs]


#: Ends as a run does.
FINISH = (
    "import json; s = json.load(open('wtemlp.json')); s['finished'] = 'end'; "
    "json.dump(s, open('wtemlp.json', 'w'))"
)


def test_one_that_fails_stops_only_those_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOOK_S", 0.02)
    good = program(tmp_path, "good", FINISH)
    begun(good.folder)
    bad = program(tmp_path, "bad", "print('said\\nwtemlp: it is lost\\n  its last line'); exit(1)")
    after = program(tmp_path, "after", FINISH, after=bad)
    killed = program(tmp_path, "killed", "import os; os.kill(os.getpid(), 9)")
    assert run(good, bad, after, killed) == ["finished", "failed", "failed", "failed"]
    assert bad.error == "it is lost\n  its last line"
    assert after.error == "bad, which it goes on from, has failed" and after.process is None
    assert killed.error == "was killed (SIGKILL)"
    assert good.row() == ("finished", "finished") and bad.row()[1] == "failed: it is lost"


def test_a_finished_run_is_not_touched(tmp_path):
    one = program(tmp_path, "one", "raise SystemExit(1)")
    begun(one.folder, finished="end of model_devi_jobs")
    assert run(one) == ["finished"]
    assert {file.name for file in one.folder.iterdir()} == {"wtemlp.json"}


def test_a_run_that_cannot_be_made_has_failed(tmp_path):
    def prepare():
        raise InputError("param.json", "is damaged")

    one = program(tmp_path, "one", "")
    one.prepare = prepare
    assert run(one) == ["failed"] and one.error == "param.json: is damaged"


def test_a_damaged_state_is_of_one_run(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOOK_S", 0.02)
    bad = program(tmp_path, "bad", "open('wtemlp.json', 'w').write('{')")
    good = program(tmp_path, "good", FINISH)
    begun(good.folder)
    assert run(bad, good) == ["failed", "finished"]
    assert "wtemlp.json: is damaged (it is not JSON)" in bad.error


def test_no_more_at_once_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOOK_S", 0.02)
    code = (
        "import time; open('began', 'w').write(str(time.time())); time.sleep(0.2); "
        + FINISH
        + "; open('ended', 'w').write(str(time.time()))"
    )
    runs = [program(tmp_path, name, code) for name in "abc"]
    for one in runs:
        begun(one.folder)
    assert run(*runs, parallel=1) == ["finished"] * 3
    times = [[float((one.folder / n).read_text()) for n in ("began", "ended")] for one in runs]
    assert times[0][1] <= times[1][0] and times[1][1] <= times[2][0]


def test_a_run_that_outlived_the_sweep_is_watched_and_not_begun_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "LOOK_S", 0.02)
    one = program(tmp_path, "one", "raise SystemExit(1)")
    begun(one.folder)
    looks = []

    def look(seconds):
        looks.append(one.stand)
        if len(looks) == 3:
            begun(one.folder, finished="end")
            holder.__exit__(None, None, None)

    monkeypatch.setattr(children.time, "sleep", look)
    holder = locked(RunPaths(one.folder))
    holder.__enter__()
    assert run(one) == ["finished"]
    assert looks == [children.Stand.RUNNING] * 3 and not (one.folder / folder.OUTPUT).exists()


def test_an_interrupted_sweep_ends_its_runs(tmp_path, monkeypatch):
    one = program(tmp_path, "one", "import time; open('began', 'w'); time.sleep(60)")
    begun(one.folder)
    sleep, calls = time.sleep, []

    def interrupt(seconds):
        calls.append(seconds)
        if len(calls) > 1:  # waiting for the end
            sleep(seconds)
            return
        end = time.monotonic() + 30
        while not (one.folder / "began").exists() and time.monotonic() < end:
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(children.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(one)
    assert one.process.poll() == -15


def test_all_at_once_but_on_this_machine():
    assert children.default_parallel(True, 6) == 1
    assert children.default_parallel(False, 6) == 6


# -- what is shown


@pytest.fixture
def swept(tmp_path, params):
    place = tmp_path / "sweep"
    place.mkdir()
    given(tmp_path).save(place)
    found = names(params, [1, 16, 64], "random:16")
    sweep_record.save(place / sweep_record.FILE, Sweep("../p.json", "../m.json", 20, found))
    begun(place / "g1", finished="end of model_devi_jobs")
    begun(place / "g16", iteration=1)
    for name, rows in {
        "g1": [(20, 150.0), (18, 120.0), (None, 95.5)],
        "g16": [(20, 150.0)],
    }.items():
        for index, (labelled, force) in enumerate(rows):
            RunPaths(place / name).iteration(index).mkdir()
            row = Summary(index, labelled=labelled, force_rmse_meV_A=force)
            save_summary(RunPaths(place / name).summary(index), row)
    return place


def test_the_table_counts_labels_and_shows_the_course_of_the_error(swept):
    lines = listing.table(swept, sweep_record.load(swept / sweep_record.FILE).arms).splitlines()
    cells = [re.split(r"  +", line) for line in lines[2:]]
    assert cells[0] == ["unbiased MD", "g1", "finished", "38", "150 -> 95.5"]
    assert cells[1][-2:] == ["20", "150"]
    assert cells[2] == ["g = 64", "g64", "not begun", "0", "-"]
    assert cells[3][0] == "g = 16, random picks"


def test_status_of_a_sweep(swept, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    text = listing.describe(swept)
    assert "1 of 4 runs finished" in text and "no wtemlp is at work on it" in text
    assert "go on with: wtemlp sweep p.json m.json --biasfactor 1 16\n" in text
    done = CliRunner().invoke(cli.cli, ["status", "--json", str(swept)])
    runs = json.loads(done.output)["runs"]
    assert len(runs) == 4 and runs["g64"] is None
    assert runs["g1"]["state"]["finished"] and runs["g16"]["state"]["iteration"] == 1
    with locked(RunPaths(swept / "g16")):
        assert "iteration 1, train: running" in listing.describe(swept)
    assert listing.find_sweep(swept) == swept and listing.find_sweep(tmp_path) == swept
    begun(tmp_path)
    assert listing.find_sweep(tmp_path) is None  # a run is there, beside its sweep


def test_jobs_of_all_runs_are_cancelled(swept):
    for name in ("g1", "g16"):
        (swept / name / folder.PARAM).write_text("{}")
    asked = []

    def cancel(place: Path) -> Told:
        asked.append(place.name)
        if place.name == "g1":
            raise WtemlpError("the queue does not answer")
        return Told(["2 jobs were ended; go on with: x"], {"jobs_ended": 2})

    with pytest.raises(WtemlpError, match=r"g1: the queue does not answer\ng16: 2 jobs were ended"):
        cancel_sweep(swept, cancel)
    assert asked == ["g1", "g16"]
    none = Told(["this run had no jobs; go on"], {"jobs_ended": 0})
    told = cancel_sweep(swept, lambda place: none)
    assert told.lines[:2] == ["g1: this run had no jobs", "g16: this run had no jobs"]
    assert told.lines[2].startswith("go on with: ") and len(told.lines) == 3
    assert told.facts == {"runs": {"g1": {"jobs_ended": 0}, "g16": {"jobs_ended": 0}}}
    with locked(RunPaths(swept)), pytest.raises(WtemlpError, match="another wtemlp is at work"):
        cancel_sweep(swept, cancel)


# -- the start, taken over


def test_the_first_training_is_taken_over_whole(tmp_path):
    start, arm_paths = RunPaths(tmp_path / "start"), RunPaths(tmp_path / "g16")
    trained = begun(start.root, versions={"deepmd-kit": "3.2.0"})
    model = start.model(0, 0)
    model.mkdir(parents=True)
    (model / "frozen_model.pb").write_bytes(b"m" * 2 * folder.LINKED_BYTES)
    (model / "lcurve.out").write_text("# step\n")
    (model / ".wtemlp_task_tag_finished").write_text("job 0\n")
    (start.train(0) / "graph.000.pb").symlink_to("000/frozen_model.pb")
    (start.train(0) / "dispatch.json").write_text("{}")
    save_summary(start.summary(0), Summary(0, n_train_frames=4))
    # What a call that was killed in the middle has left.
    arm_paths.train(0).mkdir(parents=True)
    (arm_paths.train(0) / "half").write_text("")
    arm_paths.record.write_text("0 0\n")
    fresh = replace(trained, n_iterations=2, versions={})
    folder._take_over(start, arm_paths, fresh)
    files = sorted(str(f.relative_to(arm_paths.root)) for f in arm_paths.root.rglob("*"))
    assert files == [
        "iter.000000",
        "iter.000000/00.train",
        "iter.000000/00.train/000",
        "iter.000000/00.train/000/.wtemlp_task_tag_finished",
        "iter.000000/00.train/000/frozen_model.pb",
        "iter.000000/00.train/000/lcurve.out",
        "iter.000000/00.train/graph.000.pb",
        "iter.000000/summary.json",
        "record.dpgen",
        "wtemlp.json",
    ]
    assert (arm_paths.train(0) / "graph.000.pb").readlink() == Path("000/frozen_model.pb")
    linked = arm_paths.model(0, 0) / "frozen_model.pb"
    assert linked.samefile(model / "frozen_model.pb")
    assert not (arm_paths.model(0, 0) / "lcurve.out").samefile(model / "lcurve.out")
    assert arm_paths.record.read_text() == "0 0\n0 1\n0 2\n"
    state = states.load(arm_paths)
    assert (state.iteration, state.step) == (0, states.Step.MAKE_EXPLORE)
    assert state.versions == {"deepmd-kit": "3.2.0"} and not state.finished
