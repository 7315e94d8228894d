"""Weight files by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.errors import ConfigError
from mtcli.core.weightfile import is_weight_file, require_weight_file


def test_a_name_tells_a_weight_file_there_or_not() -> None:
    Path("run.pth").mkdir()
    assert is_weight_file(Path("a.safetensors"))
    assert is_weight_file(Path("b/a.PTH"))
    assert not is_weight_file(Path("run.pth"))
    assert not is_weight_file(Path("runs/a"))
    assert not is_weight_file(Path("a.yaml"))


@pytest.mark.parametrize(
    ("given", "mend"),
    [
        ("resnet.pth", "did you mean resnet18.pth?"),
        ("more/efnet.safetensors", "did you mean more/effnet.safetensors?"),
        ("more/resnet18.pth", "there is: effnet.safetensors"),
        ("gone/resnet18.pth", None),
    ],
)
def test_a_file_that_is_not_there_has_near_misses_in_its_folder(
    given: str, mend: str | None
) -> None:
    Path("more").mkdir()
    for name in ("resnet18.pth", "resnet.yaml", "more/effnet.safetensors", "more/efnet.txt"):
        Path(name).touch()
    require_weight_file(Path("resnet18.pth"), "--from")
    with pytest.raises(ConfigError, match=r"^--from: no such file$") as caught:
        require_weight_file(Path(given), "--from")
    assert (caught.value.where, caught.value.mend) == (given, mend)
