"""A program that is copied as ``wtemlp dp`` is, and notes when it loads what takes long.

``copied_program.py LOG --share`` is started beside the tasks of a job; ``copied_program.py LOG
PYTHON`` evaluates a line of Python, in a copy of it or by itself.
"""

import os
import random
import sys
import time
from pathlib import Path

from wtemlp.core import process_copies

NAMES = {"os": os, "random": random, "sys": sys, "time": time, "Path": Path}


def load(log: Path) -> bool:
    """Take long."""
    with log.open("a") as stream:
        stream.write(f"load {os.getpid()}\n")
    return True


def run(args: list[str]) -> int:
    """What is asked for; the exit code."""
    found = eval(args[0], NAMES)
    return found if type(found) is int else 0


def main(log: Path, args: list[str]) -> int:
    if args == [process_copies.SHARE]:
        return process_copies.serve(lambda: load(log), run)
    done = process_copies.ask(args)
    if done is None:
        load(log)
        return run(args)
    return done


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2:]))
