"""Train both generations on aspirin for the same time, test them, and print a table.

    python run.py --data FOLDER --minutes 60

Whatever was interrupted goes on where it stopped; whatever is finished is left alone.
"""

import argparse
from pathlib import Path
from typing import Any

import yaml

import equical

HERE = Path(__file__).parent
NETWORKS = ("v1", "v3")


def source(path: Path) -> dict[str, Any]:
    """Frames of rMD17; they are drawn at random from a long run, so single frames are the groups."""
    return {"paths": str(path.resolve()), "energy_key": "Energy", "stress_key": None, "block": 1}


def configuration(network: str, data: Path, limits: dict[str, float], seed: int) -> dict[str, Any]:
    """One run."""
    config: dict[str, Any] = yaml.safe_load((HERE / "base.yaml").read_text(encoding="utf-8"))
    config["model"] = yaml.safe_load((HERE / f"{network}.yaml").read_text(encoding="utf-8"))
    config["data"] = [source(data)]
    config["training"]["limits"] = limits
    return config | {"seed": seed}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with aspirin_train_01.xyz.gz and _test_01")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="time of each run")
    budget.add_argument("--steps", type=int, help="steps of each run, to try things out")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, choices=NETWORKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("generations-rmd17"))
    options = parser.parse_args()
    limits = {"max_steps": options.steps} if options.minutes is None else {"max_minutes": options.minutes}
    lines = ["network  parameters   steps  minutes  E MAE (meV/atom)  F MAE (meV/Å)"]
    for network in options.networks:
        folder = options.output / f"{network}-{options.seed}"
        config = configuration(network, options.data / "aspirin_train_01.xyz.gz", limits, options.seed)
        run = equical.train(config, output=folder, resume=folder.exists(), progress=True)
        errors = equical.evaluate(run.model, source(options.data / "aspirin_test_01.xyz.gz")).errors
        size = sum(p.numel() for p in equical.load_checkpoint(run.model).potential.parameters())
        lines.append(
            f"{network:7s} {size:11,d} {run.steps:7d} {run.minutes:8.1f} {errors['energy_mae_meV_per_atom']:17.2f}"
            f" {errors['forces_mae_meV_per_A']:14.2f}"
        )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
