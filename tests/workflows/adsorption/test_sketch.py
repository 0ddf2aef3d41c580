"""Adsorbates drawn from their bonds: lengths, angles, and which way they point."""

import numpy as np
import pytest

from equical.workflows.adsorption.sketch import sketch


@pytest.mark.parametrize(
    ("notation", "atoms", "length"),
    [
        ("CH3", (0, 1), 1.09),
        ("CH2CH3", (0, 1), 1.54),
        ("CH=CH2", (0, 1), 1.34),
        ("C#CH", (0, 1), 1.20),
        ("OCH3", (0, 1), 1.43),
        ("O=CHCH3", (0, 1), 1.21),
        ("N=NCH3", (0, 1), 1.25),
        ("OH", (0, 1), 0.96),
    ],
)
def test_bond_lengths(notation, atoms, length):
    assert sketch(notation)[0].get_distance(*atoms) == pytest.approx(length, abs=0.045)


@pytest.mark.parametrize(
    ("notation", "atoms", "angle"),
    [
        ("OCH3", (0, 1, 2), 109.5),
        ("C=CH2", (0, 1, 2), 120),
        ("C=C=O", (0, 1, 2), 180),
        ("C(=O)CH3", (1, 0, 5), 120),
        ("CHOH", (0, 1, 2), 109.5),
        ("N=NCH3", (0, 1, 2), 120),
    ],
)
def test_angles(notation, atoms, angle):
    assert sketch(notation)[0].get_angle(*atoms) == pytest.approx(angle, abs=0.1)


def test_one_atom_binds_with_the_rest_above():
    atoms, binding = sketch("CH2CH2OH")
    assert binding == (0,)
    assert atoms.positions[0].tolist() == [0, 0, 0]
    assert (atoms.positions[1:, 2] > 0.1).all()
    chain = [i for i, symbol in enumerate(atoms.symbols) if symbol != "H"]
    assert "".join(atoms.symbols[chain]) == "CCO"
    assert atoms.positions[chain[2], 2] > atoms.positions[chain[1], 2] + 1  # stretched, away from the surface


def test_two_atoms_bind_side_by_side():
    atoms, binding = sketch("*CH=*CH")
    first, second = atoms.positions[list(binding)]
    assert first == pytest.approx(-second)
    assert first[2] == 0
    assert (np.delete(atoms.positions, binding, axis=0)[:, 2] > 0.5).all()


def test_what_would_hang_below_the_binding_atom_leans_back():
    for notation in ("OCH=CH2", "NH2N(CH3)CH3"):
        assert sketch(notation)[0].positions[:, 2].min() == pytest.approx(0, abs=1e-9)
