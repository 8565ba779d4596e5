from collections.abc import Callable

import pytest

from experiments.problem import SpecError
from experiments.spec import ClaimFile, Says, Spec
from results.claim import Claim
from study.claim import claim_of
from study.resolve import resolve

WriteSpec = Callable[..., Spec]


def test_a_claim_names_the_control_and_what_the_spec_says(write_spec: WriteSpec) -> None:
    claim = resolve(write_spec({"which: any": "which: count=5", "smallest: 1.0": "smallest: 2"})).claim
    assert (claim.control, claim.which, claim.direction) == ("count=20", "count=5", "better")
    assert (claim.smallest, claim.alpha, claim.over) == (2.0, 0.05, "seeds_and_activities")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "which: any",
            "which: count=6",
            "3  claim.says.which: count=6: no such arm. Did you mean 'count=5'? There are: ",
        ),
        ("which: any", "which: count=20", "3  claim.says.which: count=20: no such arm."),
        ("better}\n  smallest: 1.0", "equivalent}\n  smallest: 0", "4  claim.smallest: must be above 0"),
    ],
)
def test_a_claim_that_cannot_be_decided_is_refused(write_spec: WriteSpec, old: str, new: str, message: str) -> None:
    spec = write_spec({old: new})
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    assert str(caught.value).startswith(f"{spec.path}:{message}")


def test_a_spec_admits_of_every_part_what_the_statistics_do() -> None:
    written = ClaimFile.model_json_schema()["properties"] | Says.model_json_schema()["properties"]
    meant = Claim.model_json_schema()["properties"]
    shared = {"metric", "split", "smallest", "alpha", "direction"}
    by_study = {"control", "controls", "counterparts", "held", "within", "here", "looks"}
    assert meant.keys() == shared | by_study | {"which", "over"}
    assert {name: written[name] for name in shared} == {name: meant[name] for name in shared}
    assert [words.replace(" ", "_") for words in written["over"]["enum"]] == meant["over"]["enum"]


GRID = """\
question: {ask: 'Does the best number of tokens depend on the data?'}
claim:
  says: {which: any, direction: better}
  smallest: 1.0
  within: [data.train.activities]
profile: smoke
design: grid
control: {model.tokens.count: 20, data.train.activities: 1}
factors:
  model.tokens.count: [5, 20]
  data.train.activities: [0.5, 1]
seeds: 2
"""


def test_within_groups_arms_have_the_control_of_their_own(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec(text=GRID))
    claim, arms = edition.claim, tuple(arm.name for arm in edition.arms)
    few = {
        "activities=0.5, count=5": "activities=0.5, count=20",
        "activities=0.5, count=20": "activities=0.5, count=20",
    }
    assert claim.controls == few
    assert claim.counterparts == {}
    assert (claim.held, claim.within) == ("count=20", "activities")
    assert claim.claimed(arms) == ("activities=0.5, count=5", "activities=1.0, count=5")


def test_a_change_is_claimed_of_the_groups_that_are_not_the_controls(write_spec: WriteSpec) -> None:
    edition = resolve(write_spec({"smallest: 1.0": "smallest: 1.0\n  of: change"}, text=GRID))
    claim, arms = edition.claim, tuple(arm.name for arm in edition.arms)
    assert claim.counterparts == {"activities=0.5, count=5": "activities=1.0, count=5"}
    assert claim.claimed(arms) == ("activities=0.5, count=5",)
    assert (claim.held, claim.here) == ("count=20", "activities=1.0")
    assert claim.terms("activities=0.5, count=5") == {
        "activities=0.5, count=5": 1,
        "activities=0.5, count=20": -1,
        "activities=1.0, count=5": -1,
        "activities=1.0, count=20": 1,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[data.train.activities]", "[data.train.clips]", "5  claim.within: data.train.clips: no such factor. Did you"),
        ("[data.train.activities]", "[data.train.activities, model.tokens.count]", "5  claim.within: holds every fac"),
        ("  within: [data.train.activities]", "  of: change", "5  claim.of: a change is one between groups, but "),
    ],
)
def test_groups_that_there_are_not_are_refused(write_spec: WriteSpec, old: str, new: str, message: str) -> None:
    spec = write_spec({old: new}, text=GRID)
    with pytest.raises(SpecError) as caught:
        resolve(spec)
    assert str(caught.value).startswith(f"{spec.path}:{message}")


def test_an_arm_whose_control_is_not_there_is_named(write_spec: WriteSpec) -> None:
    spec = write_spec(text=GRID)
    arms = [arm for arm in resolve(spec).arms if arm.name != "activities=0.5, count=20"]
    with pytest.raises(
        SpecError, match=r"activities=0\.5, count=5 would be compared with activities=0\.5, count=20, but"
    ):
        claim_of(spec, arms)


@pytest.mark.parametrize("which", ["activities=0.5, count=20", "activities=1.0, count=5"])
def test_a_claim_of_a_change_is_about_an_arm_that_has_a_counterpart(write_spec: WriteSpec, which: str) -> None:
    changed = {"smallest: 1.0": "smallest: 1.0\n  of: change", "which: any": f"which: '{which}'"}
    with pytest.raises(SpecError, match=r"claim.says.which: activities=\d.\d, count=\d+: no such arm. Did you mean"):
        resolve(write_spec(changed, text=GRID))
