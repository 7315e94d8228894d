"""The detectives, one file each: what each format of labels or splits looks like in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mtcli.core.discovery.listing import Listing
from mtcli.core.discovery.proposal import Finding
from mtcli.core.registry import Registry

Detective = Callable[[Listing], Iterable[Finding]]
"""Looks at a folder and says what it has found."""

DETECTIVES: Registry[Detective] = Registry("detective", __name__)
