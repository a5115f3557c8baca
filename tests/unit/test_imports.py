"""What commands import, and when: a run, and what is asked of it, should begin at once."""

import subprocess
import sys
from textwrap import dedent

import pytest

HEAVY = {"MDAnalysis", "ase.io", "dpdata", "dpgen", "h5py", "matplotlib", "plotly", "scipy"}
#: What commands begin with, and what of others they must not have imported by then.
BEGINNINGS = {
    "wtemlp.cli.run": HEAVY,
    "wtemlp.cli.check": HEAVY,
    "wtemlp.cli.status": HEAVY | {"ase", "dargs", "dpdispatcher", "paramiko"},
    "wtemlp.lammps_plumed.lmp": HEAVY | {"ase", "dpdispatcher", "dargs"},
    "wtemlp.md.dp": HEAVY | {"ase", "dpdispatcher", "dargs", "deepmd"},
    "wtemlp.session.page_process": HEAVY | {"ase", "dpdispatcher", "dargs", "numpy"},
}


def alone(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", BEGINNINGS)
def test_a_command_begins_without_what_it_may_not_need(module):
    loaded = set(alone(f"import sys, {module}; print(*sys.modules)").split())
    assert loaded & BEGINNINGS[module] == set()


def test_dpgen_is_imported_without_the_formats_of_dpdata():
    alone(
        """
        import sys
        from wtemlp.dpgen.adapter import import_quietly
        generator = import_quietly("dpgen.generator.run")
        assert "dpdata.system" not in sys.modules and "matplotlib.figure" not in sys.modules
        import dpdata  # is no use of it
        assert generator.dpdata is dpdata and "dpdata.system" not in sys.modules
        """
    )


FORMATS = (
    "from dpdata.format import Format; print(sorted(Format.get_formats()), sorted(vars(dpdata)))"
)


def test_dpdata_is_the_same_if_it_is_imported_later():
    lazily = alone(
        f"""
        from wtemlp.dpgen.adapter import import_quietly
        import_quietly("dpgen.generator.run")
        import dpdata, logging; dpdata.LabeledSystem; {FORMATS}
        assert not logging.getLogger().handlers  # CP2KData sets up logging for everybody
        """
    )
    at_once = alone(f"import dpdata, dpdata.periodic_table; {FORMATS}")
    assert lazily == at_once and "cp2kdata/e_f" in lazily


def test_threads_wait_for_the_one_that_imports():
    said = alone(
        """
        from concurrent.futures import ThreadPoolExecutor
        from wtemlp.core.imports import later
        later("dpdata")
        import dpdata
        with ThreadPoolExecutor(8) as pool:
            found = {*pool.map(lambda _: dpdata.LabeledSystem, range(8))}
        print(len(found))
        """
    )
    assert said == "1\n"


def test_pyplot_draws_if_it_is_imported_later(tmp_path):
    alone(
        f"""
        from wtemlp.core.imports import later
        later("matplotlib", "matplotlib.pyplot")
        import matplotlib as mpl
        mpl.use("Agg")
        import matplotlib.pyplot as plt
        plt.plot([0, 1]); plt.savefig({str(tmp_path / "drawn.png")!r})
        """
    )
    assert (tmp_path / "drawn.png").stat().st_size > 1000


def test_what_is_not_installed_stays_missing():
    alone(
        """
        from wtemlp.core.imports import later
        later("no_such_package", "no_such_package.module", "json")
        import json
        try:
            import no_such_package
        except ImportError:
            print(json.dumps(1))
        else:
            raise SystemExit(1)
        """
    )


def test_a_package_whose_first_use_fails_says_so(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/__init__.py").write_text("raise ValueError('broken')\n")
    said = alone(
        f"""
        import sys; sys.path.insert(0, {str(tmp_path)!r})
        from wtemlp.core.imports import later
        later("broken")
        import broken
        try:
            broken.anything
        except ValueError as error:
            print(error)
        """
    )
    assert said == "broken\n"
