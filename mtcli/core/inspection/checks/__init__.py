"""The checks of data: each a function in a file of its own, from a survey to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mtcli.core.registry import Registry

if TYPE_CHECKING:
    from mtcli.core.inspection.finding import Finding
    from mtcli.core.inspection.survey import Survey

Check = Callable[["Survey"], Iterable["Finding"]]

CHECKS: Registry[Check] = Registry("check of data", __name__)
