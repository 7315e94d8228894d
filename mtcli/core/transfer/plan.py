"""What becomes of every tensor when weights move from one network to another, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mtcli.core.errors import ConfigError, and_more
from mtcli.core.heads.classrows import ClassRows, class_rows
from mtcli.core.network import Network
from mtcli.core.parts import Parts, means
from mtcli.core.task import AnyTask
from mtcli.core.transfer.fitting import Fate, Fit
from mtcli.core.transfer.origin import Origin

COUNTER = "num_batches_tracked"
"""BatchNorm's count of batches, which published files lack and nothing here needs."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor's fate.

    Attributes:
        tensor: its name, in our network; for what was left behind, in the origin.
        fate: copied, adapted, fresh, or left behind in the origin.
        why: where that does not say it all.
        asked: whether it is what an option asked for, or goes without saying.
        shape: of the tensor.
    """

    tensor: str
    fate: Fate
    why: str
    asked: bool
    shape: tuple[int, ...]


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
        trunks: what the network's trunks are called, by `trunk` and `trunks.KEY`, where known.

    Raises:
        ConfigError: nothing could be copied, or two origins both bring a tensor.
    """
    parts = Parts(network)
    parts.require(words, "--copy")
    wanted = parts.matching(words)
    rows: list[Row] = []
    values: dict[str, Tensor] = {}
    layouts = _layouts(network)
    first = _first_kernels(network)
    used: set[str] = set()
    for name, fresh in network.state_dict().items():
        fits = Fit(name, fresh, tasks, layouts, name in first)
        having = [origin for origin in origins if name in origin.tensors]
        shape = tuple(fresh.shape)
        if name not in wanted:
            rows.append(Row(name, "fresh", "not asked for", True, shape))
            continue
        if not having:
            why, asked = _lacking(name, origins, chosen)
            rows.append(Row(name, "fresh", why, asked, shape))
            continue
        used.add(name)
        if len(having) > 1 and not average:
            raise ConfigError(
                f"{len(having)} origins bring {name}",
                found=", ".join(origin.source for origin in having),
                mend="--merge average takes their mean; or take it from one: --copy heads",
            )
        tried = [fits.take(origin) for origin in having]
        found = [value for _, _, value in tried if value is not None]
        fate, why, _ = tried[0]
        if len(found) == len(tried):
            values[name] = _mean(found)
            why = why if len(found) == 1 else f"mean of {len(found)}"
        else:
            fate, why = next((f, w) for f, w, value in tried if value is None)
        rows.append(Row(name, fate, why, fate in ("copied", "adapted"), shape))
    rows += _left(network, tasks, origins, used, words, chosen)
    plan = Plan(tuple(origin.source for origin in origins), tuple(rows), values)
    if require:
        _require_some(plan, origins, words, trunks or {})
    return plan


def _layouts(network: Network) -> dict[str, ClassRows]:
    """The tensors of all heads that have rows for classes."""
    return {
        f"heads.{task}.{name}": rows
        for task, head in network.heads.items()
        for name, rows in class_rows(head).items()
    }


def _first_kernels(network: Network) -> set[str]:
    """The kernel that each trunk sees the picture with."""
    found: dict[str, str] = {}
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 4 and name.partition(".")[0] in ("trunk", "trunks"):
            found.setdefault(_module(name), name)
    return {*found.values()}


def _module(name: str) -> str:
    """The part of a network that a tensor is of: `trunk`, `pyramids.KEY`, `heads.TASK`."""
    words = name.split(".")
    return ".".join(words[: 2 if words[0] in ("trunks", "pyramids", "heads") else 1])


def _lacking(name: str, origins: Sequence[Origin], chosen: Collection[str]) -> tuple[str, bool]:
    """Why no origin has a tensor, and whether that was to be expected."""
    if name.endswith(COUNTER):
        return "a counter, which files leave out", True
    head = name.split(".")[1] if name.startswith("heads.") else None
    if head is not None and all(head not in origin.heads for origin in origins):
        return "a new task", head in chosen
    return "no such tensor in the origin", False


