"""Where weights come from: a run, a checkpoint, a published file; all under our names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from mtcli.core.blueprint import MAIN, OF_STREAMS
from mtcli.core.checkpoint import load_model, load_tensors
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.published import named_as_ours
from mtcli.core.run import MODEL, WEIGHTS, find_checkpoint
from mtcli.core.sharing import SHARINGS
from mtcli.core.task import AnyTask
from mtcli.core.weights import imagenet_classes, read_tensors, read_weights

IMAGENET_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Origin:
    """Tensors to take from.

    Attributes:
        source: as the user named it.
        tensors: under the names of a network of ours.
        classes: the names of the classes (or points) by head, where they are known; see
            `names_of_rows`.
        kinds: the kind of task of each head.
        model: what a checkpoint says of itself.
        aside: tensors that have no place here, by their own names: of heads whose names others
            get, of levels of a pyramid that are finer than ours.
        called: what the origin calls tensors that have other names here.
        streams: the heads that read maps of their own, made by `trunks.HEAD` and the like.
        trunk: the name of a published detector's.
    """

    source: str
    tensors: Mapping[str, Tensor]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    model: Model | None = None
    aside: Mapping[str, Tensor] = field(default_factory=dict)
    trunk: str | None = None
    called: Mapping[str, str] = field(default_factory=dict)
    streams: frozenset[str] = frozenset()

    @property
    def heads(self) -> tuple[str, ...]:
        """The names of its heads."""
        return tuple(self.kinds)

    def renamed(self, names: Mapping[str, str]) -> Origin:
        """The same with other names for some heads; a head whose name another gets stands aside."""

        def new(head: str) -> str:
            return names.get(head, head)

        kept = self._without({*names.values()} - {*names})
        tensors = {}
        for name in kept.tensors:
            words = name.split(".")
            if kept._head_of(name) is not None:
                words[1] = new(words[1])
            if words[0] == "sharing" and words[-1] in kept.streams:  # a cross-stitch's factors
                words[-1] = new(words[-1])
            tensors[name] = (".".join(words),)
        return replace(
            kept.under(tensors),
            classes={new(head): classes for head, classes in kept.classes.items()},
            kinds={new(head): kind for head, kind in kept.kinds.items()},
            streams=frozenset(map(new, kept.streams)),
        )

    def under(self, names: Mapping[str, Iterable[str]]) -> Origin:
        """The same with other names for some tensors; one may have several."""
        tensors, called = {}, {}
        for name, tensor in self.tensors.items():
            for other in names.get(name, (name,)):
                tensors[other] = tensor
                called[other] = self.named(name)
        return replace(
            self, tensors=tensors, called={new: old for new, old in called.items() if new != old}
        )

    def named(self, name: str) -> str:
        """What the origin calls a tensor that may have another name here."""
        return self.called.get(name, name)

    def only(self, head: str) -> Origin:
        """What is shared, and one head; the others stand aside."""
        return self._without({*self.kinds} - {head})

    def _without(self, heads: Collection[str]) -> Origin:
        """The same with some heads set aside."""

        def inside(name: str) -> bool:
            return self._head_of(name) in heads

        return replace(
            self,
            tensors={name: value for name, value in self.tensors.items() if not inside(name)},
            classes={name: own for name, own in self.classes.items() if name not in heads},
            kinds={name: kind for name, kind in self.kinds.items() if name not in heads},
            aside={
                **self.aside,
                **{self.named(name): v for name, v in self.tensors.items() if inside(name)},
            },
            streams=self.streams - {*heads},
        )

    def _head_of(self, name: str) -> str | None:
        """The head that a tensor is of, or that alone reads what is made with it."""
        part, _, rest = name.partition(".")
        key = rest.partition(".")[0]
        return key if part == "heads" or (part in OF_STREAMS and key in self.streams) else None


def read_origin(source: str, ours: Collection[str], name: str, key: str = MAIN) -> Origin:
    """All tensors of a source, under the names of our networks.

    Args:
        source: a run's or checkpoint's folder, a weight file, `package:NAME`, or `imagenet`.
        ours: the names of a trunk's tensors, which tell a published trunk from its classifier.
        name: of that trunk.
        key: of that trunk, which the one of a published file becomes.

    Raises:
        MtcliError: it is missing, damaged, or carries code.
    """
    path = Path(source)
    if source != "imagenet" and not source.startswith("package:"):
        if path.is_dir() or not path.exists():
            return _of_checkpoint(source, find_checkpoint(path))
        if path.name == WEIGHTS and (path.parent / MODEL).is_file():
            return _of_checkpoint(source, path.parent)
        tensors = read_tensors(path)
        published = named_as_ours(tensors)
        if published is not None:
            classes = published.classes
            return Origin(
                source,
                {_beside(name, key): tensor for name, tensor in published.tensors.items()},
                {} if classes is None else {"detection": classes},
                {"detection": "detection"},
                trunk=published.trunk,
            )
        if any(name.startswith("trunk.") for name in tensors):
            heads = {name.split(".")[1] for name in tensors if name.startswith("heads.")}
            return Origin(source, tensors, kinds=dict.fromkeys(sorted(heads), ""))
    return _of_classifier(source, ours, name, key)


def names_of_rows(task: AnyTask) -> tuple[str, ...]:
    """What the rows of a head's `by_class` tensors mean: classes, or the points of keypoints."""
    named: tuple[str, ...] = getattr(task.facts, "classes", ()) or getattr(task.facts, "points", ())
    return named


