"""The kinds of task, one file each."""

from mtcli.core.registry import Registry
from mtcli.core.task import AnyTask

KINDS: Registry[type[AnyTask]] = Registry("task kind", __name__)
