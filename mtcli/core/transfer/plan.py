"""What becomes of every tensor when weights move from one network to another, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mtcli.core.blueprint import OF_STREAMS
from mtcli.core.errors import ConfigError, and_more
from mtcli.core.network import Network
from mtcli.core.parts import Parts
from mtcli.core.task import AnyTask
from mtcli.core.transfer.fitting import Fit, class_layouts, first_kernels
from mtcli.core.transfer.inputs import inputs_of
from mtcli.core.transfer.leaving import left_behind
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.refusing import require_same_trunks, require_some
from mtcli.core.transfer.rows import NEW_TASK, NOT_ASKED, Row, head_of
from mtcli.core.transfer.tied import as_one
from mtcli.core.tying import aliases
from mtcli.core.weights.naming import is_counter


@dataclass(frozen=True, slots=True)
class Plan:
    """The fate of every tensor, and the values of those that are copied or adapted."""

    sources: tuple[str, ...]
    rows: tuple[Row, ...]
    values: Mapping[str, Tensor]

    @property
    def copied(self) -> frozenset[str]:
        """The tensors that are filled."""
        return frozenset(self.values)

    @torch.no_grad()
    def apply(self, network: Network) -> None:
        """Fill the network; what is fresh stays as it is."""
        state = network.state_dict()
        for name, value in self.values.items():
            state[name].copy_(value)

    def beside(self, published: Mapping[str, str]) -> Plan:
        """The same of a network that other weights have filled before, as far as they did.

        Args:
            published: the tensors that they filled, each with the key of the config that says so.
        """

        def told(row: Row) -> Row:
            if row.fate != "fresh" or row.tensor not in published:
                return row
            why = published[row.tensor]
            return replace(row, fate="published", why=why, asked=True, origins=())

        return replace(self, rows=tuple(map(told, self.rows)))

    def passed_over(self, tasks: Collection[str]) -> tuple[str, ...]:
        """Those of some tasks whose heads start fresh, since no word of `--copy` means them."""
        fresh = {
            head_of(row.tensor) for row in self.rows if row.fate == "fresh" and row.why == NOT_ASKED
        }
        return tuple(task for task in tasks if task in fresh)

    def require_all(self) -> None:
        """See that nothing is fresh or left behind that no option asked for.

        Raises:
            ConfigError: something is.
        """
        missed = [row for row in self.rows if not row.asked]
        if missed:
            raise ConfigError(
                "--strict: tensors are fresh or left behind that no option asked for",
                found=and_more([f"{row.tensor} ({row.fate}: {row.why})" for row in missed], 2),
                mend="--copy, --map and --tasks say what is meant",
            )


def make_plan(
    network: Network,
    tasks: Mapping[str, AnyTask],
    origins: Sequence[Origin],
    words: Sequence[str] = ("all",),
    chosen: Collection[str] = (),
    average: bool = False,
    require: bool = True,
    trunks: Mapping[str, str] | None = None,
) -> Plan:
    """Decide of every tensor.

    Args:
        network: to be filled, with fresh weights.
        tasks: the network's, which know their classes.
        origins: where weights come from, their heads by the names of our tasks.
        words: what is taken; see `Parts.matching`.
        chosen: tasks that the user named, so that what they lack is no surprise.
        average: whether shared tensors of several origins are averaged.
        require: whether something has to come of it.
        trunks: what the network's trunks are called, by their keys, where known.

    Raises:
        ConfigError: nothing could be copied, or two origins both bring a tensor.
    """
    parts = Parts(network)
    for word in words:
        parts.require([word], f"--copy {word}")
    wanted = parts.matching(words)
    rows: list[Row] = []
    values: dict[str, Tensor] = {}
    layouts = class_layouts(network)
    inputs = inputs_of(network, first_kernels(network))
    state, streams = network.state_dict(), {*network.uses.values()}
    for name, fresh in state.items():
        having = [origin for origin in origins if name in origin.tensors]
        if name not in wanted or not having:
            why, asked = _lacking(name, name in wanted, streams, origins, chosen)
            rows.append(Row(name, "fresh", why, asked, tuple(fresh.shape)))
            continue
        if len(having) > 1 and not average:
            raise ConfigError(
                f"several origins bring {name}",
                found=", ".join(origin.source for origin in having),
                mend="--merge average takes the mean; --copy heads takes none; "
                "--set model.sharing=none has one for each task",
            )
        fit = Fit(name, fresh, tasks, layouts, inputs)
        row, value = _taken(name, fresh, fit, having)
        rows.append(row)
        if value is not None:
            values[name] = value
    rows, values = as_one(dict.fromkeys(aliases(network).values()), rows, values, origins, average)
    if require:
        require_same_trunks(rows, wanted, network.parts, origins, trunks or {})
    used: dict[str, set[str]] = {origin.source: set() for origin in origins}
    for origin in origins:  # two may be of one source, each with what is for another task
        used[origin.source] |= {origin.named(name) for name in origin.tensors if name in state}
    for origin in origins:
        rows += left_behind(origin, state, used[origin.source], tasks, words, chosen)
    if require:
        require_some(rows, wanted, origins, words)
    return Plan(tuple(origin.source for origin in origins), tuple(rows), values)


def _lacking(
    name: str,
    wanted: bool,
    streams: Collection[str],
    origins: Sequence[Origin],
    chosen: Collection[str],
) -> tuple[str, bool]:
    """Why a tensor comes from no origin, and whether that was to be expected."""
    part, owner, *_ = [*name.split("."), ""]
    of_task = part == "heads" or (part in OF_STREAMS and owner in streams)
    if of_task and all(owner not in origin.heads for origin in origins):
        return NEW_TASK, owner in chosen or not wanted
    if not wanted:
        return NOT_ASKED, True
    if is_counter(name):
        return "no counter there", True  # files leave them out
    return "no such tensor in the origin", False


def _taken(
    name: str, fresh: Tensor, fit: Fit, origins: Sequence[Origin]
) -> tuple[Row, Tensor | None]:
    """What becomes of a tensor that some origins have: of several it is the mean."""
    shape = tuple(fresh.shape)
    values, reasons, fates = [], [], set()
    for origin in origins:
        fate, why, value = fit.take(origin)
        if value is None:
            return Row(name, fate, why, False, shape, (origin.source,)), None
        values.append(value)
        reasons.append(why)
        fates.add(fate)
    fate = "adapted" if "adapted" in fates else "copied"
    sources = tuple(origin.source for origin in origins)
    if len(values) == 1 or not fresh.is_floating_point():  # what counts has no mean
        return Row(name, fate, reasons[0], True, shape, sources[:1]), values[0]
    mean = torch.stack([value.float() for value in values]).mean(dim=0)
    return Row(name, fate, f"mean of {len(values)}", True, shape, sources), mean
