"""Shared by tests: job scripts."""

import subprocess
import time

from wtemlp.dispatch import script
from wtemlp.dispatch.tasks import Task


def start(task, job="job1", forward=(), clean=True):
    body = script.task_command(task, job, list(forward), clean)
    redirected = f"( {body} ) 1>>{script.OUT} 2>>{script.ERR}"
    return subprocess.Popen(["bash", "-c", redirected], cwd=task.folder)


def execute(task, **keys):
    return start(task, **keys).wait(20)


def wait_until(what):
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def job(tmp_path, commands, **keys):
    """A job of tasks in folders ``0``, ``1``, ..."""
    for index in range(len(commands)):
        (tmp_path / str(index)).mkdir()
    tasks = [Task(str(i), tmp_path / str(i), text, (), ()) for i, text in enumerate(commands)]
    texts = [(task.name, script.task_command(task, "job1", [], True)) for task in tasks]
    return script.job_commands(texts, "flag", **keys)
