"""A stored label held against the reference: what differs is told apart."""

from dataclasses import replace

import numpy as np
import pytest

from wtemlp.preflight.agreement import TwoLabels, compare, pushes_all_alike


def two(**changes):
    rng = np.random.default_rng(1)
    forces, virial = rng.normal(size=(12, 3)), rng.normal(scale=5, size=(3, 3))
    virial += virial.T
    return replace(TwoLabels(-40.0, -40.0, forces, forces, virial, virial), **changes)


def test_the_same_label_agrees():
    found = compare(two())
    assert (found.problems, found.notes) == ((), ())
    assert (found.energy_meV_atom, found.force_meV_A) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (23.060548, "kcal/mol/Angstrom"),
        (96.485, "kJ/mol/Angstrom"),
        (1 / 51.4221, "Hartree/Bohr"),
        (1 / 27.2114, "Hartree/Angstrom"),
        (1 / 25.711, "Rydberg/Bohr"),
    ],
)
def test_a_factor_of_the_forces_is_a_unit(factor, unit):
    one = two()
    (problem,) = compare(replace(one, stored_eV_A=factor * one.reference_eV_A)).problems
    assert f"in {unit}?" in problem


@pytest.mark.parametrize(
    ("factor", "unit"), [(23.060548, "kcal/mol"), (1 / 27.2114, "Hartree"), (1 / 13.6057, "Ryd")]
)
def test_a_factor_of_the_energy_is_a_unit(factor, unit):
    (problem,) = compare(two(stored_eV=-40.0 * factor)).problems
    assert f"in {unit}" in problem


def test_an_offset_is_told_from_a_unit():
    (problem,) = compare(two(stored_eV=-40.0 + 12 * 0.5)).problems
    assert problem.startswith("the stored energy is +500 meV/atom off, while the forces agree")


def test_small_differences_are_notes():
    one = two(stored_eV=-40.0 + 12 * 0.005)
    noise = np.random.default_rng(2).normal(scale=0.05, size=(12, 3))
    found = compare(replace(one, stored_eV_A=one.reference_eV_A + noise))
    assert found.problems == () and len(found.notes) == 2
    assert all("another cut-off" in note for note in found.notes)


def test_other_forces_are_another_method():
    forces = np.random.default_rng(3).normal(size=(12, 3))
    (problem,) = compare(two(stored_eV_A=forces)).problems
    assert problem.endswith("another method")


def test_signs():
    one = two()
    found = compare(replace(one, stored_eV_A=-one.reference_eV_A))
    assert found.problems == ("the stored forces have the opposite sign: gradients?",)
    found = compare(replace(one, stored_virial_eV=-one.reference_virial_eV))
    assert "the stored virial has the opposite sign" in found.problems[0]


def test_a_frame_at_rest_tells_of_its_energy_alone():
    zeros = np.zeros((12, 3))
    still = two(stored_eV_A=zeros, reference_eV_A=zeros)
    assert compare(still).problems == ()
    assert len(compare(replace(still, stored_eV=0.0)).problems) == 1


def test_a_reference_with_one_force_for_all_atoms_is_no_other_method():
    one = np.tile([0.1, -0.1, 0.2], (12, 1))
    assert pushes_all_alike(two(reference_eV_A=one))
    assert not pushes_all_alike(two())
    assert not pushes_all_alike(two(reference_eV_A=0 * one))
    assert not pushes_all_alike(two(reference_eV_A=one, stored_eV_A=23.060548 * one))
