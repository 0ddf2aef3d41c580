"""Keep freed memory in the process: training asks for the same sizes again at every step."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's ``mallopt``."""


def keep_freed_memory() -> None:
    """Tell glibc to hold on to large blocks instead of returning them to the system.

    Otherwise every large tensor of every step is mapped anew and zeroed page by page, which takes about as long as the
    arithmetic. A setting of the whole process: for programs of ours that train, never for a library call. Does nothing
    where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, -1)
