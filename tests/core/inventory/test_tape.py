"""Forward passes written down."""

from __future__ import annotations

import torch
from torch import nn

from mtcli.core.inventory.tape import Tape


def test_a_convolution_costs_what_is_worked_by_hand() -> None:
    # 8 × 8 places, 5 channels each, from 3 channels in a window of 3 × 3.
    layer = nn.Conv2d(3, 5, 3, stride=2, padding=1)
    with torch.no_grad(), Tape() as tape:
        layer(torch.zeros(1, 3, 16, 16))
    assert tape.multiply_adds == 8 * 8 * 5 * 3 * 3 * 3


def test_groups_see_their_own_channels_alone() -> None:
    layer = nn.Conv2d(6, 6, 5, padding=2, groups=6)
    with torch.no_grad(), Tape() as tape:
        layer(torch.zeros(1, 6, 4, 7))
    assert tape.multiply_adds == 4 * 7 * 6 * 5 * 5


def test_matrix_products_count_and_norms_do_not() -> None:
    layers = nn.Sequential(nn.Linear(10, 4), nn.LayerNorm(4), nn.ReLU())
    with torch.no_grad(), Tape() as tape:
        layers(torch.zeros(1, 10))
    assert tape.multiply_adds == 40


def test_each_map_has_what_no_map_before_it_needs() -> None:
    layers = [nn.Linear(2, 3, bias=False), nn.Linear(3, 5, bias=False), nn.Linear(5, 7, bias=False)]
    parameters = [layer.weight for layer in layers]
    with torch.no_grad(), Tape() as tape:
        first = layers[0](torch.zeros(1, 2))
        last = layers[2](layers[1](first))
    assert tape.shares([first, last], parameters) == [(6, {0}), (15 + 35, {1, 2})]


def test_a_parameter_that_nothing_needs_is_nobodys() -> None:
    used, idle = nn.Linear(2, 3, bias=False), nn.Linear(2, 9, bias=False)
    picture = torch.zeros(1, 2)
    with torch.no_grad(), Tape() as tape:
        idle(picture)
        answer = used(picture)
    assert tape.shares([answer], [used.weight, idle.weight]) == [(6, {0})]
    assert tape.multiply_adds == 6 + 18


def test_a_shared_parameter_is_of_the_first_map_that_needs_it() -> None:
    layer = nn.Linear(3, 3, bias=False)
    with torch.no_grad(), Tape() as tape:
        first = layer(torch.zeros(1, 3))
        last = layer(first)
    assert tape.shares([first, last], [layer.weight]) == [(9, {0}), (9, set())]


def test_views_and_changes_in_place_are_followed() -> None:
    one, other = nn.Linear(4, 6, bias=False), nn.Linear(4, 6, bias=False)
    picture = torch.zeros(1, 4)
    with torch.no_grad(), Tape() as tape:
        answer = one(picture)
        answer.add_(other(picture))
        seen = answer.relu_().view(2, 3).t()
    assert tape.shares([seen], [one.weight, other.weight]) == [(48, {0, 1})]


def test_tensors_in_lists_are_read() -> None:
    one, other = nn.Linear(4, 6, bias=False), nn.Linear(4, 6, bias=False)
    picture = torch.zeros(1, 4)
    with torch.no_grad(), Tape() as tape:
        joined = torch.cat([one(picture), other(picture)])
    assert tape.shares([joined], [one.weight, other.weight]) == [(48, {0, 1})]


def test_what_leads_to_a_tensor_and_what_reads_one() -> None:
    one, other = nn.Linear(2, 3, bias=False), nn.Linear(3, 4, bias=False)
    with torch.no_grad(), Tape() as tape:
        tape.place = "one"
        first = one(torch.zeros(1, 2))
        tape.place = "other"
        last = other(first)
    assert tape.behind([first]) < tape.behind([first, last]) == tape.at("one") | tape.at("other")
    assert tape.cost(tape.at("one")) == 6
    assert tape.cost(tape.at("other")) == 12
    assert tape.at("nowhere") == set()
    assert tape.reading(first) <= tape.at("other")
    assert tape.reading(one.weight) <= tape.at("one")


def test_operations_that_read_one_constant_do_not_depend_on_each_other() -> None:
    layer = nn.Linear(3, 3, bias=False)  # whose weight is turned, a view, for each product
    with torch.no_grad(), Tape([layer.weight]) as tape:
        first = layer(torch.zeros(1, 3))
        second = layer(torch.ones(1, 3))
    assert not tape.behind([first]) & tape.behind([second])
    assert tape.cost(tape.behind([second])) == 9
    assert tape.cost(tape.reading(layer.weight)) == 18
