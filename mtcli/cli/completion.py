"""What a shell offers where a run, a task, a trunk or the like is to be typed.

Answers within the blink of an eye: of the disk, a few names and one config are read, and neither
torch nor timm is imported. Where something cannot be read, nothing is offered; a shell then offers
files.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
from collections.abc import Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any

import typer

EXPORTED = (".onnx", ".pt2")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
KEY = "_MTCLI_KEY"
"""Where bash cut the word before the cursor at an equals sign: what stands before that."""

Offer = Callable[[typer.Context, str], list[str]]


def _offer(find: Callable[[typer.Context, str], Iterable[str]]) -> Offer:
    """What can be found that begins as was typed; nothing where anything goes wrong."""

    @functools.wraps(find)
    def offer(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = [*dict.fromkeys(find(ctx, incomplete))]
        except Exception:  # a shell would print it into the line that is being typed
            return []
        return [word for word in found if word.startswith(incomplete)]

    return offer


def files(incomplete: str) -> list[str]:
    """Nothing: whatever the shell offers of itself."""
    return []


@_offer
def models(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Runs and exported files: those below runs, those here, and those where one is typing."""
    typed = Path(incomplete if incomplete.endswith("/") else os.path.dirname(incomplete))
    for folder in (Path("runs"), Path(), typed):
        if folder.is_dir():
            for entry in sorted(folder.iterdir()):
                if (entry / "config.yaml").is_file() or entry.suffix in EXPORTED:
                    yield str(entry)


@_offer
def tasks(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Tasks of the config or the run on the line, with a comma between several."""
    before, comma, _ = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in _config(ctx)["tasks"] if name not in taken]


@_offer
def splits(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Splits of the config or the run on the line."""
    named = _config(ctx)["data"].get("splits")
    known = ("train", "val", "test")
    return [name for name in named if name in known] if isinstance(named, dict) else known


@_offer
def trunks(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Every trunk that has a name."""
    return _trunk_names()


@_offer
def networks(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Runs and exported files, and trunks once something is typed."""
    return [*models(ctx, incomplete), *(_trunk_names() if incomplete else ())]


@_offer
def sets(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """The values of a few keys, such as `model.trunk=resnet18`."""
    cut = os.environ.get(KEY)
    key = incomplete.partition("=")[0] if cut is None else cut
    words = VALUES.get(key.rpartition(".")[2], tuple)()
    return words if cut is not None else [f"{key}={word}" for word in words]


def one_of(*words: str) -> Offer:
    """What offers these words."""

    @_offer
    def offer(ctx: typer.Context, incomplete: str) -> Iterable[str]:
        return words

    return offer


devices = one_of(*DEVICES)
precisions = one_of(*PRECISIONS)


def join_cut_words(environment: MutableMapping[str, str]) -> None:
    """Undo what bash does to `model.trunk=resnet18`, which it takes for three words.

    Of what a shell hands over in the environment, the words up to the cursor are put together
    again. Of the last, bash replaces only what stands behind the equals sign: this alone stays,
    and what stands before it goes to `KEY`.
    """
    if environment.get("_MTCLI_COMPLETE") != "complete_bash":
        return
    try:
        words = environment["COMP_WORDS"].split("\n")[: int(environment["COMP_CWORD"]) + 1]
    except (KeyError, ValueError):
        return
    whole: list[str] = []
    for word in words:
        cut = whole and (word == "=" or whole[-1].endswith("="))
        if cut and not word.startswith("--"):
            whole[-1] += word
        else:
            whole.append(word)
    if "=" in words[-2:]:
        before, _, behind = whole.pop().rpartition("=")
        if before.startswith("--"):
            option, _, before = before.partition("=")
            whole.append(option)
        whole.append(behind)
        environment[KEY] = before
    environment["COMP_WORDS"] = "\n".join(whole)
    environment["COMP_CWORD"] = str(len(whole) - 1)


def _config(ctx: typer.Context) -> dict[str, Any]:
    """The config that the line names, itself or by a run; else that of the working folder."""
    import yaml

    from mtcli.core.yamlfile import DEFAULT_NAMES

    named = [ctx.params.get(name) for name in ("config", "model", "resume")]
    named += ctx.params.get("origins") or []
    named += ctx.args  # where the parser left the arguments: the last option has no value yet
    places = [
        place / "config.yaml" if place.is_dir() else place
        for place in map(Path, filter(None, named))
    ]
    places += map(Path, DEFAULT_NAMES)
    path = next(place for place in places if place.suffix in (".yaml", ".yml") and place.is_file())
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def _trunk_names() -> list[str]:
    """tiny, and timm's models by the text of its modules: to import them takes seconds."""
    timm = importlib.util.find_spec("timm")
    if timm is None or timm.origin is None:
        return ["tiny"]
    register = re.compile(r"^@register_model\ndef (\w+)", re.MULTILINE)
    modules = (Path(timm.origin).parent / "models").glob("*.py")
    return [
        "tiny",
        *sorted(n for file in modules for n in register.findall(file.read_text("utf-8"))),
    ]


VALUES: dict[str, Callable[[], Iterable[str]]] = {
    "trunk": _trunk_names,
    "device": lambda: DEVICES,
    "precision": lambda: PRECISIONS,
}
"""What may stand behind the last part of a key."""
