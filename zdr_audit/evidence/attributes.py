"""Extended attributes of files and folders, in which some object stores keep what belongs to an object."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_NONE = frozenset((errno.ENOTSUP, errno.ENODATA, errno.ENOENT, errno.ENOSYS))
"""Errors by which a system says that there is none, or none any more."""


def attributes(of: int | Path, unread: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each attribute of an open file, or of what a path names (a link is not followed). The name goes before the content, since it
    may say as much. `unread` is told what could not be read; the kernel bounds all of them to 64 KiB each. None where the system has no attributes."""
    if not hasattr(os, "listxattr"):
        return
    follow = isinstance(of, int)  # an open file is followed by its nature
    try:
        names = os.listxattr(of, follow_symlinks=follow)
    except OSError as problem:
        if problem.errno not in _NONE:
            unread(f"its extended attributes cannot be listed: {problem.strerror}")
        return
    for name in names:
        try:
            content = os.getxattr(of, name, follow_symlinks=follow)
        except OSError as problem:
            if problem.errno not in _NONE:
                unread(f"its extended attribute {name} cannot be read: {problem.strerror}")
            continue
        yield name, os.fsencode(name) + b"=" + content