def _of_checkpoint(source: str, checkpoint: Path) -> Origin:
    model, _ = load_model(checkpoint)
    found = {name: names_of_rows(task) for name, task in model.tasks.items()}
    facts = model.architecture
    apart = SHARINGS.get(facts.sharing).apart
    return Origin(
        source,
        load_tensors(checkpoint),
        {name: classes for name, classes in found.items() if classes},
        {name: task.kind for name, task in model.tasks.items()},
        model,
        streams=frozenset(name for name in model.tasks if apart and name not in facts.uses),
    )


def _of_classifier(source: str, ours: Collection[str], name: str, key: str) -> Origin:
    """A published image classifier: its trunk, and all behind it as the head of a task."""
    tensors, rows = {}, set()
    for own, tensor in read_weights(source, name).items():
        if own in ours:
            tensors[_beside(f"trunk.{own}", key)] = tensor
        else:
            tensors[f"heads.classification.{own}"] = tensor
            rows.add(len(tensor) if tensor.ndim else 0)
    classes = {"classification": imagenet_classes()} if IMAGENET_ROWS in rows else {}
    return Origin(source, tensors, classes, {"classification": "classification"})


def _beside(name: str, key: str) -> str:
    """The name of a tensor of the main trunk, or its pyramid, where its trunk has a key."""
    part, _, rest = name.partition(".")
    return f"{part}s.{key}.{rest}" if key != MAIN and part in ("trunk", "pyramid") else name


def with_our_names(
    origin: Origin, names: Mapping[str, str], kinds: Mapping[str, str], task: str | None = None
) -> Origin:
    """An origin whose heads are called as our tasks are.

    Args:
        origin: as it was read.
        names: the user's `old=new`.
        kinds: of our tasks, by name. The head of a published file goes to the one task of its
            kind, where it is not named.
        task: of ours, which this origin was named for: it brings this head alone.

    Raises:
        ConfigError: a name is none of the origin's or of ours, or the origin has no such head.
    """
    for old, new in names.items():
        if old not in origin.heads:
            mend = did_you_mean(old, origin.heads)
            raise ConfigError(f"--map {old}={new}: the origin has no task {old}", mend=mend)
        if new not in kinds:
            mend = did_you_mean(new, kinds)
            raise ConfigError(f"--map {old}={new}: there is no task {new} here", mend=mend)
        if origin.kinds[old] and origin.kinds[old] != kinds[new]:
            raise ConfigError(
                f"--map {old}={new}: a head of another kind",
                expected=kinds[new],
                found=origin.kinds[old],
            )
        if list(names.values()).count(new) > 1:
            both = ", ".join(other for other, name in names.items() if name == new)
            raise ConfigError(f"--map: two tasks of the origin become {new}", found=both)
    names = dict(names)
    if task is not None and task not in origin.heads and task not in names.values():
        if len(origin.heads) != 1:
            raise ConfigError(
                f"--from {task}={origin.source}: it has no task {task}",
                mend=f"it has {', '.join(origin.heads) or 'none'}; --map OLD={task} says which",
            )
        names[origin.heads[0]] = task
    if origin.model is None:
        for head, kind in origin.kinds.items():
            ours = [name for name, own in kinds.items() if own == kind]
            if head not in names and head not in kinds and len(ours) == 1:
                names[head] = ours[0]
    renamed = origin.renamed(names)
    return renamed if task is None else renamed.only(task)
