import pytest

from experiments.lines import Layer
from experiments.problem import SpecError
from experiments.tree import Tree, nest
from study.layers import settle
from study.settings import Settings


def layer(source: str, tree: Tree) -> Layer:
    return Layer(source, nest(tree), dict.fromkeys(tree, 7))


def refusal(*layers: Layer) -> str:
    with pytest.raises(SpecError) as caught:
        settle(Settings, layers)
    return str(caught.value)


def test_upper_layers_win() -> None:
    found = settle(Settings, [layer("a", {"optim.lr": 1e-3, "optim.batch": 4}), layer("b", {"optim.lr": 1e-2})])
    assert (found.optim.lr, found.optim.batch) == (1e-2, 4)


def test_a_wrong_value_is_traced_to_the_topmost_layer_that_gives_it() -> None:
    below, above, other = layer("a", {"optim.lr": 1}), layer("b", {"optim.lr": -1}), layer("c", {"optim.batch": 8})
    assert refusal(below, above, other) == "b:7  optim.lr: must be greater than 0, but got -1. Change it."


def test_a_typo_is_traced_and_offers_the_names_beside_it() -> None:
    assert refusal(layer("a", {"model.tokens.count": 5}), layer("b", {"model.tokens.cuont": 5})) == (
        "b:7  model.tokens.cuont: no such setting. Did you mean 'count'? There are: count, dropout, read_out, enter."
    )


def test_a_typo_inside_a_variant_offers_the_names_of_that_variant() -> None:
    fusion = {"model.fusion.name": "mctf", "model.fusion.drp_path": 0.1}
    message = refusal(layer("a", fusion))
    assert message.startswith(
        "a:7  model.fusion.drp_path: no such setting. Did you mean 'drop_path'? There are: name, "
    )


def test_an_unknown_variant_offers_the_files_of_its_folder() -> None:
    message = refusal(layer("a", {"model.fusion": "mtcf"}))
    assert message.startswith("a:7  model.fusion: mtcf: no such fusion. Did you mean 'mctf'? There are: average, ")


def test_what_two_settings_break_together_is_traced_to_the_upper_one() -> None:
    below, above = layer("a", {"model.trunk.depth": 20}), layer("b", {"model.trunk.stage_starts": [20]})
    assert refusal(below, above, layer("c", {"optim.lr": 1})).startswith("b:7  model.trunk: stage_starts must be")


def test_every_problem_is_named() -> None:
    assert len(refusal(layer("a", {"optim.lr": -1, "data.size": 0, "phase": {}})).splitlines()) == 3


@pytest.mark.parametrize("value", [1, None, [], "tiny"])
def test_one_value_in_place_of_a_group_is_refused_though_a_layer_above_hides_it(value: object) -> None:
    message = refusal(layer("a", {"model": value}), layer("b", {"model.tokens.count": 5}))
    assert message.startswith(f"a:7  model: must be a group of settings, but got {value!r}. There are: trunk, tokens, ")


def test_what_is_wrong_with_one_setting_beside_others_is_traced_to_where_that_one_is_given() -> None:
    given, above = layer("a", {"model.tokens.enter": 9}), layer("b", {"model.tokens.count": 5})
    depth = {"model.trunk.depth": 4, "model.trunk.stage_starts": [1]}
    message = refusal(layer("below", depth), given, above)
    assert message == "a:7  model.tokens.enter: must be a block of the trunk, from 0 to 3, but got 9."


def test_what_is_wrong_with_two_groups_together_names_the_one_to_look_at() -> None:
    message = refusal(layer("a", {"probe.tokens": "sender"}), layer("b", {"model.distill": "none"}))
    assert message.startswith("a:7  probe.tokens: sender tokens need an arm whose receivers follow senders")
