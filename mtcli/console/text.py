"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

SHORT = {"balanced_accuracy": "balanced", "f1_macro": "f1"}


def metric(name: str) -> str:
    """A metric's name where room is scarce."""
    return SHORT.get(name, name)


def number(value: float | None) -> str:
    """A metric: three decimals, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.3f}"


def interval(value: tuple[float, float] | None) -> str:
    """A confidence interval: [0.810, 0.940]."""
    return "–" if value is None else f"[{number(value[0])}, {number(value[1])}]"


def chance(outside: bool | None) -> str:
    """Whether a difference is more than chance makes."""
    if outside is None:
        return ""
    return "outside" if outside else "within"


def change(value: float | None) -> str:
    """A difference with its sign."""
    if value is None:
        return ""
    return f"{value:+.3f}" if abs(value) >= 0.0005 else "0.000"


def millions(count: int) -> str:
    """A number of parameters."""
    if count >= 100_000:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k"


def until(ends: Mapping[int, int], frozen: int) -> str:
    """How long frozen things stay so: ` until 2`, `, some until 2 … 4`; nothing where for good.

    Args:
        ends: how many learn later, by the last epoch in which they do not.
        frozen: how many there are in all.
    """
    if not ends:
        return ""
    epochs = " … ".join(map(str, sorted({min(ends), max(ends)})))
    return f"{'' if sum(ends.values()) == frozen else ', some'} until {epochs}"


def clock(seconds: float) -> str:
    """A duration as 4:41 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(value: float) -> str:
    """A learning rate: 8.1e-4."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
