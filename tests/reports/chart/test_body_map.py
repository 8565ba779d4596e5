import polars as pl
import pytest

from experiments.clip import MUSCLES
from reports import query
from reports.chart import body_map
from tests.reports import made_ledger
from tests.reports.made_ledger import EDITION, Ledger, make_ledger
from tests.reports.test_charts import data_with


@pytest.fixture
def muscular(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Make an edition that measures MuscleMap's muscle groups."""
    monkeypatch.setattr(made_ledger, "LABELS", MUSCLES)
    return make_ledger((5, 20))


def frame_of(ledger: Ledger) -> pl.DataFrame:
    with ledger.connect() as connection:
        return query.table(connection, body_map.SQL, edition=EDITION)


def test_every_muscle_group_of_musclemap_lies_on_the_body(muscular: Ledger) -> None:
    outlines = data_with(body_map.draw(frame_of(muscular), muscular.plan), "side", "outline", "muscle")
    assert set(outlines["muscle"]) == set(MUSCLES)
    assert {"front", "back"} == set(outlines["side"])
    assert outlines.filter(pl.col("muscle").is_in(["gluteus", "hamstring"]))["side"].unique().to_list() == ["back"]


def test_a_group_has_the_mean_paired_difference_over_the_claims_splits(muscular: Ledger) -> None:
    frame = frame_of(muscular)
    drawn = data_with(body_map.draw(frame, muscular.plan), "arm", "difference")
    chest = frame.filter(pl.col("muscle") == "chest")
    assert set(chest["split"]) == {"val_seen", "val_unseen"}
    assert drawn.filter(pl.col("muscle") == "chest")["difference"].item() == pytest.approx(
        sum(chest["difference"]) / 2, abs=1e-4
    )
    unseen = {**muscular.plan, "claim": muscular.plan["claim"] | {"split": "val_unseen"}}
    of_unseen = data_with(body_map.draw(frame, unseen), "arm", "difference")
    assert of_unseen.filter(pl.col("muscle") == "chest")["difference"].item() == pytest.approx(
        chest.filter(pl.col("split") == "val_unseen")["difference"].item(), abs=1e-4
    )


def test_groups_that_are_on_no_figure_are_named(ledger: Ledger) -> None:
    assert body_map.describe(frame_of(ledger), ledger.plan).endswith("Not on the body: abdominals and glutes.")
    ledger.plan["labels"] = ["abdominals", "glutes"]
    assert not body_map.applies(ledger.plan)


def test_many_arms_have_no_figures() -> None:
    assert not body_map.applies(make_ledger(tuple(range(12)), 3).plan)
