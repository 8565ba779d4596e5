from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from experiments.problem import SpecError
from experiments.read import read_spec
from experiments.spec import UNTIL_DECIDED

WriteSpec = Callable[..., Path]


def problem(path: Path) -> str:
    """Give the one problem of a spec, from its line on."""
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    (found,) = caught.value.problems
    return str(found).removeprefix(f"{path}:")


def test_a_number_of_seeds_counts_from_zero(write_spec: WriteSpec) -> None:
    assert read_spec(write_spec({"seeds: 2": "seeds: 3"})).seeds == (0, 1, 2)
    assert read_spec(write_spec({"seeds: 2": "seeds: [4, 7]"})).seeds == (4, 7)


def test_seeds_may_be_added_until_the_claim_is_decided(write_spec: WriteSpec) -> None:
    assert read_spec(write_spec({"seeds: 2": "seeds: until decided"})).seeds == UNTIL_DECIDED


def test_three_seeds_are_the_default(write_spec: WriteSpec) -> None:
    assert read_spec(write_spec({"seeds: 2\n": ""})).seeds == (0, 1, 2)


def test_a_design_may_have_settings(write_spec: WriteSpec) -> None:
    assert read_spec(write_spec()).design == {"name": "sweep"}
    written = {"design: sweep": "design: {name: leave_one_out, bare: true}"}
    assert read_spec(write_spec(written)).design == {"name": "leave_one_out", "bare": True}


def test_a_spec_cannot_be_written_to(write_spec: WriteSpec) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_spec(write_spec()).profile = "full"  # type: ignore[misc]


def test_settings_nest_and_keep_their_lines(write_spec: WriteSpec) -> None:
    layer = read_spec(write_spec(added="settings:\n  optim.lr: 1e-3\n  optim: {batch: 8}\n")).settings_layer
    assert layer.tree == {"optim": {"lr": 1e-3, "batch": 8}}
    assert layer.lines["optim.lr"] == 11
    assert layer.lines["optim.batch"] == 12


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("smallest: 1.0", "smallest: -1", "4  claim.smallest: must be greater than or equal to 0, but got -1."),
        ("smallest: 1.0", "smallest: .nan", "4  claim.smallest: must be a finite number, but got nan."),
        ("smallest: 1.0", "smallest: 1\n  alpha: 0.5", "5  claim.alpha: must be less than 0.5, but got 0.5."),
        (
            "smallest: 1.0",
            "smallest: 1\n  metric: auc",
            "5  claim.metric: must be 'map', 'latency' or 'peak_memory', but got",
        ),
        (
            "smallest: 1.0",
            "smallest: 1\n  over: clips",
            "5  claim.over: must be 'seeds' or 'seeds and activities', but",
        ),
        ("better", "beter", "3  claim.says.direction: must be 'better', 'worse' or 'equivalent', but got 'beter'."),
        ("seeds: 2", "seeds: 0", "9  seeds: must be 1 to 1000 seeds, but got 0."),
        ("seeds: 2", "seeds: 1001", "9  seeds: must be 1 to 1000 seeds, but got 1001."),
        ("seeds: 2", "seeds: []", "9  seeds: must have at least 1 seed, but got []."),
        ("seeds: 2", "seeds: [1, 1]", "9  seeds: a seed is given twice in [1, 1]. Keep one."),
        ("seeds: 2", "seeds: [1000]", "9  seeds: a seed must be a number from 0 to 999, but got 1000."),
        ("seeds: 2", "seeds: true", "9  seeds: must be a number of seeds, a list of them, or 'until decided', but"),
        ("seeds: 2", "seeds: [1, x]", "9  seeds: a seed must be a number from 0 to 999, but got 'x'."),
        ("seeds: 2", "seeds: two", "9  seeds: must be a number of seeds, a list of them, or 'until decided', but"),
        ("seeds: 2", "budget: {epochs: -3}", "9  budget.epochs: must be greater than or equal to 0, but got -3."),
        ("seeds: 2", "prune: {patience: 3}", "9  prune: must be a mapping with a pruner, but got {'patience': 3}."),
        (
            "seeds: 2",
            "tune: {per: arm}",
            "9  tune: must name a setting with its levels (`optim.lr: [1e-4, 1e-3]`), but",
        ),
        ("seeds: 2", "tune: {optim.lr: []}", "9  tune.optim.lr: must have at least 1 item, but got []. Change it."),
        ("seeds: 2", "tune: {optim.lr: 1e-3}", "9  tune.optim.lr: must be a list, but got 0.001. Change it."),
        ("seeds: 2", "tune: {optim.lr: [1e-3], per: seed}", "9  tune.per: must be 'arm', but got 'seed'. Change it."),
        (
            "seeds: 2",
            "tune: {optim.lr: [1e-3], seeds: 0}",
            "9  tune.seeds: must be greater than or equal to 1, but got 0",
        ),
        ("seeds: 2", "pruner: median", "9  pruner: no such key. Did you mean 'prune'? There are: question,"),
        ("seeds: 2", "lines: {}", "9  lines: no such key."),
        ("[5, 20]", "20", "8  factors.model.tokens.count: must be a list of levels, or names with the settings"),
        ("[5, 20]", "[]", "8  factors.model.tokens.count: must be a list of levels, or names with the settings"),
        ("[5, 20]", "{a: 5}", "8  factors.model.tokens.count: must be a list of levels, or names with the settings"),
        ("  model.tokens.count: [5, 20]\n", "  {}\n", "7  factors: must have at least 1 item, but got {}."),
        ("design: sweep", "design: 3", "5  design: must be a name or a mapping with a name, but got 3."),
        ("'Do more tokens help?'", "''", "1  question.ask: must have at least 1 character, but got ''."),
        ("  smallest: 1.0\n", "", "2  claim.smallest: this key is missing and has no default. Add it."),
        ("{model.tokens.count: 20}", "20", "6  control: must be a mapping, but got 20."),
    ],
)
def test_a_wrong_spec_is_refused_at_its_line(write_spec: WriteSpec, old: str, new: str, message: str) -> None:
    assert problem(write_spec({old: new})).startswith(message)


def test_a_typo_offers_the_nearest_name_and_what_there_is(write_spec: WriteSpec) -> None:
    path = write_spec({"{ask: 'Do more tokens help?'}": "{ask: 'Help?', sorce: paper}"})
    assert problem(path) == "1  question.sorce: no such key. Did you mean 'source'? There are: ask, source."
