"""What `tune` of a spec means: each arm under every combination of levels; and what is refused, at its line."""

from collections.abc import Mapping

import pytest

from experiments.problem import SpecError
from experiments.spec import SEARCH_SEEDS
from models.settings import key_content
from study.edition import Tuning
from study.resolve import resolve
from tests.study.conftest import SPEC, WriteSpec

TUNE = "tune: {optim.lr: [1e-4, 1e-3], per: arm}\n"


def tuning_of(write_spec: WriteSpec, added: str = TUNE, **options: Mapping[str, object]) -> Tuning:
    tuning = resolve(write_spec(added=added), **options).tuning  # type: ignore[arg-type]
    assert tuning is not None
    return tuning


def test_each_arm_is_tried_under_every_combination_and_nothing_else_of_it_changes(write_spec: WriteSpec) -> None:
    added = "tune: {optim.lr: [1e-4, 1e-3], optim.weight_decay: [0, 0.1], seeds: 2}\ncontrol_again: true\n"
    tuning = tuning_of(write_spec, added)
    assert tuning.seeds == (SEARCH_SEEDS, SEARCH_SEEDS + 1)
    assert tuning.levels == {"optim.lr": [1e-4, 1e-3], "optim.weight_decay": [0.0, 0.1]}
    plain = {arm.name: arm for arm in resolve(write_spec(added="control_again: true\n")).arms}
    assert tuning.tries.keys() == plain.keys()
    for name, tries in tuning.tries.items():
        assert [one.tried for one in tries] == [
            "lr=0.0001, weight_decay=0.0",
            "lr=0.0001, weight_decay=0.1",
            "lr=0.001, weight_decay=0.0",
            "lr=0.001, weight_decay=0.1",
        ]
        for one in tries:
            optim = {"lr": one.levels["optim.lr"], "weight_decay": one.levels["optim.weight_decay"]}
            expected = key_content(plain[name].settings)
            expected["optim"] |= optim
            assert key_content(one.settings) == expected
            assert (one.name, one.replicate, one.is_control) == (name, plain[name].replicate, plain[name].is_control)


def test_levels_that_change_nothing_of_an_arm_leave_it_nothing_to_choose(write_spec: WriteSpec) -> None:
    baselines = SPEC.replace("model.tokens.count: [5, 20]", "model.baseline: [none, random, all_active]")
    baselines = baselines.replace("{model.tokens.count: 20}", "{model.baseline: random}")
    added = "tune: {model.tokens.dropout: [0.0, 0.1]}\n"
    edition = resolve(write_spec(text=baselines, added=added))
    assert [len(edition.tries_of(arm)) for arm in edition.arms] == [2, 1, 1]
    assert [len(edition.tuned(arm)) for arm in edition.arms] == [2, 0, 0]
    with pytest.raises(SpecError, match=r"model.tokens.dropout: changes no number of any arm, so there is nothing"):
        resolve(write_spec({"[none, random": "[random"}, text=baselines, added=added))


def test_without_it_nothing_is_tuned_and_an_arm_is_its_only_try(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec())
    assert edition.tuning is None
    assert edition.tuning_seeds == ()
    assert [edition.tries_of(arm) for arm in edition.arms] == [(arm,) for arm in edition.arms]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("optim.lrr: [1, 2]", "optim.lrr: no such setting. Did you mean 'lr'? There are: lr, start_lr,"),
        ("optim.lr: [1e-3, -1]", "optim.lr: must be greater than 0, but got -1. Change it."),
        (
            "optim.lr: [1e-3, high]",
            "optim.lr: must be a valid number, unable to parse string as a number, but got 'h",
        ),
        ("model.fusion: [mctf, avrage]", "model.fusion: avrage: no such fusion. Did you mean 'average'?"),
        ("optim: [1, 2]", "optim: what is tuned is one setting, but this is a group of them. There are: lr,"),
        (
            "optim.lr: [1e-3]",
            "tune: lists one combination of levels, so there is nothing to choose. Add a level, or",
        ),
        ("optim.lr: [1e-3, 0.001]", "tune: lists one combination of levels, so there is nothing to choose."),
        ("model.tokens.count: [1, 2]", "model.tokens.count: is varied by this study, so it cannot be tuned"),
        ("model.tokens: [1, 2]", "model.tokens: what is tuned is one setting, but this is a group of them."),
        (
            "resources.threads: [1, 2]",
            "resources.threads: cannot be tuned, for it changes what is compared, or no nu",
        ),
        ("data.train.clips: [0.5, 1]", "data.train.clips: cannot be tuned, for it changes what is compared, or"),
        ("probe.input: [clean, shuffled]", "probe.input: cannot be tuned, for it changes what is compared, or no"),
        ("phases.rgb_epochs: [1, 2]", "phases.rgb_epochs: cannot be tuned, for it changes what is compared, or"),
        (f"optim.batch: {list(range(1, 66))}", "tune: lists 65 combinations of levels, but an arm tries up to 64."),
        ("model.baseline: [none, random]", "tune: baseline=random: arms count=5 and count=20 would be one training,"),
        ("model.modality: [rgb_difference, skeleton]", "tune: modality=skeleton: arm count=5 would read something"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_line(write_spec: WriteSpec, written: str, message: str) -> None:
    with pytest.raises(SpecError) as refused:
        resolve(write_spec(added=f"tune: {{{written}}}\n"))
    assert f"asked.yaml:11  {message}" in str(refused.value)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"design: sweep": "design: search"},
            "tune: a search picks arms by itself: list these levels among its factors",
        ),
        ({"seeds: 2": "seeds: 2\nprune: median"}, "tune: cannot be used with `prune`: what is given up is never tuned"),
        ({"claim:": "claim:\n  metric: latency"}, "tune: a claim about latency trains nothing that could be tuned."),
        (
            {"seeds: 2": "seeds: 2\nsettings: {optim: {lr: 1e-2}}"},
            "optim.lr: is tuned for each arm, so it cannot be set",
        ),
    ],
)
def test_what_it_cannot_be_used_with_is_refused(write_spec: WriteSpec, replaced: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError) as refused:
        resolve(write_spec(replaced, added=TUNE))
    assert message in str(refused.value)


