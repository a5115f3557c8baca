"""What the queues answer, with what sites and logins print beside it."""

import subprocess

import pytest

from wtemlp.config.records import MachineSection
from wtemlp.core.errors import InputError
from wtemlp.dispatch.host_backend import HostBackend
from wtemlp.dispatch.queues import (
    Said,
    find_command,
    is_full,
    kill_command,
    list_command,
    parse_list,
    queue_of,
    without_names,
)
from wtemlp.dispatch.remote_shell import Place
from wtemlp.dispatch.retry import Patience
from wtemlp.dispatch.settings import read_section

BATCHES = ("Slurm", "SlurmJobArray", "PBS", "Torque", "LSF", "SGE", "Fugaku", "JH_UniScheduler")
#: What a queue says of a new job, and the job's id.
SUBMITTED = {
    "Slurm": ("123", "123"),
    "SlurmJobArray": ("123;north", "123"),
    "PBS": ("123.pbs01", "123.pbs01"),
    "Torque": ("123[].head.cluster", "123[].head.cluster"),
    "LSF": ("Job <123> is submitted to default queue <normal>.", "123"),
    "SGE": ('Your job 123 ("wt-a") has been submitted', "123"),
    "Fugaku": ("[INFO] PJM 0000 pjsub Job 123 submitted.", "123"),
    "JH_UniScheduler": ("Job <123> has been submitted to queue <q>", "123"),
    "Shell": ("123", "123"),
}
BANNER = """\
-----------------------------------------
      Welcome to the Example9 Cluster
-----------------------------------------
--> Verifying valid ssh keys...OK
Your project has 1234 core hours left, job limit 500

 2 messages; quota 99.5 % of 2 TB
"""


@pytest.mark.parametrize("batch", SUBMITTED)
@pytest.mark.parametrize("before", ["", BANNER])
@pytest.mark.parametrize("after", ["", BANNER])
def test_the_id_is_found_among_other_lines(batch, before, after):
    line, queue_id = SUBMITTED[batch]
    queue = queue_of(batch)
    for told in (line, f"  \x1b[32m{line}\x1b[0m \r"):
        assert queue.new_ids(f"{before}{told}\n{after}") == [queue_id]
    assert queue.is_id(queue_id)


@pytest.mark.parametrize("batch", SUBMITTED)
def test_nothing_else_is_taken_for_an_id(batch):
    queue = queue_of(batch)
    assert queue.new_ids(BANNER) == []
    for word in ("-----", "Welcome", "", "-1", "12 R", "$(id)", "123;north"):
        assert not queue.is_id(word)


def test_a_wrapper_may_ask_sbatch_for_more_than_the_id():
    assert queue_of("Slurm").new_ids("Submitted batch job 12 on cluster cm2\n") == ["12"]


@pytest.mark.parametrize("batch", ["Slurm", "SlurmJobArray"])
def test_slurms_list_is_read_in_one_go(batch):
    text = "CLUSTER: north\n" + BANNER + "11 PD\n12 R\n13 CG\n14 PD\n14 R\n14 PD\n99 R\n15 jobs\n"
    jobs = {"a": "11", "b": "12", "c": "13", "d": "14", "e": "15"}
    assert parse_list(queue_of(batch), text, jobs) == {
        "a": "waiting",
        "b": "running",
        "c": "running",
        "d": "running",
        "e": "gone",
    }


@pytest.mark.parametrize("banner", ["", BANNER])
def test_grid_engine_is_read_in_one_go(banner):
    """Two lines of a head; a job in an error state will not end by itself."""
    listing = banner + (
        "job-ID  prior   name       user         state submit/start at     queue\n"
        "-----------------------------------------------------------------------\n"
        "      1 0.50000 wt-a       me           r     11/24/2026 19:13:44 all.q@here  1\n"
        "     12 0.50000 wt-b       me           qw    11/24/2026 19:13:44              1\n"
        "     13 0.50000 wt-c       me           Eqw   11/24/2026 19:13:44              1\n"
        "     14 0.50000 wt-d       me           hqw   11/24/2026 19:13:44              1\n"
    )
    queue = queue_of("SGE")
    filtered = list_command(queue).replace('qstat -u "$(id -un)"', "cat")
    done = subprocess.run(
        ["bash", "-c", filtered], input=listing, capture_output=True, text=True, check=True
    )
    jobs = {"a": "1", "b": "12", "c": "13", "d": "14", "e": "2"}
    assert parse_list(queue, done.stdout, jobs) == {
        "a": "running",
        "b": "waiting",
        "c": "gone",
        "d": "waiting",
        "e": "gone",
    }