def _left(
    network: Network,
    tasks: Mapping[str, AnyTask],
    origins: Sequence[Origin],
    used: Collection[str],
    words: Sequence[str],
    chosen: Collection[str],
) -> list[Row]:
    """What of the origins has no place here."""
    ours = network.state_dict()
    rows = []
    for origin in origins:
        for name, tensor in origin.tensors.items():
            if name in used:
                continue
            head = name.split(".")[1] if name.startswith("heads.") else None
            if name in ours:
                continue  # not wanted, which is told where it is fresh
            if not any(means(word, name) for word in words):
                why, asked = "not asked for", True
            elif head is not None and head not in tasks:
                why, asked = "task not wanted", bool(chosen)
            elif not any(other.startswith(f"{_module(name)}.") for other in ours):
                why, asked = "no task here reads it", bool(chosen)
            else:
                why, asked = "no such tensor here", name.endswith(COUNTER)
            rows.append(Row(origin.named(name), "left", why, asked, tuple(tensor.shape)))
        for name, tensor in origin.aside.items():
            is_head = name.startswith("heads.")
            why = f"the origin's own {name.split('.')[1]}: another head was asked for"
            why = why if is_head else "a level that no task here reads"
            asked = is_head or bool(chosen)
            rows.append(Row(name, "left", why, asked, tuple(tensor.shape)))
    return rows


def _require_some(
    plan: Plan,
    origins: Sequence[Origin],
    words: Sequence[str],
    trunks: Mapping[str, str],
) -> None:
    sources = ", ".join(plan.sources)
    ours = [row for row in plan.rows if row.fate != "left" and not row.tensor.endswith(COUNTER)]
    for part in dict.fromkeys(_module(row.tensor) for row in ours):
        if part.partition(".")[0] in ("trunk", "trunks"):
            rows = [row for row in ours if _module(row.tensor) == part]
            for origin in origins:
                if any(name.startswith(f"{part}.") for name in origin.tensors):
                    _require_same_trunk(part, rows, origin, trunks.get(part))
    filled = {name for name in plan.values if not name.endswith(COUNTER)}
    if not filled:
        heads = [head for origin in origins for head in origin.heads]
        reasons = [row for row in plan.rows if row.fate == "fresh" and row.why != "not asked for"]
        raise ConfigError(
            "nothing of the origin can be copied",
            where=sources,
            expected=f"tensors of {', '.join(words)}",
            found=f"{reasons[0].tensor}: {reasons[0].why}" if reasons else None,
            mend=f"it has the tasks {', '.join(heads)}; --map OLD=NEW gives one another name"
            if heads and reasons and reasons[0].why == "a new task"
            else "is it of another architecture? a file does not say which trunk it is of: "
            "--set model.trunk=NAME does",
        )


def _require_same_trunk(part: str, rows: Sequence[Row], origin: Origin, ours: str | None) -> None:
    """See that a trunk is the origin's, as far as it is asked for.

    Trunks of one family have tensors in common, which alone would teach another's nothing: of a
    file none may be missing where the whole trunk is asked for. A checkpoint says what its trunk
    is called, so that a few tensors of another shape may start fresh.
    """
    tried = [row for row in rows if row.why != "not asked for"]
    missed = [r for r in tried if r.fate == "fresh" or r.tensor not in origin.tensors]
    whole = len(tried) == len(rows)
    named = _trunk_named(part, origin)
    known = whole and origin.model is not None and ours is not None and named is not None
    other = known and _plain(ours or "") != _plain(named or "")
    allowed = 0 if whole and origin.model is None else len(tried) / 2
    if not tried or not (other or len(missed) > allowed):
        return
    first = missed[0] if missed else tried[0]
    why = first.why if first.fate == "fresh" else "no such tensor"
    key = f"model.{part}.trunk" if part != "trunk" else "model.trunk"
    raise ConfigError(
        "the origin's trunk is of another architecture",
        where=origin.source,
        expected=f"{first.tensor} {list(first.shape)}" if missed else ours,
        found=": ".join(filter(None, (named, why if missed else None))),
        mend=f"--set {key}={named or 'NAME'} builds the same here; "
        "--copy heads takes what fits without it",
    )


def _trunk_named(part: str, origin: Origin) -> str | None:
    """What an origin calls a trunk of its own, where it says so."""
    if origin.model is None:
        return origin.trunk
    facts = origin.model.architecture
    key = part.partition(".")[2]
    side = facts.trunks.get(key)
    return facts.trunk if not key else None if side is None else side.trunk


def _plain(trunk: str) -> str:
    """A trunk's name without what timm says of its weights behind a dot."""
    return trunk if ":" in trunk else trunk.partition(".")[0]


def _mean(values: Sequence[Tensor]) -> Tensor:
    """The mean of tensors; of integers, which count, the first."""
    if len(values) == 1 or not values[0].is_floating_point():
        return values[0]
    return torch.stack([value.float() for value in values]).mean(dim=0)