def test_the_order_of_what_is_tuned_changes_nothing(write_spec: WriteSpec) -> None:
    one = tuning_of(write_spec, "tune: {optim.lr: [1e-4, 1e-3], optim.weight_decay: [0, 0.1]}\n")
    other = tuning_of(write_spec, "tune: {optim.weight_decay: [0, 0.1], optim.lr: [1e-4, 1e-3]}\n")
    assert list(one.tries.items()) == list(other.tries.items())
    assert one == other


def test_a_part_of_what_is_varied_or_set_is_not_tuned_nor_the_whole_of_it(write_spec: WriteSpec) -> None:
    part, whole = "tune: {model.fusion.drop_path: [0.0, 0.1]}\n", "tune: {model.fusion: [average, concat]}\n"
    factors = SPEC.replace("model.tokens.count: 20", "FUSION").replace("  model.tokens.count: [5, 20]", "  VARIED")
    by_whole = factors.replace("FUSION", "model.fusion: mctf").replace("VARIED", "model.fusion: [mctf, average]")
    by_part = factors.replace("FUSION", "model.fusion.drop_path: 0.2").replace(
        "VARIED", "model.fusion.drop_path: [0.1, 0.2]"
    )
    refused = [
        (by_whole, part, "model.fusion.drop_path: is varied by the factor model.fusion, so it cannot be tuned for"),
        (by_part, whole, "model.fusion: is varied by the factor model.fusion.drop_path, so it cannot be tuned for"),
        (SPEC + "settings: {model.fusion: mctf}\n", part, "model.fusion: is tuned for each arm, so it cannot be set"),
        (SPEC + "settings: {model.fusion: {name: mctf}}\n", whole, "  model.fusion: is tuned for each arm, so it"),
        (SPEC + "settings: {model.fusion.drop_path: 0.3}\n", whole, "model.fusion.drop_path: is tuned for each arm,"),
    ]
    for text, added, message in refused:
        with pytest.raises(SpecError) as problem:
            resolve(write_spec(text=text, added=added))
        assert message in str(problem.value)
    assert len(tuning_of(write_spec, whole).tries["count=5"]) == 2
    assert len(tuning_of(write_spec, part).tries["count=5"]) == 2


def test_the_command_line_sets_nothing_that_is_tuned(write_spec: WriteSpec) -> None:
    with pytest.raises(SpecError, match=r"--set optim.lr.*is tuned for each arm, so it cannot be set for all arms"):
        resolve(write_spec(added=TUNE), overrides={"optim.lr": 0.1})
    edition = resolve(write_spec(added=TUNE), overrides={"optim.weight_decay": 0.2})
    assert {one.settings.optim.weight_decay for arm in edition.arms for one in edition.tries_of(arm)} == {0.2}


def test_a_setting_that_an_arm_sets_itself_is_not_tuned(write_spec: WriteSpec) -> None:
    text = SPEC.replace(
        "  model.tokens.count: [5, 20]", "  tokens:\n    few: {model.tokens.count: 5, optim.lr: 1e-2}\n    many: {}"
    ).replace("{model.tokens.count: 20}", "{tokens: many}")
    with pytest.raises(
        SpecError, match=r"optim.lr: is varied by the factor tokens, so it cannot be tuned for each arm."
    ):
        resolve(write_spec(text=text, added=TUNE))
