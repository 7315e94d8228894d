"""What timm says of published weights."""

from __future__ import annotations

from mtcli.core.inventory.facts import Tag
from mtcli.core.inventory.pretrained import tagged_names, tags_of


def test_tags_have_licences_and_sources_and_the_usual_one_is_first() -> None:
    tags = tags_of("resnet18")
    assert tags[0] == Tag("a1_in1k", "apache-2.0", "timm/resnet18.a1_in1k")
    assert Tag("fb_swsl_ig1b_ft_in1k", "cc-by-nc-4.0", "timm/resnet18.fb_swsl_ig1b_ft_in1k") in tags
    assert len({tag.tag for tag in tags}) == len(tags)


def test_the_usual_one_is_first_wherever_timm_lists_it() -> None:
    # By their names, a1_in1k would be first.
    assert tags_of("resnet101")[0].tag == "a1h_in1k"


def test_a_name_with_a_tag_means_that_one() -> None:
    assert [tag.tag for tag in tags_of("resnet18.tv_in1k")] == ["tv_in1k"]


def test_every_tag_is_behind_the_name_of_its_trunk() -> None:
    names = {name for name in tagged_names() if name.startswith("resnet18.")}
    assert names == {f"resnet18.{tag.tag}" for tag in tags_of("resnet18")}


def test_a_licence_that_nobody_names_is_unknown() -> None:
    licences = {tag.tag: tag.licence for tag in tags_of("resnet50")}
    assert licences["bamboo"] is None


def test_without_weights_there_is_nothing() -> None:
    assert tags_of("vit_base_patch16_18x2_224") == ()  # its only tag is `untrained`
    assert tags_of("tiny") == ()
    assert tags_of("my_package.trunks:Own") == ()
