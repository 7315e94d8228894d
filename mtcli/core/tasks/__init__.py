"""The kinds of task, one file each."""

from typing import Any

from mtcli.core.registry import Registry
from mtcli.core.task import Task

KINDS: Registry[type[Task[Any, Any]]] = Registry("task kind", __name__)
