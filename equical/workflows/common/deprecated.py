"""Keywords that have another name now; the old one works for one release, with a warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["formerly"]

P = ParamSpec("P")
T = TypeVar("T")


def formerly(**renamed: str | tuple[str, Callable[[Any], Any]]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function take old keywords.

    Args:
        **renamed: old name = new name, or (new name, what turns an old value into a new one).

    >>> @formerly(restart="resume")
    ... def run(*, resume=False):
    ...     return resume
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as given:
    ...     warnings.simplefilter("always")
    ...     run(restart=True), str(given[0].message)
    (True, 'restart is called resume now, and will be refused in the next release')
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **keywords: P.kwargs) -> T:
            for old, new in renamed.items():
                if old not in keywords:
                    continue
                name, convert = (new, _same) if isinstance(new, str) else new
                if name in keywords:
                    raise TypeError(f"{function.__name__} got both {old} and {name}; {old} is the old name of {name}")
                message = f"{old} is called {name} now, and will be refused in the next release"
                warnings.warn(message, FutureWarning, stacklevel=2)
                keywords[name] = convert(keywords.pop(old))
            return function(*args, **keywords)

        return call

    return decorate


def _same(value: Any) -> Any:
    return value
