"""Time and memory of the published sizes on a CPU, beside the code they were published with.

    cd examples/recipes/benchmarks
    python published.py v2-31m                                      # equical alone
    python published.py v2-31m --peer PYTHON                        # and fairchem-core 1.10 in another environment
    python published.py v3-30m --peer PYTHON --peer-path CHECKOUT   # and the EquiformerV3 code

Both get the same random weights and the same 32 atoms of copper, and must find the same energy and forces. Each runs
in a process of its own, one after the other, so that peak memory is its own; the table says the median of several
calls after one to warm up. A call is neighbours, energy and forces, for V3 also stress.

The environment of the peer. fairchem-core 1.10 asks for torch 2.4; on a CPU it runs with the torch that equical has:

    pip install torch torch_geometric e3nn numba lmdb hydra-core omegaconf orjson submitit wandb tensorboard ase \\
        huggingface_hub && pip install --no-deps fairchem-core==1.10.0

CHECKOUT is a folder that holds ``experimental/models/equiformer_v3`` of the EquiformerV3 repository (also in the
package equiformer-v3 0.0.3 on PyPI, as ``equiformer_v3/experimental``; unpack it, no need to install it).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

V2 = {
    "use_pbc": True, "regress_forces": True, "otf_graph": True, "max_neighbors": 20, "max_radius": 12.0,
    "max_num_elements": 90, "num_layers": 8, "sphere_channels": 128, "attn_hidden_channels": 64, "num_heads": 8,
    "attn_alpha_channels": 64, "attn_value_channels": 16, "ffn_hidden_channels": 128, "norm_type": "layer_norm_sh",
    "lmax_list": [4], "mmax_list": [2], "grid_resolution": 18, "edge_channels": 128, "use_atom_edge_embedding": True,
    "distance_function": "gaussian", "attn_activation": "silu", "ffn_activation": "silu", "use_grid_mlp": True,
    "use_sep_s2_act": True, "use_s2_act_attn": False, "use_gate_act": False, "share_atom_edge_embedding": False,
    "use_m_share_rad": False, "use_attn_renorm": True, "weight_init": "uniform",
}  # fmt: skip
V3 = {
    "use_pbc": True, "regress_forces": True, "regress_stress": True, "direct_prediction": False, "otf_graph": True,
    "max_neighbors": 300, "max_radius": 6.0, "num_radial_basis": 64, "max_num_elements": 128, "num_layers": 7,
    "num_channels": 128, "attn_hidden_channels": 32, "num_heads": 8, "attn_alpha_channels": 64,
    "attn_value_channels": 16, "ffn_hidden_channels": 512, "lmax": 4, "mmax": 2, "avg_num_nodes": 1,
    "attn_grid_resolution_list": [14, 8], "ffn_grid_resolution_list": [14, 14], "edge_channels": 128,
}  # fmt: skip
SIZES = {"v2-31m": ("equiformer_v2", V2), "v3-30m": ("equiformer_v3", V3)}


def copper() -> Any:
    from ase.build import bulk

    atoms = bulk("Cu", "fcc", a=3.61, cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    return atoms


def write_random_checkpoint(size: str, path: Path) -> None:
    """A checkpoint in the published layout, its weights drawn as for a training from scratch."""
    import torch

    from equical.conversion.v2 import v2_name
    from equical.conversion.v3 import v3_name
    from equical.model import EquiformerV2Config, ModelConfig
    from equical.model.generations import build_network

    torch.manual_seed(0)
    model, arguments = SIZES[size]
    if size.startswith("v2"):
        network, rename = build_network(EquiformerV2Config()), v2_name
    else:
        config = ModelConfig(
            cutoff=6.0, max_elements=128, num_layers=7, channels=128, edge_channels=128, attention_hidden=32,
            num_heads=8, alpha_channels=64, value_channels=16, ffn_hidden=512, lmax=4, mmax=2, num_radial=64,
            avg_degree=23.395238876342773,
        )  # fmt: skip
        network, rename = build_network(config), v3_name
    state = {f"module.{rename(name)}": parameter.detach() for name, parameter in network.named_parameters()}
    config_in_file = {"model": {"name": model, **arguments}}
    torch.save({"state_dict": state, "normalizers": {}, "elementrefs": {}, "config": config_in_file}, path)


def measure(evaluate: Callable[[], dict[str, Any]], repeats: int) -> dict[str, Any]:
    """Median seconds of a call, peak memory of the process, and what was computed."""
    result, seconds = evaluate(), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = evaluate()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # kB on Linux
    return {"seconds": statistics.median(seconds), "peak_gb": peak} | result


def run_equical(checkpoint: Path, size: str, repeats: int, convolutions: str | None = None) -> dict[str, Any]:
    import torch

    from equical import EquiCalc, convert

    folder = checkpoint.with_name(convolutions or "plain")  # one for each run, as nothing is overwritten
    convert(checkpoint, folder, elements=["Cu"])
    potential = EquiCalc(folder, device="cpu", convolutions=convolutions).checkpoint.potential
    atoms = copper()

    def evaluate() -> dict[str, Any]:
        found = potential.predict(potential.graph(atoms), stress=size.startswith("v3"))
        assert found.forces is not None
        return {"energy": found.energy.item(), "largest_force": found.forces.abs().max().item()}

    reduced = "" if convolutions is None else f", convolutions in {convolutions}"
    return {"code": f"equical{reduced}, torch {torch.__version__}"} | measure(evaluate, repeats)


def run_reduced(checkpoint: Path, size: str, repeats: int) -> dict[str, Any]:
    return run_equical(checkpoint, size, repeats, "bfloat16")


def run_peer(checkpoint: Path, size: str, repeats: int) -> dict[str, Any]:
    """The published code, in an environment that has it, as its own calculator calls it."""
    import torch
    import torch_geometric

    # Imported by the published files and not called by these two models: a compiled package less to build.
    sys.modules.setdefault("torch_scatter", ModuleType("torch_scatter")).scatter = torch_geometric.utils.scatter
    import fairchem.core
    from fairchem.core.common.registry import registry
    from fairchem.core.datasets import data_list_collater
    from fairchem.core.preprocessing import AtomsToGraphs

    name, arguments = SIZES[size]
    folder = "fairchem.core.models.equiformer_v2" if name == "equiformer_v2" else "experimental.models.equiformer_v3"
    import_module(f"{folder}.{name}" if name == "equiformer_v3" else folder)  # registers its model
    model = registry.get_model_class(name)(**arguments).eval()
    load_by_name(model, torch.load(checkpoint, weights_only=True)["state_dict"])
    convert = AtomsToGraphs(r_edges=False, r_pbc=True, r_energy=False, r_forces=False).convert
    atoms = copper()

    def evaluate() -> dict[str, Any]:
        # Without gradients if the forces are direct; fairchem-core then turns them on again inside.
        with torch.set_grad_enabled(not size.startswith("v2")):
            output = model(data_list_collater([convert(atoms)], otf_graph=True))
        output = {key: value.detach() for key, value in output.items()}
        return {"energy": output["energy"].item(), "largest_force": output["forces"].abs().max().item()}

    code = f"{'EquiformerV3, ' if name == 'equiformer_v3' else ''}fairchem-core {fairchem.core.__version__}"
    return {"code": f"{code}, torch {torch.__version__}"} | measure(evaluate, repeats)


def load_by_name(model: Any, weights: dict[str, Any]) -> None:
    """Every parameter from the file, derived buffers as the model made them."""
    shapes = dict(model.named_parameters())
    found = {key.removeprefix("module."): value for key, value in weights.items()}
    assert found.keys() == shapes.keys(), sorted(found.keys() ^ shapes.keys())
    model.load_state_dict({key: value.reshape(shapes[key].shape) for key, value in found.items()}, strict=False)


def table(rows: list[dict[str, Any]]) -> str:
    """Each code with its numbers, and how it compares with the last one: speed, memory, relative differences."""
    lines = ["| code | seconds | peak GB | energy | largest force | speed | memory | ΔE/E | ΔF/F |", "|---" * 9 + "|"]
    last = rows[-1]
    for row in rows:
        numbers = f"{row['seconds']:.2f} | {row['peak_gb']:.2f} | {row['energy']:.6f} | {row['largest_force']:.6f}"
        speed, memory = last["seconds"] / row["seconds"], row["peak_gb"] / last["peak_gb"]
        differences = [abs(row[key] / last[key] - 1) for key in ("energy", "largest_force")]
        compared = f"{speed:.1f}× | {memory:.2f}× | {differences[0]:.0e} | {differences[1]:.0e}"
        lines.append(f"| {row['code']} | {numbers} | {compared} |")
    return "\n".join(lines)


def machine() -> str:
    """When and where: date, processor, threads."""
    import torch

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{date.today()}, {model}, {torch.get_num_threads()} threads, float32"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter of an environment with the published code")
    parser.add_argument("--peer-path", default="", metavar="DIR", help="added to its PYTHONPATH")
    parser.add_argument("--child", nargs=2, metavar=("CODE", "CHECKPOINT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        code, checkpoint = arguments.child
        run = {"equical": run_equical, "reduced": run_reduced, "peer": run_peer}[code]
        print(json.dumps(run(Path(checkpoint), arguments.size, arguments.repeats)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "checkpoint.pt"
        write_random_checkpoint(arguments.size, checkpoint)
        contenders = [("equical", sys.executable), ("reduced", sys.executable)]
        contenders += [("peer", arguments.peer)] if arguments.peer else []
        rows = []
        for code, python in contenders:
            command = [
                python,
                __file__,
                arguments.size,
                "--repeats",
                str(arguments.repeats),
                "--child",
                code,
                checkpoint,
            ]
            path = {"PYTHONPATH": arguments.peer_path} if code == "peer" and arguments.peer_path else {}
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | path)
            rows.append(json.loads(output.stdout.splitlines()[-1]))
    print(f"{arguments.size}, 32 Cu atoms, {machine()}\n\n{table(rows)}")


if __name__ == "__main__":
    main()
