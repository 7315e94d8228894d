"""mtcli trains, evaluates, transfers and exports multi-task convolutional networks.

What Python programs use of it:

- `load(path)`: a `Predictor` of a run, a checkpoint or an exported file.
- `Predictor`: answers about pictures; `predict(images)` gives a `Result` for each.
- `Result`: what all tasks say of one picture, as plain values.
- `MtcliError`: every error that input can cause.
- `__version__`: of this package.

Nothing of torch is imported before the first of these is used:

    >>> import mtcli
    >>> model = mtcli.load("runs/demo")
    >>> [result] = model.predict("picture.png")
    >>> result.size
    (64, 64)
    >>> scene, objects = result["cls"]["class"], result["det"]["objects"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtcli.core.errors import MtcliError
    from mtcli.predictor import Predictor, Result, load

__version__ = "0.1.0"
__all__ = ["MtcliError", "Predictor", "Result", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, once it is."""
    if name == "MtcliError":
        from mtcli.core import errors

        return errors.MtcliError
    if name in __all__:
        from mtcli import predictor

        return getattr(predictor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
