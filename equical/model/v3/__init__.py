"""EquiformerV3 (arXiv 2604.09130): what is its own; the rest are bricks."""
