import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.problem import SpecError
from experiments.read import find_spec, names, profiles, read_spec
from experiments.spec import Spec
from models.settings import key_content
from study.resolve import Edition, resolve

WriteSpec = Callable[..., Spec]

CLIPS = Path(__file__).parents[3] / "shared" / "data" / "exercise_clips"

TWO_FACTORS = """\
question: {ask: 'Which part helps?'}
claim: {says: {which: all, direction: worse}, smallest: 1.0}
profile: smoke
design: grid
control: {model.fusion: mctf, tokens: full}
factors:
  model.fusion: [none, mctf]
  tokens:
    plain: {model.receivers: false, model.distill: none, model.fusion.x: 1}
    full: {}
"""


def message(spec: Spec, **options: Any) -> str:
    with pytest.raises(SpecError) as caught:
        resolve(spec, **options)
    return str(caught.value).replace(f"{spec.path}:", "")


def contents(edition: Edition) -> dict[str, dict[str, Any]]:
    return {arm.name: key_content(arm.settings) for arm in edition.arms}


@pytest.mark.parametrize(("study", "profile"), list(itertools.product(names(), profiles())))
def test_every_shipped_study_resolves_with_every_profile(study: str, profile: str) -> None:
    edition = resolve(read_spec(find_spec(study)), profile)
    assert len(edition.arms) >= 2
    assert sum(arm.is_control for arm in edition.arms) == 1
    assert edition.profile == profile


def test_arms_differ_in_their_levels_and_in_nothing_else(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec())
    five, twenty = edition.arms
    assert (five.name, five.is_control, five.levels) == ("count=5", False, {"model.tokens.count": 5})
    assert (twenty.name, twenty.is_control, twenty.levels) == ("count=20", True, {"model.tokens.count": 20})
    assert edition.control is twenty
    tokens = five.settings.model.tokens.model_copy(update={"count": 20})
    same = five.settings.model_copy(update={"model": five.settings.model.model_copy(update={"tokens": tokens})})
    assert same == twenty.settings == edition.settings


def test_the_paper_stands_in_the_full_profile(write_spec: WriteSpec) -> None:
    settings = resolve(write_spec(), "full").settings
    assert (settings.data.frames, settings.data.stride, settings.data.size) == (16, 4, 224)
    assert (settings.data.views, settings.data.cache) == (5, "none")
    assert (settings.model.trunk.depth, settings.model.trunk.width) == (16, 96)
    assert (settings.phases.rgb_epochs, settings.phases.joint_epochs) == (40, 10)
    assert (settings.optim.lr, settings.optim.weight_decay, settings.optim.batch) == (1e-4, 0.05, 16)
    assert settings.optim.clip_norm == 1.0


def test_the_smoke_profile_is_short(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec({"seeds: 2": "seeds: 5"}))
    phases = edition.settings.phases
    assert edition.seeds == (0, 1)
    assert edition.notes == ("profile smoke trains 2 of the 5 seeds.",)
    assert (phases.rgb_epochs, phases.sender_epochs, phases.joint_epochs) == (1, 1, 1)
    assert edition.settings.data.limit == 16


def test_a_profile_cuts_the_looks(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec({"seeds: 2": "seeds: until decided"}))
    assert (edition.claim.looks, edition.seeds) == ((2,), (0, 1))
    assert edition.notes == ("profile smoke trains 2 of the 12 seeds, at 1 of 4 looks (2 seeds).",)
    whole = resolve(write_spec({"seeds: 2": "seeds: until decided", "profile: smoke": "profile: tiny"}))
    assert (whole.claim.looks, whole.seeds, whole.notes) == ((3, 5, 8, 12), tuple(range(12)), ())
    assert whole.asked_first == {"count=5": 3, "count=20": 3}


def test_looks_at_sealed_splits_are_refused(write_spec: WriteSpec) -> None:
    spec = write_spec({"seeds: 2": "seeds: until decided", "smallest: 1.0": "smallest: 1.0\n  split: test"})
    with pytest.raises(SpecError, match=r"asked.yaml:5  claim.split: must not be sealed where seeds are added until"):
        resolve(spec)


