"""Which published weight fills which of ours; nothing may be missing, left over, or of another shape."""

import re
from collections.abc import Callable, Iterable, Sequence

from torch import Tensor, nn

from equical.conversion.layouts import IN_MODEL_REFERENCES, Published
from equical.errors import InputError

__all__ = ["SHARED_RULES", "apply_rules", "matched_weights", "require_heads"]

Rules = Sequence[tuple[str, str]]
"""Regular expressions and what replaces them, one after the other: from our name of a weight to the published one."""

SHARED_RULES: Rules = (
    (r"^atom_embedding\.table", "sphere_embedding"),
    (r"^force_embedding\.linear", "force_embedding"),
    (r"\.attention\.", ".ga."),
    (r"^(\w+)_head\.ga\.", r"\1_block."),
    (r"^energy_head", "energy_block"),
    (r"\.feedforward\.", ".ffn."),
    (r"radial\.sender_embedding", "source_embedding"),
    (r"radial\.receiver_embedding", "target_embedding"),
    (r"radial\.linear_1", "rad_func.net.0"),
    (r"radial\.norm_1", "rad_func.net.1"),
    (r"radial\.linear_2", "rad_func.net.3"),
    (r"radial\.norm_2", "rad_func.net.4"),
    (r"radial\.linear_3", "rad_func.net.6"),
    (r"linear_m0", "fc_m0"),
    (r"projection", "proj"),
)
"""What both generations have in common."""

MOST = 8
"""Names listed of each kind of mismatch."""


def apply_rules(name: str, rules: Rules) -> str:
    """Our name of a weight, rewritten by rules."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def require_heads(published: Published, heads: dict[str, str]) -> None:
    """Refuse a checkpoint that lacks a whole head, given as prefix of its weights and what it predicts."""
    for prefix, what in heads.items():
        if not any(name.startswith(f"{prefix}.") for name in published.parameters):
            raise InputError(
                f"{published.path} has no {what} head ({prefix}), so it is no force field yet; take the checkpoint from"
                " the end of the training."
            )


def matched_weights(
    network: nn.Module, published: Published, published_name: Callable[[str], str]
) -> dict[str, Tensor]:
    """The published weights under our names.

    Raises:
        InputError: weights are missing, unexpected or of the wrong shape; all of them in one message.
    """
    missing, misshaped, weights = [], [], {}
    left = dict(published.parameters)
    left.pop(IN_MODEL_REFERENCES, None)
    for name, wanted in network.named_parameters():
        theirs = published_name(name)
        if theirs not in left:
            missing.append(theirs)
            continue
        tensor = left.pop(theirs)
        if not _same_shape(tensor.shape, wanted.shape):
            shape, expected = list(tensor.shape), list(wanted.shape)
            misshaped.append(f"{published.names[theirs]} ({shape} where the config means {expected})")
            continue
        weights[name] = tensor.reshape(wanted.shape)
    unexpected = [published.names[name] for name in left]
    kinds = {"missing": missing, "unexpected": unexpected, "of the wrong shape": misshaped}
    problems = [f"{kind}: {_some(names)}" for kind, names in kinds.items() if names]
    if problems:
        raise InputError(f"{published.path}: its weights do not fit its config; {'; '.join(problems)}.")
    return weights


def _same_shape(found: Iterable[int], wanted: Iterable[int]) -> bool:
    """Equal up to ones in front, which some published biases have."""
    found, wanted = list(found), list(wanted)
    while len(found) > len(wanted) and found[0] == 1:
        found.pop(0)
    return found == wanted


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"
