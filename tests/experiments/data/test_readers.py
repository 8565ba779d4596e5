"""What every reader of data sets holds to."""

import inspect

import pytest

from models import catalog
from models.settings import Frozen

READERS = catalog.names("experiments.data")


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_named_like_its_file_and_reads_its_settings(name: str) -> None:
    reader = catalog.load("experiments.data", name)

    assert issubclass(reader.Settings, Frozen)
    assert reader.Settings.model_fields["name"].default == name
    parameters = inspect.signature(reader.read).parameters
    assert list(parameters) == ["settings", "cache"]
    assert parameters["cache"].default is None


@pytest.mark.parametrize("name", READERS)
def test_every_setting_that_is_no_place_has_a_default(name: str) -> None:
    fields = catalog.load("experiments.data", name).Settings.model_fields

    required = {field for field, info in fields.items() if info.is_required()}

    assert required <= {"path", "folder"}
