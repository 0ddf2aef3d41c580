"""Store a model's weights in 16 bits, in half the bytes; it goes on computing in 32 or 64.

    python examples/recipes/universal/store.py universal-run/model models/universal-mini

Half precision rounds a weight by 2^-12 of it at most. ``judge.py`` on the stored model tells what that does to errors.
"""

from pathlib import Path

import click
import torch

from equical.checkpoint import load_checkpoint, save_checkpoint


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
def main(model: Path, output: Path) -> None:
    """Write MODEL with weights in 16 bits to OUTPUT; other files that are there stay."""
    checkpoint = load_checkpoint(model)
    save_checkpoint(output, checkpoint.potential.to(torch.float16), checkpoint.metadata)


if __name__ == "__main__":
    main()
