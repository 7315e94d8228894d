"""What the training split tells of several inputs: which are measured maps, and of what range."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mtcli.core.config import Config
from mtcli.core.configfusion import input_names, inputs_of
from mtcli.core.configinputs import InputArrays, InputMaps, Range
from mtcli.core.data.inputs import MeasuredMap, place_of
from mtcli.core.data.readers import stem
from mtcli.core.data.records import Record
from mtcli.core.errors import ConfigError, DataError
from mtcli.core.maps import UNMEASURED

LOOKED_AT = 500
"""As many maps of the training split, evenly chosen, tell the range of all."""


def find_inputs(config: Config, records: Sequence[Record]) -> dict[str, Range | None]:
    """What a network is told of each input: None of a picture, of a map the numbers that are 0, 1.

    Where the config does not say a map's range, it is the least and the most number that was
    measured in up to `LOOKED_AT` maps.

    Args:
        config: checked.
        records: of the training split.

    Returns:
        By name, in the order of the config; nothing where records have one picture.

    Raises:
        ConfigError: an input is a picture for one task and a map for another, or has two ranges.
        DataError: no record has one of them, or the maps of one cannot be read or show nothing.
    """
    found: dict[str, Range | None] = {}
    for name in input_names(config.data, config.tasks):
        own = [record.inputs[name] for record in records if name in record.inputs]
        if not own:
            raise DataError(
                f"no picture of the training split has the input {name}",
                expected=f"files called as the pictures, {stem(records[0].key)} for example"
                if records
                else None,
                mend="compare the names in its folder with those of the split",
            )
        maps = [source for source in own if isinstance(source, MeasuredMap)]
        if maps and len(maps) < len(own):
            raise ConfigError(
                f"the input {name} is a measured map for one task, and a picture for another",
                mend="give one of them another name",
            )
        stated = _stated(config, name)
        found[name] = None if not maps else stated or _measured(config, name, maps)
    return found


def check_same_inputs(
    inputs: Mapping[str, Range | None], records: Sequence[Record], where: object
) -> None:
    """See that records have what a network reads.

    Args:
        inputs: of the network, as `find_inputs` gives them.
        records: that it shall read.
        where: its checkpoint, for messages.

    Raises:
        ConfigError: they have other inputs, or a map where it knows a picture.
    """
    named = {name for record in records for name in record.inputs}
    if bool(inputs) != bool(named) or not named <= {*inputs}:
        raise ConfigError(
            "the data has other inputs than the network",
            where=where,
            expected=f"data.inputs: {', '.join(inputs)}" if inputs else "data.images",
            found=", ".join(sorted(named)) or "data.images",
        )
    for record in records:
        for name, source in record.inputs.items():
            if isinstance(source, MeasuredMap) != (inputs[name] is not None):
                sorts = ("a picture", "a measured map")
                is_map = isinstance(source, MeasuredMap)
                raise ConfigError(
                    f"the input {name} is {sorts[is_map]} here",
                    where=place_of(source),
                    expected=f"{sorts[not is_map]}, as the network has learnt it",
                )


def _stated(config: Config, name: str) -> Range | None:
    """The range that the config says of an input."""
    said = set()
    for task in config.tasks.values():
        place = inputs_of(config.data, task).get(name)
        if isinstance(place, InputMaps | InputArrays) and place.range is not None:
            said.add(place.range)
    if len(said) > 1:
        raise ConfigError(
            f"the input {name} has two ranges",
            found=" and ".join(map(str, map(list, sorted(said)))),
            mend="one input is one thing to the network: give both the same",
        )
    return next(iter(said), None)


def _measured(config: Config, name: str, maps: Sequence[MeasuredMap]) -> Range:
    few = {round(place) for place in np.linspace(0, len(maps) - 1, min(LOOKED_AT, len(maps)))}
    skips = config.data.on_bad_image == "skip"

    def bounds(source: MeasuredMap) -> tuple[float, float] | None:
        try:
            values = source.load().values
        except DataError:
            if skips:
                return None
            raise
        known = values[values != UNMEASURED]
        return (float(known.min()), float(known.max())) if len(known) else None

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        seen = [found for found in pool.map(bounds, [maps[n] for n in sorted(few)]) if found]
    low, high = (
        min((low for low, _ in seen), default=0.0),
        max((high for _, high in seen), default=0.0),
    )
    if low == high:
        raise DataError(
            f"the maps of the input {name} show nothing: every pixel is the same",
            where=place_of(maps[0]),
            found=f"{low:g}" if seen else "not one measured pixel",
            mend="leave it out, or say what its numbers may be: {maps: FOLDER, range: [0, 1]}",
        )
    return low, high
