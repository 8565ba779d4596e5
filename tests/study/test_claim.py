from collections.abc import Callable

import pytest

from experiments.problem import SpecError
from experiments.spec import ClaimFile, Says, Spec
from results.claim import Claim
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
    assert meant.keys() == shared | {"control", "which", "over"}
    assert {name: written[name] for name in shared} == {name: meant[name] for name in shared}
    assert [words.replace(" ", "_") for words in written["over"]["enum"]] == meant["over"]["enum"]
