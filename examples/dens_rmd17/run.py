"""Train and test every combination of molecule, budget, seed, and DeNS or not.

python run.py --data FOLDER
"""

import argparse
import itertools
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
DENOISING = {"probability": 0.25, "ratio": 0.25, "sigma": 0.05, "weight": 1.5, "final_weight": 0.0}
ATOMS = {"aspirin": 21, "ethanol": 9, "toluene": 15}
STRUCTURES_PER_STEP = 5


def configuration(data: Path, molecule: str, denoising: bool, limit: dict[str, float], seed: int) -> dict:
    """One run as a YAML document."""
    config = yaml.safe_load((HERE / "base.yaml").read_text())
    path = str((data / f"{molecule}_train_01.xyz.gz").resolve())
    # Frames of rMD17 are drawn at random from a long run, so single frames are the groups.
    config["data"] = [{"paths": path, "energy_key": "Energy", "stress_key": None, "block": 1, "name": molecule}]
    config["training"]["batch"] = {"max_atoms": STRUCTURES_PER_STEP * ATOMS[molecule], "max_edges": 10**7}
    config["training"]["limits"] = limit
    if denoising:
        config["training"]["denoising"] = DENOISING
    return config | {"seed": seed}


def equical(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "equical", *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with <molecule>_train_01.xyz.gz and _test_01")
    parser.add_argument("--molecules", nargs="+", default=["aspirin", "ethanol"], choices=ATOMS)
    parser.add_argument("--budgets", nargs="+", default=["steps", "time"], choices=["steps", "time"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--output", type=Path, default=Path("dens-rmd17"))
    options = parser.parse_args()
    limits = {"steps": {"max_steps": options.steps}, "time": {"max_minutes": options.minutes}}
    for molecule, budget, seed, kind in itertools.product(
        options.molecules, options.budgets, options.seeds, ["plain", "dens"]
    ):
        folder = options.output / f"{molecule}-{budget}-{kind}-{seed}"
        if (folder / "test" / "result.json").exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        config = configuration(options.data, molecule, kind == "dens", limits[budget], seed)
        (folder / "run.yaml").write_text(yaml.safe_dump(config))
        run = folder / "run"
        again = ["--resume"] if (run / "checkpoints" / "last.pt").exists() else ["--overwrite"]
        print(f"== {folder.name}", flush=True)
        equical("train", str(folder / "run.yaml"), "--output", str(run), *again)
        test = str(options.data / f"{molecule}_test_01.xyz.gz")
        keys = ["--energy-key", "Energy", "--stress-key", "none"]
        equical("eval", test, "--model", str(run / "model"), *keys, "--output", str(folder / "test"), "--overwrite")


if __name__ == "__main__":
    main()