def test_the_order_in_a_spec_changes_no_arm(write_spec: WriteSpec) -> None:
    factors = {"  model.fusion: [none, mctf]": "  model.fusion: [mctf, none]"}
    lines = ["  model.fusion: [none, mctf]", "  model.tokens.count: [5, 20]", "  optim.lr: [1e-3, 2e-3]"]
    head = "question: {ask: 'x?'}\nclaim: {says: {which: any, direction: better}, smallest: 1}\nprofile: smoke\n"
    head += "design: grid\ncontrol: {model.fusion: mctf, optim.lr: 2e-3, model.tokens.count: 20}\nfactors:\n"
    found = [
        contents(resolve(write_spec(text=head + "\n".join(order) + "\n"))) for order in itertools.permutations(lines)
    ]
    turned = contents(resolve(write_spec(factors, text=head + "\n".join(lines) + "\n")))
    assert all(other == found[0] for other in [*found, turned])
    assert len(found[0]) == 8


def test_levels_may_be_named_groups_of_settings(write_spec: WriteSpec) -> None:
    text = TWO_FACTORS.replace(", model.fusion.x: 1", "").replace("design: grid", "design: one_factor")
    plain = "{model.receivers: false, model.distill: none, model.fusion: none}"
    text = text.replace("{model.receivers: false, model.distill: none}", plain)
    text = text.replace("  model.fusion: [none, mctf]\n", "").replace(
        "{model.fusion: mctf, tokens: full}", "{tokens: full}"
    )
    edition = resolve(write_spec(text=text))
    control, other = edition.arms
    assert (control.name, other.name) == ("control", "tokens=plain")
    assert other.levels == {"tokens": "plain"}
    assert not other.settings.model.receivers
    assert control.settings.model.receivers
    assert edition.factors == {"tokens": ["plain", "full"]}


def test_levels_of_one_value_are_recorded_as_the_setting_holds_them(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec({"[5, 20]": "['5', 20.0]"}))
    assert [arm.name for arm in edition.arms] == ["count=5", "count=20"]
    assert edition.factors == {"model.tokens.count": [5, 20]}


def test_levels_may_be_variants_with_settings(write_spec: WriteSpec) -> None:
    spec = write_spec({"model.tokens.count: 20": "model.fusion: mctf", "model.tokens.count: [5, 20]": (
        "model.fusion: [mctf, {name: mctf, drop_path: 0.5}, none]")})  # fmt: skip
    edition = resolve(spec)
    assert [arm.name for arm in edition.arms] == ["fusion=mctf", "fusion=mctf(drop_path=0.5)", "fusion=none"]
    assert edition.arms[1].levels == {"model.fusion": "mctf(drop_path=0.5)"}
    assert edition.arms[1].settings.model.fusion.model_dump()["drop_path"] == 0.5


def test_a_level_given_twice_is_trained_once_and_said(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec({"[5, 20]": "[5, 20, 5.0]"}))
    assert len(edition.arms) == 2
    assert edition.notes == ("model.tokens.count: level 5 is given twice and trained once.",)


def test_arms_with_equal_settings_are_merged_into_the_control_and_said(write_spec: WriteSpec) -> None:
    text = """\
question: {ask: 'x?'}
claim: {says: {which: any, direction: better}, smallest: 1}
profile: smoke
design: sweep
control: {tokens: b}
factors:
  tokens:
    a: {model.tokens.count: 20}
    b: {}
    c: {model.tokens.count: 5}
"""
    edition = resolve(write_spec(text=text))
    assert [arm.name for arm in edition.arms] == ["tokens=b", "tokens=c"]
    assert edition.notes[0] == "tokens=a: the same settings as tokens=b; trained once, under that name."


