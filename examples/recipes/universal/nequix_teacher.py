"""The teacher: Nequix (arXiv 2508.16067), trained on OMat24, sAlex and MPtrj and then on phonons; MIT.

An environment of its own, never a dependency of equical:

    python -m venv nqx
    nqx/bin/pip install torch==2.13.0 "e3nn>=0.5.8" torch-geometric setuptools nequix
    export NEQUIX_WEIGHTS=nequix-oam-1-pft.nqx    # from github.com/atomicarchitects/nequix, folder models/

The first use writes the same weights for torch beside them, as ``.pt``; name these from then on.
"""

import os

from ase.calculators.calculator import Calculator


def calculator() -> Calculator:
    """The teacher on one thread of the CPU. Structures of any size cost no compilation with this backend."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    weights = os.environ.get("NEQUIX_WEIGHTS")
    if not weights or not os.path.isfile(weights):
        raise SystemExit(
            "set NEQUIX_WEIGHTS to the file with the teacher's weights; nequix_teacher.py tells where it is"
        )
    import torch
    from nequix.calculator import NequixCalculator

    torch.set_num_threads(1)
    return NequixCalculator(model_path=weights, backend="torch", use_kernel=False)
