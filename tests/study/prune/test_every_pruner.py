"""Every pruner: it is named as its file is, and makes one of Optuna's, which is imported only then."""

import json
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from models import catalog
from models.settings import Frozen
from study.prune import make_pruner

NEEDED = {"percentile": {"percentile": 25}, "patient": {"patience": 2}}


def settings_of(name: str) -> Frozen:
    settings: Frozen = catalog.load("study.prune", name).Settings(**NEEDED.get(name, {}))
    return settings


@pytest.mark.parametrize("name", catalog.names("study.prune"))
def test_it_makes_the_pruner_that_it_is_named_after(name: str) -> None:
    settings = settings_of(name)
    assert settings.model_dump()["pruner"] == name
    made = make_pruner(settings, epochs=9)
    assert isinstance(made, optuna.pruners.BasePruner)
    assert type(made).__name__ == f"{name.title().replace('_', '')}Pruner"


@pytest.mark.parametrize("name", catalog.names("study.prune"))
def test_it_never_gives_up_a_training_that_has_reported_nothing(name: str) -> None:
    study = optuna.create_study(direction="maximize", pruner=make_pruner(settings_of(name), epochs=9))
    assert not study.ask().should_prune()


def test_settings_are_read_without_optuna() -> None:
    code = (
        "import json, sys\nfrom models import catalog\n"
        "for name in catalog.names('study.prune'): catalog.load('study.prune', name).Settings\n"
        "print(json.dumps('optuna' in sys.modules))"
    )
    root = Path(__file__).parents[3]
    assert not json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True))


def test_hyperband_ends_with_the_last_epoch() -> None:
    made = make_pruner(settings_of("hyperband"), epochs=27)
    assert isinstance(made, optuna.pruners.HyperbandPruner)
    study = optuna.create_study(direction="maximize", pruner=made)
    trial = study.ask()
    trial.report(1.0, 1)
    trial.should_prune()
    assert len(made._pruners) == 4, "27 = 3^3: rungs at 1, 3, 9 and 27"
