"""What names of columns, folders and files give away of what they hold."""

from __future__ import annotations

import re

from mtcli.core.config import RESERVED


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GROUPS = _words(
    "patient subject slide video clip case participant donor person individual sequence "
    "session specimen study exam group animal"
)
"""Of things with several pictures each, which must not be divided among splits."""

COUNTED = _words(
    "count counts number num n age size area length width height weight price temperature "
    "temp percent percentage ratio score year distance speed angle volume mass amount depth "
    "duration density concentration value bmi hours days months"
)
"""Of numbers whose order and distance mean something."""

CLASSED = _words(
    "class classes label labels category type kind target grade level stage diagnosis dx sex "
    "gender species breed condition status code group cluster family"
)
"""Of numbers that stand for classes."""

NO_LABEL = _words(
    "id ids uuid guid index idx unnamed path filepath filename file url uri link date time "
    "timestamp datetime created modified md5 sha sha1 sha256 hash checksum license licence "
    "author source note notes comment comments description annotator"
)
"""Of what is known of a picture without looking at it."""

STRUCTURE = _words(
    "image images img imgs picture pictures photo photos pics jpegimages data dataset "
    "datasets raw original originals rgb input inputs mask masks label labels annotation "
    "annotations depth png jpg jpeg crops frames segmentationclass segmentationobject "
    "thumbnails overlays visualization predictions results output outputs"
)
"""Of folders that are no classes."""

PARTS = _words("part parts batch folder dir set fold split run day camera cam site scene")
"""Of folders that are numbered because there were many pictures."""

SIDES = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])", re.IGNORECASE)
"""What must not be mirrored."""

WRITTEN = re.compile(
    r"digit|letter|character|mnist|svhn|ocr|text|plate|(?<![a-z])sign|number_?plate|alphabet", re.I
)
"""Of pictures that mean something else in a mirror."""


def tokens(name: str) -> set[str]:
    """The words of a name in lower case: `patientID`, `patient_id` are patient and id."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word for word in re.split(r"[\W_\d]+", spaced.lower()) if word}


def speaks_of(name: str, words: frozenset[str]) -> bool:
    """Whether a name has one of some words."""
    return bool(tokens(name) & words)


def task_name(said: str, fallback: str) -> str:
    """A name that a task may have."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", said).strip("_-")
    return name if re.match(r"[A-Za-z]", name) and name not in RESERVED else fallback
