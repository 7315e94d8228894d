"""`channels`: where each input stands in the joined picture."""

from __future__ import annotations

import torch

from mtcli.core.fusion.channels import Channels


def test_inputs_stand_in_their_order_and_what_lacks_is_zeros() -> None:
    fusion = Channels({"depth": 1, "rgb": 3}, {})
    rgb, depth = torch.full((1, 3, 2, 2), 5.0), torch.full((2, 1, 2, 2), 7.0)
    rows = {"rgb": torch.tensor([1]), "depth": torch.tensor([0, 2])}
    joined = fusion.join({"rgb": rgb, "depth": depth}, rows, 3)
    assert joined[:, :, 0, 0].tolist() == [[7, 0, 0, 0], [0, 5, 5, 5], [7, 0, 0, 0]]


def test_it_has_no_layers() -> None:
    assert list(Channels({"a": 3, "b": 3}, {}).state_dict()) == []