def test_resources_do_not_keep_equal_arms_apart(write_spec: WriteSpec) -> None:
    text = {
        "model.tokens.count: 20": "resources.threads: 1",
        "model.tokens.count: [5, 20]": "resources.threads: [1, 2]",
    }
    assert "factors: there is no arm beside the control" in message(write_spec(text))


def test_the_control_can_be_trained_again(write_spec: WriteSpec) -> None:
    again = resolve(write_spec(added="control_again: true\n")).arms[-1]
    assert (again.name, again.replicate, again.is_control) == ("control again", 1, False)
    assert again.levels == {"model.tokens.count": 20}


def test_editions_are_told_apart_by_what_they_change(write_spec: WriteSpec) -> None:
    spec = write_spec()
    assert resolve(spec).name == "asked"
    assert resolve(spec, "smoke").name == "asked"
    assert resolve(spec, "tiny").name == "asked--tiny"
    assert resolve(spec, "tiny", overrides={"optim.lr": 3e-4}).name == "asked--tiny--optim.lr=0.0003"
    assert resolve(spec, overrides={"model.fusion": "none"}).name == "asked--model.fusion=none"


def test_another_data_set_is_another_edition(write_spec: WriteSpec, tmp_path: Path) -> None:
    manifest = tmp_path / "clips" / "manifest.csv"
    manifest.parent.mkdir()
    manifest.touch()
    edition = resolve(write_spec(), data=str(manifest))
    assert (edition.name, edition.data) == ("asked--clips", "clips")
    assert edition.settings.data.source.model_dump()["path"] == manifest
    own = write_spec(added=f"settings: {{data.source: {{name: manifest, path: {manifest}}}}}\n")
    assert (resolve(own).name, resolve(own).data) == ("asked", "clips")
    assert resolve(own, data="synthetic").name == "asked--synthetic"


@pytest.mark.skipif(not CLIPS.is_dir(), reason=f"{CLIPS} is not on this machine")
def test_the_real_clips_give_their_edition_its_name() -> None:
    spec = read_spec(find_spec("token_count_sweep"))
    assert resolve(spec, data=str(CLIPS / "manifest.csv")).name == "token_count_sweep--exercise_clips"


@pytest.mark.parametrize(
    "overrides",
    [{"resources.device": "cuda"}, {"optim.batch": 16}, {"optim.batch": "16"}, {"model.fusion": "mctf"}],
)
def test_what_changes_no_key_makes_no_edition(write_spec: WriteSpec, overrides: dict[str, Any]) -> None:
    edition = resolve(write_spec(), overrides=overrides)
    assert (edition.name, edition.overrides) == ("asked", {})


def test_a_device_is_used_though_it_makes_no_edition(write_spec: WriteSpec) -> None:
    assert resolve(write_spec(), overrides={"resources.device": "cuda"}).settings.resources.device == "cuda"


def test_an_override_that_shows_in_another_arm_alone_makes_an_edition(write_spec: WriteSpec) -> None:
    spec = write_spec({"model.tokens.count: 20": "model.fusion: none", "model.tokens.count: [5, 20]": (
        "model.fusion: [mctf, none]")})  # fmt: skip
    edition = resolve(spec, overrides={"model.fusion.drop_path": 0.5})
    assert edition.name == "asked--model.fusion.drop_path=0.5"
    assert edition.overrides == {"model.fusion.drop_path": 0.5}


