import pytest
from pydantic import ValidationError

from models.settings import key_content
from study import sampling
from study.settings import DataSettings, FrameSettings, Resources, Settings


def test_defaults_are_whole_settings() -> None:
    settings = Settings()
    assert settings.model.tokens.count == 20
    assert settings.data.source.model_dump()["name"] == "synthetic"


def test_no_resource_enters_a_key() -> None:
    changed = Resources(
        device="cuda:1", workers=3, threads=4, loader_workers=8, accumulate=2, channels_last=True, compile=True
    )
    assert key_content(Settings(resources=changed)) == key_content(Settings())
    assert key_content(Settings())["resources"] == {}


def test_every_other_setting_enters_the_key() -> None:
    assert key_content(Settings()).keys() == Settings.model_fields.keys()
    assert key_content(Settings(data=DataSettings(limit=3))) != key_content(Settings())


@pytest.mark.parametrize(
    "wrong",
    [
        {"resources": {"device": "gpu"}},
        {"data": {"std": [0.2, 0.2, 0]}},
        {"data": {"limit": 0}},
        {"data": {"views": 4, "slack": 2}},
        {"data": {"views": 4, "slack": 2, "stride": 4}},
        {"data": {"views": 4, "slack": 2, "cache": "none"}},
        {"phases": {"joint_epochs": 0}},
        {"model": {"fusion": {"name": "mctf", "drp": 1}}},
        {"datas": {}},
    ],
)
def test_what_no_training_could_use_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)


def test_views_are_as_many_as_there_are_starts() -> None:
    with pytest.raises(ValidationError, match=r"at most slack \+ 1 = 3, but got 5: .* Raise data\.slack to 4, or"):
        FrameSettings(views=5)
    for most in (FrameSettings(views=5, slack=4), FrameSettings(views=5, cache="none", stride=4)):
        windows = [
            tuple(sampling.window(40, most.frames, most.slack, most.stride, time))
            for time in sampling.view_times(most.views)
        ]
        assert len(set(windows)) == 5
