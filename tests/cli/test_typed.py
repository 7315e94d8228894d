"""Errors of what options set name the options, and no others do."""

from __future__ import annotations

from typing import Any

import pytest

from mtcli.cli.typed import as_typed
from mtcli.core.errors import ConfigError, MtcliError, SaveError

TRAIN: dict[str, Any] = {
    "epochs": 3,
    "lr_decay": 80.0,
    "freeze": ["trunk", "bn"],
    "unfreeze": {"trunk": 5, "heads.cls": 2},
    "cache_features": True,
}


def said(error: MtcliError, *sets: str) -> MtcliError:
    with pytest.raises(MtcliError) as caught, as_typed(TRAIN, sets):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("what", "typed"),
    [
        ("train.epochs: x", "--epochs 3: x"),
        ("train.lr_decay: x: y", "--lr-decay 80: x: y"),
        ("train.freeze: x", "--freeze trunk,bn: x"),
        ("train.freeze.0: x", "--freeze trunk,bn: x"),
        ("train.unfreeze: x", "--unfreeze trunk@5,heads.cls@2: x"),
        ("train.unfreeze.trunk: x", "--unfreeze trunk@5: x"),
        ("train.unfreeze.heads.cls: x", "--unfreeze heads.cls@2: x"),
        ("train.cache_features: x", "--cache-features: x"),
        ("train.distill: x", "train.distill: x"),
        ("train.epochs_more: x", "train.epochs_more: x"),
        ("of train.epochs: x", "of train.epochs: x"),
    ],
)
def test_the_headline_is_what_was_typed(what: str, typed: str) -> None:
    assert said(ConfigError(what)).what == typed


def test_the_file_is_not_blamed_and_the_value_not_said_twice() -> None:
    error = said(ConfigError("train.lr_decay: x", where="a/mtcli.yaml", found="80.0"))
    assert error.parts() == dict.fromkeys(("where", "expected", "found", "mend"))
    error = said(SaveError("train.cache_features: x", where="runs", found="80.0"))
    assert isinstance(error, SaveError)
    assert (error.where, error.found) == ("runs", "80.0")
    assert said(ConfigError("train.lr: x", where="mtcli.yaml")).where == "mtcli.yaml"


def test_a_mend_names_options_and_the_rest_only_those_that_were_typed() -> None:
    text = "train.unfreeze, train.distill, train.freeze_all"
    error = said(ConfigError("train.freeze: x", found=text, mend=text))
    assert error.found == "--unfreeze, train.distill, train.freeze_all"
    assert error.mend == "--unfreeze, --distill, train.freeze_all"


def test_what_a_set_changes_again_is_not_the_option_s() -> None:
    for changed in ("train.unfreeze.trunk=7", "train.unfreeze={trunk: 7}", "train={}"):
        error = ConfigError("train.unfreeze.trunk: x", where=f"--set {changed}")
        assert said(error, changed) is error
    assert said(ConfigError("train.epochs: x"), "train.epoch_length=3").what == "--epochs 3: x"
