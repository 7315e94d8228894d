"""`json`: one JSON object, which names the model and holds an object for each picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TextIO

from mtcli.core.prediction.answered import Answered
from mtcli.core.prediction.formats import FORMATS, Format
from mtcli.core.task import AnyTask


@FORMATS.add("json")
class Json(Format):
    """One object; the list in it grows as pictures are done."""

    def __init__(
        self, tasks: Mapping[str, AnyTask], model: str, files: Mapping[str, TextIO]
    ) -> None:
        super().__init__(tasks, model, files)
        kinds = {name: task.kind for name, task in tasks.items()}
        self._write(f'{{\n"model": {_text(model)},\n"tasks": {_text(kinds)},\n"predictions": [')
        self._between = "\n"

    @classmethod
    def names(cls, tasks: Mapping[str, AnyTask]) -> list[str]:  # noqa: ARG003 - any
        return ["predictions.json"]

    def add(self, answered: Answered, maps: Mapping[str, str]) -> None:
        self._write(self._between + _text(answered.plain(self.tasks, maps)))
        self._between = ",\n"

    def end(self, counts: Mapping[str, Any]) -> None:
        rest = "".join(f",\n{_text(name)}: {_text(value)}" for name, value in counts.items())
        self._write(f"\n]{rest}\n}}\n")

    def _write(self, text: str) -> None:
        [file] = self.files.values()
        file.write(text)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