def test_overrides_that_need_each_other_are_both_named(write_spec: WriteSpec) -> None:
    overrides = {"model.trunk.stage_starts": [1, 5], "model.trunk.depth": 6}
    assert set(resolve(write_spec(), overrides=overrides).overrides) == set(overrides)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "count: [5, 20]",
            "cuont: [5, 20]",
            "9  model.tokens.cuont: no such setting. Did you mean 'count'?",
        ),
        ("[5, 20]", "[1, 19, 5]", "7  control.model.tokens.count: 20: no such level. Did you mean '19'? There are: 1"),
        ("[5, 20]", "[-5, 20]", "9  model.tokens.count: must be greater than or equal to 1, but got -5."),
        ("[5, 20]", "[many, 20]", "9  model.tokens.count: must be a valid integer"),
        ("{model.tokens.count: 20}", "{}", "7  control.model.tokens.count: the control has no level of this factor."),
        ("profile: smoke", "profile: smok", "5  smok: no such profile. Did you mean 'smoke'? There are: "),
        ("design: sweep", "design: swep", "6  design: swep: no such design. Did you mean 'sweep'? There are: grid, "),
        ("design: sweep", "design: {name: sweep, bare: true}", "6  design.bare: no such setting. There are: name."),
        ("seeds: 2", "charts: [responce_curve]", "10  charts: responce_curve: no such chart. Did you mean 'resp"),
        ("seeds: 2", "settings: {optim.lrr: 1}", "10  optim.lrr: no such setting. Did you mean 'lr'? There are: lr, "),
        ("seeds: 2", "settings: {model.fusion: mtcf}", "10  model.fusion: mtcf: no such fusion. Did you mean 'mctf'?"),
        ("seeds: 2", "settings: {model.tokens.count: 3}", "10  model.tokens.count: is varied by this study, so it"),
        ("seeds: 2", "settings: {data.source: films}", "10  data.source: films: no such data set. There are:"),
        ("[5, 20]", "[20]", "8  factors: there is no arm beside the control, count=20. Add a level."),
    ],
)  # fmt: skip
def test_what_a_spec_names_and_is_not_there_is_told_at_its_line(
    write_spec: WriteSpec, old: str, new: str, told: str
) -> None:
    assert message(write_spec({old: new})).splitlines()[-1].startswith(told)


def test_arms_that_read_other_clips_are_other_arms(write_spec: WriteSpec) -> None:
    levels = "{one: {data.source: {name: manifest, path: a.csv}}, two: {data.source: {name: manifest, path: b.csv}}}"
    changes = {"{model.tokens.count: 20}": "{clips: one}", "model.tokens.count: [5, 20]": f"clips: {levels}"}
    assert [arm.name for arm in resolve(write_spec(changes)).arms] == ["clips=one", "clips=two"]


def test_arms_of_one_name_are_refused(write_spec: WriteSpec) -> None:
    text = TWO_FACTORS[: TWO_FACTORS.index("control:")] + (
        "control: {a: x, b: z}\n"
        "factors:\n"
        "  a: {x: {}, 'x, b=y': {optim.lr: 0.5}}\n"
        "  b: {z: {}, 'y, b=z': {optim.batch: 3}}\n"
    )
    assert message(write_spec(text=text)) == "6  a=x, b=y, b=z: several arms have this name. Rename their levels."


def test_levels_of_one_name_are_refused(write_spec: WriteSpec) -> None:
    changes = {
        "{model.tokens.count: 20}": "{data.augment.rand_augment: null}",
        "model.tokens.count: [5, 20]": "data.augment.rand_augment: [null, 'null']",
    }
    told = "9  data.augment.rand_augment: two levels are both called null. Rename one."
    assert message(write_spec(changes)) == told


def test_a_typo_in_a_factor_is_told_where_it_stands(write_spec: WriteSpec) -> None:
    spec = write_spec({"model.tokens.count": "model.tokens.cuont"})
    told = "9  model.tokens.cuont: no such setting. Did you mean 'count'? There are: count, dropout, read_out, enter."
    assert message(spec) == told


def test_a_group_of_settings_is_no_factor(write_spec: WriteSpec) -> None:
    spec = write_spec({"model.tokens.count": "model.tokens"})
    assert message(spec).startswith("9  model.tokens: a factor is one setting, but this is a group of them.")


def test_all_problems_are_told_at_once(write_spec: WriteSpec) -> None:
    spec = write_spec({"{model.tokens.count: 20}": "{model.tokens.count: 7}"}, added="settings: {optim.lr: -1}\n")
    assert [line[:2] for line in message(spec).splitlines()] == ["7 ", "11"]


