"""`jsonl`: a JSON object a picture and line."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mtcli.core.prediction.answered import Answered
from mtcli.core.prediction.formats import FORMATS, Format
from mtcli.core.task import AnyTask


@FORMATS.add("jsonl")
class JsonLines(Format):
    """A line a picture, as it is done."""

    @classmethod
    def names(cls, tasks: Mapping[str, AnyTask]) -> list[str]:  # noqa: ARG003 - any
        return ["predictions.jsonl"]

    def add(self, answered: Answered, maps: Mapping[str, str]) -> None:
        [file] = self.files.values()
        plain = answered.plain(self.tasks, maps)
        file.write(json.dumps(plain, ensure_ascii=False, allow_nan=False) + "\n")
        file.flush()
