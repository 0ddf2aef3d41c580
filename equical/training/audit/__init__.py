"""Questions one should ask of labelled structures before training on them.

Each check is a function from frames to findings. A finding says what is there, in which frames, and what to do; an
``error`` would spoil the training, a ``warning`` may, a ``note`` is good to know.
"""

from equical.training.audit.finding import DataFinding
from equical.training.audit.run import audit_data, audit_split

__all__ = ["DataFinding", "audit_data", "audit_split"]