def test_a_typo_in_a_named_level_is_told_at_its_line(write_spec: WriteSpec) -> None:
    told = message(write_spec(text=TWO_FACTORS.replace("model.fusion.x: 1", "model.tokns.count: 1")))
    assert told == (
        "9  model.tokns: no such setting. Did you mean 'tokens'? There are: trunk, tokens, loss, head_dropout, "
        "weights, receivers, modality, distill, fusion, temporal, baseline."
    )


def test_two_factors_that_vary_one_setting_are_refused(write_spec: WriteSpec) -> None:
    told = message(write_spec(text=TWO_FACTORS.replace("model.fusion.x: 1", "model.fusion: none")))
    assert told == "8  model.fusion: is varied by two factors, model.fusion and tokens. Let one of them vary it."


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"overrides": {"optim.lrr": 1}}, "--set optim.lrr=1  optim.lrr: no such setting. Did you mean 'lr'?"),
        ({"overrides": {"optim.lr": -1}}, "--set optim.lr=-1  optim.lr: must be greater than 0, but got -1. Change"),
        ({"overrides": {"model.tokens.count": 3}}, "--set model.tokens.count=3  model.tokens.count: is varied"),
        ({"overrides": {"model": {"tokens": {"count": 3}}}}, "--set model.tokens.count=3  model.tokens.count: is"),
        ({"profile": "smok"}, "--profile smok  smok: no such profile. Did you mean 'smoke'?"),
        ({"data": "sinthetic"}, "--data sinthetic  sinthetic: no such data set. Did you mean 'synthetic'?"),
        ({"data": "manifest"}, "--data manifest  data.source.path: this setting is missing and has no default."),
    ],
)  # fmt: skip
def test_what_the_command_line_gets_wrong_names_the_option(
    write_spec: WriteSpec, options: dict[str, Any], told: str
) -> None:
    assert message(write_spec(), **options).startswith(told)


def test_data_that_is_varied_cannot_be_set(write_spec: WriteSpec) -> None:
    spec = write_spec({"model.tokens.count: 20": "data.source: synthetic", "model.tokens.count: [5, 20]": (
        "data.source: [synthetic, {name: synthetic, seed: 1}]")})  # fmt: skip
    assert message(spec, data="synthetic").startswith("--data synthetic  data.source: is varied by this study")


DROPPED = {
    "model.tokens.count: [5, 20]": "probe.dropped: [0.3, 0.5]",
    "{model.tokens.count: 20}": "{probe.dropped: 0.5}",
}


def test_settings_that_change_no_number_make_no_other_arm(write_spec: WriteSpec) -> None:
    spec = write_spec(DROPPED)
    with pytest.raises(SpecError, match="there is no arm beside the control"):
        resolve(spec)  # nothing is dropped at all


def test_the_same_settings_make_arms_where_they_do_change_a_number(write_spec: WriteSpec) -> None:
    spec = write_spec(DROPPED, added="settings: {probe.input: dropped}\n")
    assert [arm.name for arm in resolve(spec).arms] == ["dropped=0.3", "dropped=0.5"]


def test_arms_of_a_baseline_that_differ_in_what_it_does_not_read_are_one(write_spec: WriteSpec) -> None:
    spec = write_spec(added="settings: {model.baseline: r3d_18}\n")
    with pytest.raises(SpecError, match="there is no arm beside the control"):
        resolve(spec)


def test_what_cannot_change_a_cost_makes_no_other_arm_of_a_study_about_costs(write_spec: WriteSpec) -> None:
    costs = {"claim:\n": "claim:\n  metric: latency\n", "model.tokens.count: [5, 20]": "optim.lr: [0.001, 0.002]"}
    spec = write_spec(costs | {"{model.tokens.count: 20}": "{optim.lr: 0.001}"})
    with pytest.raises(SpecError, match="there is no arm beside the control"):
        resolve(spec)
