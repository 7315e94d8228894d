"""The config as a text that a person reads: each part with the reason why it is there."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mtcli.core.discovery.compose import Plan, Task

WIDTH = 98


def config_text(plan: Plan, folder: Path, output: Path) -> str:
    """The whole file.

    Args:
        plan: what it says.
        folder: where the data lies, as the user named it.
        output: the file.
    """
    settings = plan.settings
    lines = [
        *_comment(
            f"Written by mtcli init from what lies in {folder}. All of it may be changed: "
            f"docs/config.md tells every key, mtcli config check {output.name} what is wrong."
        ),
        *(line for lost in plan.lost for line in _comment(f"Not used: {lost}")),
        "data:",
        *_entry("images", plan.images, f"{plan.pictures} pictures", 2),
        *_entry("splits", dict(plan.splits), plan.splitting.why, 2),
    ]
    if plan.group is not None and plan.splitting.group is not None:
        lines += _entry("group", dict(plan.group), plan.splitting.group.why, 2)
    lines += _entry("size", list(settings.size), settings.size_why, 2)
    if settings.resize is not None:
        lines += _entry("resize", settings.resize, "", 2)
    lines += _entry("augment", list(settings.augment), settings.augment_why, 2)
    lines.append("tasks:")
    for task in plan.tasks:
        lines += _task(task)
    lines += _entry("model", settings.model, settings.model_why, 0)
    lines += _entry("train", settings.train, settings.train_why, 0)
    return "\n".join(lines) + "\n"


def _task(task: Task) -> list[str]:
    lines = [*_comment(task.why, 2), f"  {task.name}:"]
    for key, value in task.entry.items():
        remarked = task.remark if key == _remarked(task) else ""
        lines += _entry(key, value, remarked, 4)
    return lines


def _remarked(task: Task) -> str:
    """The key that the remark stands above: the names of classes, else the kind's or labels'."""
    if "classes" in task.entry:
        return "classes"
    return "kind" if task.remark.endswith("if you know better") else "labels"


def _entry(key: str, value: Any, why: str, indent: int) -> list[str]:
    """A key with its comment above it, on one line where there is room."""
    pad = " " * indent
    text = f"{key}: {_flow(value)}"
    if len(pad + text) > WIDTH and isinstance(value, list) and _is_plain(value):
        text = _filled(key, [_flow(item) for item in value], indent)
    elif len(pad + text) > WIDTH and isinstance(value, Mapping | list):
        text = f"{key}:\n" + textwrap.indent(_block(value), "  ")
    return [*_comment(why, indent), *textwrap.indent(text, pad).split("\n")]


def _is_plain(value: list[Any]) -> bool:
    return all(isinstance(item, str | int | float) for item in value)


def _filled(key: str, items: list[str], indent: int) -> str:
    """A list in brackets over as many lines as it needs."""
    lines = [f"{key}: ["]
    for number, item in enumerate(items, start=1):
        word = f"{item}]" if number == len(items) else f"{item},"
        if len(lines[-1]) + len(word) + 1 > WIDTH - indent:
            lines.append(f"  {word}")
        else:
            lines[-1] += word if lines[-1].endswith("[") else f" {word}"
    return "\n".join(lines)


def _flow(value: Any) -> str:
    """A value on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text.removesuffix("\n").removesuffix("\n...").rstrip("\n")


def _block(value: Mapping[str, Any] | list[Any]) -> str:
    """A mapping a key a line, or a list an item a line, each on one line where there is room."""
    if isinstance(value, Mapping):
        return "\n".join(line for key, inner in value.items() for line in _entry(key, inner, "", 0))
    return "\n".join(f"- {_flow(item)}" for item in value)


def _comment(text: str, indent: int = 0) -> list[str]:
    """Lines of a comment; what was read from files stays on them, whatever it holds."""
    plain = " ".join(text.split())
    plain = "".join(character if character.isprintable() else "?" for character in plain)
    pad = " " * indent
    return textwrap.wrap(
        plain,
        WIDTH,
        initial_indent=f"{pad}# ",
        subsequent_indent=f"{pad}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
