"""Configs made of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def rewrite(shapes: Path, name: str = "mtcli.yaml", **sections: dict[str, Any]) -> Path:
    """The config of the shapes with other values in some sections, beside it."""
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    for section, values in sections.items():
        document[section] = {**document.get(section, {}), **values}
    path = shapes / name
    path.write_text(yaml.safe_dump(document))
    return path
