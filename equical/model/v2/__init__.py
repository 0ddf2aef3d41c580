"""EquiformerV2 (arXiv 2306.12059): what differs from V3, in bricks of the same shapes.

Separable S² activation and layer norm, one radial weight for each degree and order, no envelope, nearest neighbours
only, direct heads for energy, forces and stress.
"""
