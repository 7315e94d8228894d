"""Records to be answered: a picture each, or the inputs that belong together by their names."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from mtcli.core.configinputs import Range
from mtcli.core.data.inputs import InputSource
from mtcli.core.data.pictures import picture_endings
from mtcli.core.data.readers.maps import ENDINGS, MapFile
from mtcli.core.data.records import Record
from mtcli.core.errors import UsageError, and_more, did_you_mean
from mtcli.core.maps import UNMEASURED
from mtcli.core.prediction.pictures import LIST, find_pictures

Lines = Callable[[], Iterable[str]]


def find_records(
    words: Sequence[str],
    inputs: Mapping[str, Range | None],
    lines: Lines,
    whole: bool = False,
    out: Path | None = None,
) -> list[Record]:
    """What words mean to a model, each record named by the path of its picture.

    Args:
        words: see `find_pictures`; for a model of several inputs `NAME=WORD` each.
        inputs: of the model, each with its range where it is a measured map; none: one picture.
        lines: gives the list that `-` stands for.
        whole: whether a record must have all inputs.
        out: where results go, which are no inputs.

    Raises:
        UsageError: a word means nothing, or not what the model reads.
    """
    if not inputs:
        for word in words:
            _refuse_named(word)
        return [Record(str(path), path, {}) for path in find_pictures(words, lines, out=out)]
    named = _by_input(words, inputs)
    places = {
        name: _by_stem(named[name], inputs[name], lines, out) for name in inputs if name in named
    }
    first = next(iter(places))
    if all(len(files) == 1 for files in places.values()):
        # One file each: they belong together, whatever they are called.
        places = {name: {"": next(iter(files.values()))} for name, files in places.items()}
    records = []
    for stem, path in places[first].items():
        own = {name: files[stem] for name, files in places.items() if stem in files}
        sources = {name: _source(file, inputs[name]) for name, file in own.items()}
        records.append(Record(str(path), path, {}, inputs=sources))
    if whole:
        _check_whole(records, list(inputs))
    return records


def _by_input(words: Sequence[str], inputs: Mapping[str, Range | None]) -> dict[str, list[str]]:
    if len(inputs) == 1 and not any(word.partition("=")[0] in inputs for word in words):
        return {next(iter(inputs)): list(words)}
    form = " ".join(f"{name}=FOLDER" for name in inputs)
    found: dict[str, list[str]] = {}
    for word in words:
        name, sign, place = word.partition("=")
        if not sign or "/" in name:
            raise UsageError(
                "the model reads several inputs, and each is named",
                expected=form,
                found=word,
            )
        if name not in inputs:
            raise UsageError(
                f"the model has no input {name}", found=word, mend=did_you_mean(name, inputs)
            )
        if not place:
            raise UsageError(f"{word} names no file or folder", expected=form)
        found.setdefault(name, []).append(place)
    return found


def _by_stem(
    words: Sequence[str], scale: Range | None, lines: Lines, out: Path | None
) -> dict[str, Path]:
    """Files by what joins them: their path below the folder that was named, without the ending."""
    endings = picture_endings() if scale is None else {*ENDINGS}
    found: dict[str, Path] = {}
    for word in words:
        base = Path(word) if word != LIST and Path(word).is_dir() else None
        for path in find_pictures([word], lines, endings, out):
            name = path.relative_to(base).as_posix() if base is not None else path.name
            stem = posixpath.splitext(name)[0]
            if stem in found:
                raise UsageError(
                    "two files for one record", where=path, found=f"also {found[stem]}"
                )
            found[stem] = path
    return found


def _source(path: Path, scale: Range | None) -> InputSource:
    return path if scale is None else MapFile(path, 1.0, UNMEASURED)


def _check_whole(records: Sequence[Record], inputs: Sequence[str]) -> None:
    for name in inputs:
        without = [record.key for record in records if name not in record.inputs]
        if without:
            raise UsageError(
                f"an exported file needs every input, and {len(without)} of {len(records)} "
                f"pictures lack {name}",
                found=and_more(without),
                mend=f"name it: {name}=FOLDER, or use the run itself, which can do without",
            )


def _refuse_named(word: str) -> None:
    name, sign, _ = word.partition("=")
    if sign and name.isidentifier() and not Path(word).exists():
        raise UsageError(
            f"the model reads one picture, which has no name: {word}",
            mend="name files or folders alone",
        )
