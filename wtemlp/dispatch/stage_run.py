"""A stage's tasks, from wherever they stand to their ends: the loop behind ``run_tasks``."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wtemlp.dispatch import failures, script
from wtemlp.dispatch.backend import Backend
from wtemlp.dispatch.journal import JobEntry, Journal
from wtemlp.dispatch.retry import Patience, Refused, Stopped
from wtemlp.dispatch.service import backend_of
from wtemlp.dispatch.settings import Settings
from wtemlp.dispatch.task_status import Mark, is_forgotten
from wtemlp.dispatch.tasks import OnProgress, Progress, Task, TaskResult
from wtemlp.dispatch.times import read_attempts

log = logging.getLogger("wtemlp.dispatch")

REPORT_S = 2.0  #: longest time between two progress reports
SHELL_LOOK_S = 0.5  #: between two looks at the process table, which costs 10 ms
LINGER_S = 10.0  #: how long to wait for job scripts whose tasks have all ended


@dataclass
class LiveJob:
    """A job that may be alive."""

    name: str
    queue_id: str
    state: str  #: "waiting", "running" or "gone"
    open: list[str]  #: its tasks that have not ended
    resumed: bool = False  #: it was submitted by an earlier call
    gone_since: float | None = None


class StageRun:
    """One call of ``run_tasks``; its parameters are explained there."""

    def __init__(
        self,
        tasks: Sequence[Task],
        work_dir: Path,
        settings: Settings,
        on_progress: OnProgress | None,
        should_stop: Callable[[], bool] | None,
        clean: bool,
    ) -> None:
        self.tasks = {task.name: task for task in tasks}
        self.work_dir, self.settings, self.clean = work_dir, settings, clean
        self.on_progress, self.should_stop = on_progress, should_stop
        self.journal = Journal.open(work_dir)
        self.finished: set[str] = set()
        self.ended: list[str] = []  #: finished and failed, in the order in which they have ended
        self.waiting: list[str] = []
        self.jobs: dict[str, LiveJob] = {}
        self.lingering: dict[str, tuple[str, float]] = {}  #: their tasks have ended; until when
        self.again: list[str] = []  #: what is said of the attempts that failed in this look
        self.full = False  #: the queue took no more jobs
        self.progress = (Progress(0, 0, 0, 0), -REPORT_S)
        self.looked = -SHELL_LOOK_S
        self.backend: Backend

    # -- the whole

    def to_the_end(self, common_files: Sequence[str]) -> list[TaskResult]:
        """Run the tasks."""
        if self.journal.returned:
            self.journal.forget_failures(set(self.tasks))
            self.journal.returned = False
        self.finished = {name for name, task in self.tasks.items() if self._is_home(task)}
        done = self.finished | self.journal.failed.keys()
        self.ended = [name for name in self.tasks if name in done]
        if self._unfinished():
            self._work(common_files)
        self._report(force=True)
        self.journal.returned = True
        self.journal.save()
        return [self._result(name) for name in self.tasks]

    def _work(self, common_files: Sequence[str]) -> None:
        fresh = not self.journal.path.exists()
        self.journal.save()  # the identity, before anything bears it
        patience = Patience(self.settings.outage_s, self.should_stop)
        self.backend = backend_of(self.settings, self.work_dir, self.journal.identity, patience)
        self.journal.host_key = self.backend.host_key
        self.slots = self.backend.slots()
        self._forget(self._unfinished())
        if not fresh:
            self._take_up()
        busy = {name for job in self.jobs.values() for name in job.open}
        self.waiting = [name for name in self._unfinished() if name not in busy]
        if self.waiting or self.settings.service:
            self._upload_common(common_files)
        shortest, longest = self.settings.poll_s
        pause = shortest
        while self._open() or self.lingering:
            changed = self._submit_waiting()
            changed |= self._poll()
            self._report()
            pause = shortest if changed else min(longest, max(pause, 0.01) * 1.5)
            if self._open():
                self._sleep(pause)
            elif self.lingering:
                self._sleep(min(pause, 1.0))
        if not self.journal.failed.keys() & self.tasks.keys():
            self.backend.clean()

    def _unfinished(self) -> list[str]:
        done = self.finished | self.journal.failed.keys()
        return [name for name in self.tasks if name not in done]

    def _open(self) -> bool:
        """Whether a task is unfinished; asked often."""
        return len(self.ended) < len(self.tasks)

    def _is_home(self, task: Task) -> bool:
        """Whether a task is finished: its tag and its declared results are in its folder."""
        if not (task.folder / script.DONE).is_file():
            return False
        missing = [name for name in script.declared(task) if not (task.folder / name).exists()]
        if missing:
            log.warning("%s: %s has gone; running it again", task.name, missing[0])
            (task.folder / script.DONE).unlink()
        return not missing

    def _result(self, name: str) -> TaskResult:
        failed = self.journal.failures.get(name, 0)
        if name in self.finished:
            return TaskResult(name, True, failed + 1, seconds=self._seconds(name))
        return TaskResult(name, False, failed, self.journal.failed[name], self._seconds(name))

    def _seconds(self, name: str) -> float:
        attempts = read_attempts(self.tasks[name].folder, self.settings.local)
        return sum(attempt.seconds for attempt in attempts)

    # -- taking up what an earlier call left

    def _take_up(self) -> None:
        """Find the jobs that may be alive, and the results that were not brought home."""
        unfinished = set(self._unfinished())
        for name, entry in list(self.journal.jobs.items()):
            still_open = [task for task in entry.tasks if task in unfinished]
            if entry.where and entry.where != self.settings.where:
                log.warning("a job of this stage was left in %s: %s", entry.where, entry.queue_id)
                queue_id = None
            else:
                queue_id = self.backend.find(name, entry.queue_id)
            if queue_id and still_open:
                self.jobs[name] = LiveJob(name, queue_id, "waiting", still_open, resumed=True)
                self.backend.take_up(name, [self.tasks[task] for task in still_open])
                entry.queue_id = queue_id
            else:
                del self.journal.jobs[name]
        held = {task for job in self.jobs.values() for task in job.open}
        loose = [self.tasks[name] for name in unfinished if name not in held]
        marks = self.backend.marks(loose) if loose else {}
        self._bring_home([name for name, mark in marks.items() if mark.done])
        if self.jobs:
            log.info("%d jobs of an earlier call are taken up", len(self.jobs))
        self.journal.save()

    def _forget(self, names: Iterable[str]) -> None:
        """Take the finished tags on the other side from tasks that are to be done again."""
        for task in (self.tasks[name] for name in names):
            if is_forgotten(task.folder):
                self.backend.reset(task)
                (task.folder / script.AGAIN).unlink()

    def _upload_common(self, names: Sequence[str]) -> None:
        there = self.journal.uploaded == self.settings.where
        self.backend.upload_common(names, again=there)
        if not there:
            self.journal.uploaded = self.settings.where
            self.journal.save()

    # -- submitting

    def _submit_waiting(self) -> bool:
        """Submit what waits, as far as there is room; whether anything was submitted."""
        size = self.backend.group_size or len(self.waiting) or 1
        room = len(self.waiting)
        if self.slots is not None:
            free = max(0, self.slots - len(self.jobs))
            if free and all(self.tasks[name].beside for name in self.waiting):
                size = max(size, -(-len(self.waiting) // free))  # what starts long, starts once
            room = min(room, size * free)
        groups = [self.waiting[i : min(i + size, room)] for i in range(0, room, size)]
        if not groups:
            return False
        new = {uuid.uuid4().hex[:12]: group for group in groups}
        for name, group in new.items():
            self.journal.jobs[name] = JobEntry(group, "", self.settings.where)
        self.journal.save()
        self.backend.upload([self.tasks[name] for group in groups for name in group])
        full, taken = False, 0
        for name, group in new.items():
            full = full or self._stop_asked() or not self._submit(name, group)
            if full:
                del self.journal.jobs[name]
            else:
                taken += len(group)
        del self.waiting[:taken]  # in order, and none after the first that is not taken
        if full and not self.full and not self._stop_asked():
            log.warning("%s takes no more jobs now; waiting for room", self.settings.where)
        self.full = full
        # The ids are saved with the next intention: until then dpdispatcher's own note of a
        # job's id, beside its script, is where the next call would find them.
        self._check_stop()
        return True

    def _submit(self, name: str, group: list[str]) -> bool:
        """Submit one job; False when the queue takes no more."""
        try:
            queue_id = self.backend.submit(name, [self.tasks[task] for task in group], self.clean)
        except Refused:  # so there is no such job, whatever the queue remembers of it
            del self.journal.jobs[name]
            self.journal.save()
            raise
        if not queue_id:
            return False
        self.journal.jobs[name].queue_id = queue_id
        if self.settings.service:  # it has no place for dpdispatcher's note of the id
            self.journal.save()
        state = "running" if self.settings.shell else "waiting"
        self.jobs[name] = LiveJob(name, queue_id, state, list(group))
        return True

    # -- looking

    def _poll(self) -> bool:
        """Look at jobs and tasks; whether anything has ended."""
        states = self._states()
        live = [name for job in self.jobs.values() for name in job.open]
        marks = self.backend.marks([self.tasks[name] for name in live], False) if live else {}
        self._bring_home([name for name in live if marks[name].done])
        ended = False
        for job in list(self.jobs.values()):
            job.state = states.get(job.name, job.state)
            before = list(job.open)
            job.open = [name for name in job.open if name not in self.finished]
            for name in list(job.open):
                mark = marks[name]
                # not "done": a tag whose results could not be brought home counts as a failure
                if mark.done or (mark.ended_by == job.name and mark.status is not None):
                    job.open.remove(name)
                    self._attempt_failed(name, mark, job)
            if job.open and job.state == "gone":
                self._bury(job)
            if not job.open:
                self._close(job)
            ended |= before != job.open
        if self.again:
            more = f" (and {len(self.again) - 1} more)" if self.again[1:] else ""
            log.warning("%s%s", self.again[0], more)
            self.again.clear()
        return ended

    def _states(self) -> dict[str, str]:
        now = time.monotonic()
        dear = self.settings.shell and not self.backend.sees_processes
        if dear and self.jobs and now - self.looked < SHELL_LOOK_S:
            return {}
        self.looked = now
        asked = {job.name: job.queue_id for job in self.jobs.values()}
        states = self.backend.states(asked | {n: q for n, (q, _) in self.lingering.items()})
        self.lingering = {
            name: (queue_id, until)
            for name, (queue_id, until) in self.lingering.items()
            if states[name] != "gone" and now < until
        }
        return states

    def _bury(self, job: LiveJob) -> None:
        """A job is gone and some of its tasks have not said how they ended."""
        marks = self.backend.marks([self.tasks[name] for name in job.open])
        if any(mark.done or mark.ended_by == job.name for mark in marks.values()):
            return  # it has been said since: the next look hears it
        if any(mark.held for mark in marks.values()):
            job.state = "running"
            return  # its script was killed, but what it started lives on
        job.gone_since = job.gone_since or time.monotonic()
        if time.monotonic() - job.gone_since < self.backend.grace_s:
            return
        begun = [name for name in job.open if marks[name].started_by == job.name]
        # Its id may not be what the queue calls it, or the list of the queue not have been one.
        if not begun and (alive := self.backend.alive(job.name)):
            job.queue_id, job.gone_since, job.state = alive, None, "waiting"
            self.journal.jobs[job.name].queue_id = alive
            return
        # Those that never began do not pay for the one that took the job with it.
        for name in job.open:
            if job.resumed:
                self.again.append(f"{name} was interrupted; it is started again")
                self.waiting.append(name)
            elif name in begun or not begun:
                self._attempt_failed(name, replace(marks[name], status=None), job)
            else:
                self.waiting.append(name)
        job.open = []

    def _close(self, job: LiveJob) -> None:
        self.journal.jobs.pop(job.name, None)
        del self.jobs[job.name]
        if job.state != "gone":
            self.lingering[job.name] = (job.queue_id, time.monotonic() + LINGER_S)

    def _bring_home(self, names: Sequence[str]) -> None:
        """Fetch the results of tasks that have finished."""
        tasks = [self.tasks[name] for name in names]
        if not tasks:
            return
        self.backend.fetch(tasks)
        for task in tasks:
            missing = [name for name in script.declared(task) if not (task.folder / name).exists()]
            if missing:
                log.warning("%s: the result %s did not arrive", task.name, missing[0])
                self.backend.reset(task)
            else:
                (task.folder / script.DONE).touch()
                self.finished.add(task.name)
                self.ended.append(task.name)

    def _attempt_failed(self, name: str, mark: Mark, job: LiveJob) -> None:
        task, status = self.tasks[name], mark.status
        place = "" if self.settings.shell else f"{self.settings.where}, job {job.queue_id}"
        how = "killed" if status is None else f"exit status {status}"
        if status in failures.KILLED and mark.progress > self.journal.progress.get(name, 0):
            # Not a failed attempt: a long task may take as many jobs as it needs.
            self.journal.progress[name] = mark.progress
            self.again.append(
                f"{name} was ended ({', '.join(filter(None, (how, place)))}), but had come as far "
                f"as {mark.progress}; it goes on"
            )
            self.waiting.append(name)
            return
        failed = self.journal.failures.get(name, 0) + 1
        self.journal.failures[name] = failed
        self.journal.progress[name] = mark.progress  # it may begin anew, and is to advance again
        if failed < self.settings.attempts:
            goes_on = task.checkpoint and status in failures.KILLED
            then = "goes on from its checkpoint, if it has one" if goes_on else "is started again"
            self.again.append(
                f"{name} failed ({', '.join(filter(None, (how, place)))}), attempt {failed} of "
                f"{self.settings.attempts}; it {then}"
            )
            self.waiting.append(name)
            return
        self.backend.fetch([task])
        output = self.backend.job_output(job.name, job.queue_id)
        self.journal.failed[name] = failures.describe(task, failed, status, output, place)
        self.ended.append(name)
        log.warning("%s", self.journal.failed[name].splitlines()[0])

    # -- telling and waiting

    def _report(self, force: bool = False) -> None:
        degree = max(1, int(self.settings.resources.get("para_deg", 1)))
        running = [
            name
            for job in self.jobs.values()
            if job.state == "running"
            for name in job.open[:degree]
        ]
        finished, ended = len(self.finished), len(self.ended)
        waiting = len(self.tasks) - ended - len(running)
        now = Progress(waiting, len(running), finished, ended - finished, running, self.ended)
        last, when = self.progress
        if force or now != last or time.monotonic() - when >= REPORT_S:
            self.progress = (now, time.monotonic())
            if self.on_progress is not None:
                self.on_progress(now)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check_stop()
            jobs = [job.queue_id for job in self.jobs.values()]
            if self.backend.pause(min(left, 0.5), jobs + [q for q, _ in self.lingering.values()]):
                break
            self._report()
        self._check_stop()

    def _stop_asked(self) -> bool:
        return self.should_stop is not None and self.should_stop()

    def _check_stop(self) -> None:
        if self._stop_asked():
            self.journal.save()
            raise Stopped(
                f"stopped: {len(self.finished)} of {len(self.tasks)} tasks have finished, "
                f"{len(self.jobs)} jobs are left running"
            )
