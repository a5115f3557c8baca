"""``dpgen run``, some steps of it: ``dpgen_program.py JSON``, one process for many folders.

JSON is a list of ``[folder, n_steps, snapshots]``: in each folder DP-GEN's own ``run_iter`` goes on
until it has recorded so many steps; after each the folder is copied to ``snapshots/I.S`` (not if
that is empty).  What is changed of DP-GEN is the time between two looks at its jobs: 0.5 s, not 30.
How each folder ended goes to standard output, a JSON object by folder.
"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path

import dpdispatcher
import dpgen.generator.run as generator


class Enough(Exception):
    """So many steps are done."""


def go_on(folder: Path, n_steps: int, snapshots: str) -> str:
    """Let DP-GEN do some steps; how it ended."""
    record, left = generator.record_iter, [n_steps]

    def recorded(file: str, iteration: int, step: int) -> None:
        record(file, iteration, step)
        if snapshots:
            shutil.copytree(folder, Path(snapshots) / f"{iteration}.{step}", symlinks=True)
        left[0] -= 1
        if not left[0]:
            raise Enough

    generator.record_iter = recorded
    os.chdir(folder)
    try:
        generator.run_iter("param.json", "machine.json")
        return "finished"
    except Enough:
        return "enough"
    except Exception:
        return traceback.format_exc()
    finally:
        generator.record_iter = record


def main() -> None:
    dpdispatcher.Submission.run_submission.__kwdefaults__["check_interval"] = 0.5
    ended = {one[0]: go_on(Path(one[0]), one[1], one[2]) for one in json.loads(sys.argv[1])}
    print("\n" + json.dumps(ended))


if __name__ == "__main__":
    main()
