"""Elastic constants of copper, and what a polycrystal makes of them.

On the command line the same is

    equical elastic cu.cif
"""

from ase.build import bulk

from equical import EquiCalc
from equical.workflows.elastic.run import elastic

EXPERIMENT = {"C11": 176.2, "C12": 124.9, "C44": 81.8}
"""GPa at 0 K. W. C. Overton and J. Gaffney, Phys. Rev. 98, 969 (1955)."""


def main(
    model: str = "metals-pbe", relax_first: bool = True, force: bool = False, folder: str = "elastic-example"
) -> None:
    # Constants belong to a crystal free of stress, so cell and ions are relaxed first, within the space group.
    # One that is under stress nevertheless is refused, unless one insists with force=True. A model whose constants are
    # others at larger strains is warned of.
    result = elastic(
        bulk("Cu", "fcc", a=3.61),
        EquiCalc(model, dtype="float64"),
        relax_first=relax_first,
        force=force,
        output=folder,
        overwrite=True,
        progress=True,
    )
    print(f"{result.space_group}, lattice constant {(4 * result.reference.get_volume()) ** (1 / 3):.4f} Å")
    c = result.stiffness_standard
    for (name, experiment), value in zip(EXPERIMENT.items(), (c[0, 0], c[0, 1], c[3, 3]), strict=True):
        print(f"{name}  {value:6.1f} GPa  (experiment {experiment})")

    # How far the six independent fits are from the symmetry of the crystal tells how well they are converged.
    print(f"deviation from the symmetry {100 * result.symmetry_deviation:.2g} %")
    print(f"largest residual of a fit {100 * result.residual.max():.2g} %")

    check = result.strain_dependence
    for name, here, there in zip(check.names, check.moduli_fitted, check.moduli_check, strict=True):
        print(f"{name:12}  {here:6.1f} GPa, and {there:.1f} GPa at strains of {check.check_strain:g}")

    if result.moduli is None:
        print(f"mechanically unstable: lowest eigenvalue of the stiffness {result.kelvin_moduli[0]:.1f} GPa")
        return
    moduli = result.moduli
    print(f"polycrystal: bulk modulus {moduli.bulk_hill:.1f}, shear modulus {moduli.shear_hill:.1f} GPa (Hill)")
    print(f"Poisson's ratio {moduli.poisson:.3f}, universal anisotropy {moduli.anisotropy:.2f}")
    print(f"plots and numbers are in {folder}/")


if __name__ == "__main__":
    main()