def test_grid_engine_is_asked_by_name():
    listing = (
        "====\njob_number:                 7\njob_name: wt-a\nerror reason    1: no such file\n"
        "====\njob_number:                 8\njob_name: wt-a\n"
    )
    command = find_command(queue_of("SGE"), "wt-a").replace("qstat -j wt-a", "cat")
    done = subprocess.run(
        ["bash", "-c", command], input=listing, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["8"]


#: A job's line by queue, with {} for the state; words that wait, that run, that have ended.
ROWS = {
    "PBS": (
        "Job id            Name             User              Time Use S Queue\n"
        "----------------  ---------------- ----------------  -------- - -----\n"
        "123.pbs01         wt-a             me                00:00:01 {} workq\n",
        "Q H W",
        "R E",
        "F X",
    ),
    "Torque": (
        "Job ID                    Name             User            Time Use S Queue\n"
        "------------------------- ---------------- --------------- -------- - -----\n"
        "123.pbs01                 wt-a             me              00:00:01 {} batch\n",
        "Q H",
        "R E",
        "C",
    ),
    "LSF": (
        "JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME\n"
        "123     me      {}    normal     head        node1       wt-a       Nov 30 05:00\n",
        "PEND WAIT PSUSP UNKWN",
        "RUN USUSP SSUSP",
        "DONE EXIT",
    ),
    "JH_UniScheduler": (
        "JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME\n"
        "123     me      {}    normal     head        node1       wt-a       Nov 30 05:00\n",
        "PEND",
        "RUN PSUSP",
        "DONE EXIT",
    ),
    "Fugaku": (
        "JOB_ID     JOB_NAME   MD ST  USER     START_DATE      ELAPSE_LIM NODE_REQUIRE\n"
        "123        wt-a.sub   NM {} me       11/30 05:00:00  0001:00:00 1\n",
        "QUE HLD RNA SPD",
        "RUN RNE",
        "EXT CCL ERR",
    ),
}


@pytest.mark.parametrize("batch", ROWS)
@pytest.mark.parametrize("before", ["", BANNER])
@pytest.mark.parametrize("after", ["", BANNER])
def test_a_jobs_state_is_found_among_other_lines(batch, before, after):
    queue, (row, *words) = queue_of(batch), ROWS[batch]
    queue_id = "123.pbs01" if batch in ("PBS", "Torque") else "123"
    for meaning, some in zip(("waiting", "running", "gone"), words, strict=True):
        for word in some.split():
            said = Said(0, before + row.format(word) + after, BANNER)
            assert queue.state_of(queue_id, said) == meaning, word
    others = Said(0, before + row.replace("123", "1234").format("R") + after, "")
    assert queue.state_of(queue_id, others) == "gone"


@pytest.mark.parametrize(
    "complaint",
    [
        "qstat: Unknown Job Id 123.pbs01",
        "qstat: 123.pbs01 Job has finished, use -x",
        "Job <123> is not found",
        "slurm_load_jobs error: Invalid job id specified",
    ],
)
def test_a_job_that_a_queue_does_not_know_is_gone(complaint):
    for batch in ROWS:
        assert queue_of(batch).state_of("123", Said(255, BANNER, complaint)) == "gone"
    assert queue_of("LSF").named_ids(Said(255, "", complaint), "wt-a") == []


def test_a_queue_that_does_not_answer_says_nothing_of_a_job():
    silent = Said(255, BANNER, "LSF is down. Please wait ...")
    for batch in ROWS:
        with pytest.raises(RuntimeError, match="LSF is down"):
            queue_of(batch).state_of("123", silent)
    with pytest.raises(RuntimeError, match="bjobs: exit status 255"):
        queue_of("LSF").named_ids(silent, "wt-a")


def test_jobs_are_asked_for_by_name():
    queue = queue_of("Slurm")
    assert "-t all " in find_command(queue, "wt-a")
    assert "-t all" not in find_command(queue, "wt-a", ended=False)
    assert queue.named_ids(Said(0, f"2026\n{BANNER}12 wt-a\n13 wt-b\n", ""), "wt-a") == ["12"]
    assert queue.named_ids(Said(0, f"{BANNER}12\n", ""), "wt-a") == ["12"]
    assert find_command(queue_of("PBS"), "wt-1") == "qselect -N wt-1"
    assert find_command(queue_of("Fugaku"), "wt-1") == ""


@pytest.mark.parametrize(
    "flag",
    [
        "#SBATCH --clusters=cm2",
        "#SBATCH --cluster cm2",
        "#SBATCH -M cm2",
        " #SBATCH -Mcm2",
    ],
)
def test_other_clusters_of_a_site_are_asked_where_the_jobs_are(flag):
    queue = queue_of("Slurm")
    for command in (
        find_command(queue, "wt-a", [flag]),
        list_command(queue, [flag]),
        kill_command(queue, "12", [flag]),
    ):
        assert " -M cm2 " in command
        assert "-M" not in command.replace("-M cm2", "")
    assert "-M" not in list_command(queue, ["#SBATCH --time=1:00:00"])
    assert "-M" not in kill_command(queue_of("PBS"), "12", [flag])


@pytest.mark.parametrize(
    "complaint",
    [
        "sbatch: error: Batch job submission failed: "
        "Job violates accounting/QOS policy (job submit)",
        "qsub: would exceed queue generic's per-user limit",
        "qsub: submit error (Maximum number of jobs already in queue for user)",
        "job rejected: Only 10 jobs are allowed per user (current job count: 10)",
    ],
)
def test_a_queue_may_have_no_room_for_more_jobs(complaint):
    assert is_full(complaint)
    assert not is_full("sbatch: error: invalid partition specified: nosuch")


def test_services_have_no_commands():
    assert queue_of("Bohrium") is None
    assert all(queue_of(batch.lower()) is queue_of(batch) is not None for batch in BATCHES)


@pytest.mark.parametrize(
    "flag",
    [
        "#SBATCH --job-name=mine",
        "#SBATCH --job-name mine",
        "#SBATCH -J mine",
        " #SBATCH -Jmine",
        "#PBS -N mine",
        "#BSUB -J mine",
        "#$ -N mine",
    ],
)
def test_jobs_keep_the_names_that_they_are_found_by(flag):
    others = ["#SBATCH --time=1:00:00", "#SBATCH -n 4", "#PBS -l walltime=1", "#BSUB -W 1", "date"]
    assert without_names([others[0], flag, *others[1:]]) == others


@pytest.mark.parametrize("batch", ["Slurm", "PBS", "Torque", "LSF", "SGE"])
def test_every_script_gives_its_job_the_name(tmp_path, batch):
    """Also where the head of the script is the user's own."""
    head = tmp_path / "head"
    head.write_text("#!/bin/bash\n# {queue_name}\n")
    machine = {"batch_type": batch, "context_type": "LazyLocalContext"}
    for strategy in ({}, {"customized_script_header_template_file": "head"}):
        resources = {
            "group_size": 1,
            "strategy": strategy,
            "queue_name": "q",
            "kwargs": {"job_name": "mine"} if batch == "SGE" else {},
        }
        section = MachineSection("fp", "", machine, resources)
        backend = HostBackend(read_section(section, tmp_path), tmp_path, "stage", Patience(0.0))
        unit, written = backend._unit("0123456789ab", ()), {}
        backend.context.write_file = written.__setitem__
        backend._said = lambda command, line=SUBMITTED[batch][0]: Said(0, line, "")
        backend._hand_in(unit)
        script = written[unit.script_file_name].splitlines()
        assert script.count(queue_of(batch).naming.format(name="wt-0123456789ab")) == 1
        assert not any("mine" in line for line in script)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("#SBATCH {nothing}\n", "KeyError"),
        ("x ${A}\n", "KeyError"),
        ("awk '{print}'\n", "KeyError"),
        ("{\n", "ValueError"),
        ("{}\n", "IndexError"),
    ],
)
def test_a_head_that_cannot_be_made_is_refused(tmp_path, text, reason):
    if text is not None:
        (tmp_path / "head").write_text(text)
    machine = {"batch_type": "Slurm", "context_type": "LazyLocalContext"}
    strategy = {"customized_script_header_template_file": "head"}
    section = MachineSection("fp", "", machine, {"group_size": 1, "strategy": strategy})
    with pytest.raises(InputError, match=f"customized_script_header_template_file.*{reason}"):
        Place(section, tmp_path)
