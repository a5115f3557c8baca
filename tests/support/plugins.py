"""Shared by tests: plugins."""

from tests.support.loop_runs import job


def short() -> dict:
    one = job()
    one["wte"] |= {"biasfactor": [4], "nvt_steps": 500}
    return one | {"nsteps": 300}
