"""Tied parameters: one tensor that the network has under several names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from mtcli.core.errors import ConfigError, and_more, did_you_mean


def tie(network: nn.Module, paths: Sequence[str]) -> None:
    """Make the parameters of modules, or single parameters, one: those of the first stand for all.

    What a module is beside its parameters stays its own: strides, dropout, and the statistics of
    a BatchNorm, which tell of what goes through it there. Each parameter keeps all its names in
    the network's state.

    Args:
        network: to change, before anything holds its parameters.
        paths: of modules or parameters, from the network on: `heads.a.hidden`; none inside
            another.

    Raises:
        ConfigError: a path leads nowhere, or two to parameters of different shapes.
    """
    modules = dict(network.named_modules(remove_duplicate=False))
    first, *others = paths
    wanted = _parameters(modules, first)
    for path in others:
        _require_alike(first, wanted, path, _parameters(modules, path))
        for name, parameter in wanted.items():
            owner, _, own = _joined(path, name).rpartition(".")
            setattr(modules[owner], own, parameter)


def aliases(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """All names of each tied parameter, in the module's order, by each of them."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {name: tuple(own) for own in names.values() if len(own) > 1 for name in own}


def with_aliases(names: Iterable[str], tied: Mapping[str, Sequence[str]]) -> set[str]:
    """Names of tensors with all others that those have; `tied` is what `aliases` gives."""
    return {alias for name in names for alias in tied.get(name, (name,))}


def _parameters(modules: Mapping[str, nn.Module], path: str) -> dict[str, nn.Parameter]:
    """The parameters of a module by their names in it; a parameter's own name is empty."""
    if path and path in modules:
        found = dict(modules[path].named_parameters(remove_duplicate=False))
    else:
        every = dict(modules[""].named_parameters(remove_duplicate=False))
        found = {"": every[path]} if path in every else {}
    if not found:
        raise _unknown(modules[""], path)
    return found


def _unknown(network: nn.Module, path: str) -> ConfigError:
    parameters = [name.split(".") for name, _ in network.named_parameters(remove_duplicate=False)]
    known = {".".join(words[:end]) for words in parameters for end in range(1, len(words) + 1)}
    nearest = path.rpartition(".")[0]
    while nearest and nearest not in known:
        nearest = nearest.rpartition(".")[0]
    depth = len(nearest.split(".")) if nearest else 0
    inside = dict.fromkeys(
        words[depth] for words in parameters if ".".join(words[:depth]) == nearest
    )
    return ConfigError(
        f"model.tie: nothing of the network that learns is called {path}",
        expected=f"a part of {nearest or 'the network'}: {and_more([*inside], 8)}",
        mend=did_you_mean(path, known),
    )


def _require_alike(
    first: str,
    wanted: Mapping[str, nn.Parameter],
    path: str,
    found: Mapping[str, nn.Parameter],
) -> None:
    for name in [*wanted, *found]:
        one, other = wanted.get(name), found.get(name)
        if one is None or other is None or one.shape != other.shape:
            raise ConfigError(
                f"a tie between different shapes: {first}, {path}",
                expected=f"{_joined(first, name)} {_shape(one)}",
                found=f"{_joined(path, name)} {_shape(other)}",
                mend="model.tie and shared_fc tie what is built alike: of one kind and width, on "
                "maps of one trunk",
            )


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _shape(parameter: nn.Parameter | None) -> str:
    return "is not there" if parameter is None else str(list(parameter.shape))
