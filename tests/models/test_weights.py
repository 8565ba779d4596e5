import pickle
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.video import mvit_v2_s

from models.build import ClipShape, ModelSettings, build
from models.tokens import TokenSettings
from models.trunk import Trunk, TrunkSettings
from models.weights import WeightsError, load_exactly, load_official, load_pyslowfast, load_torchvision, read

CLIP = ClipShape(4, 32)
SMALL = TrunkSettings(width=8, depth=2, stage_starts=(1,), key_value_stride=(1, 4, 4))


def trunk(*, tokens: int = 1, clip: ClipShape = CLIP, settings: TrunkSettings = SMALL) -> Trunk:
    return Trunk(settings, TokenSettings(count=tokens), clip)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    """What torchvision publishes: the names and shapes of its own network, with random numbers."""
    return mvit_v2_s().state_dict()


def pyslowfast(trunk: Trunk) -> dict[str, Tensor]:
    """Give a trunk's weights the names that PySlowFast uses."""
    renames = (
        ("tokens.own_KD", "cls_token"),
        ("patches.", "patch_embed.proj."),
        ("attention.pool_q.norm", "attn.norm_q"),
        ("attention.pool_k.norm", "attn.norm_k"),
        ("attention.pool_v.norm", "attn.norm_v"),
        (".convolution", ""),
        ("attention.project.", "attn.proj."),
        ("attention.positions.rows", "attn.rel_pos_h"),
        ("attention.positions.columns", "attn.rel_pos_w"),
        ("attention.positions.frames", "attn.rel_pos_t"),
        ("attention.", "attn."),
        ("mlp.0", "mlp.fc1"),
        ("mlp.2", "mlp.fc2"),
        (".widen.", ".proj."),
    )
    state = {}
    for own_name, value in trunk.state_dict().items():
        name = reduce(lambda name, pair: name.replace(*pair), renames, own_name)
        state[name] = value[None] if name == "cls_token" else value
    return state


def test_several_tokens_start_from_the_one_class_token_and_stay_apart(published: dict[str, Tensor]) -> None:
    full = trunk(tokens=4, clip=ClipShape(16, 224), settings=TrunkSettings())
    noise = full.tokens.own_KD.detach().clone()
    load_torchvision(full, published)
    torch.testing.assert_close(full.tokens.own_KD, noise + published["pos_encoding.class_token"])


def test_weights_of_another_clip_size_bring_interpolated_position_tables(published: dict[str, Tensor]) -> None:
    short = trunk(clip=ClipShape(8, 112), settings=TrunkSettings())
    load_torchvision(short, published)
    table, ours = published["blocks.0.attn.rel_pos_h"], short.state_dict()["blocks.0.attention.positions.rows"]
    assert (len(table), len(ours)) == (111, 55)
    interpolated = torch.nn.functional.interpolate(table.T[None], size=55, mode="linear")[0].T
    assert torch.equal(ours, interpolated)
    assert torch.equal(short.state_dict()["blocks.0.attention.qkv.weight"], published["blocks.0.attn.qkv.weight"])


def test_pyslowfast_weights_are_known_by_their_names() -> None:
    source, target = trunk(), trunk()
    load_pyslowfast(target, {**pyslowfast(source), "head.projection.weight": torch.zeros(400, 16)})
    for name, value in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], value), name


def test_weights_of_another_shape_are_counted_and_named_and_nothing_is_loaded(published: dict[str, Tensor]) -> None:
    small = trunk()
    before = {name: value.clone() for name, value in small.state_dict().items()}
    with pytest.raises(
        WeightsError, match=r"weights of torchvision do not fit.*\d+ not known here \(blocks\.\d"
    ) as error:
        load_torchvision(small, published)
    assert "of another shape" in str(error.value)
    assert "build the network with the settings of these weights" in str(error.value)
    assert all(torch.equal(small.state_dict()[name], value) for name, value in before.items())


def test_the_official_state_needs_the_official_fusion(settings: ModelSettings, clip: ClipShape) -> None:
    official = {"cls_token": torch.zeros(1, 3, 8), "fuse.mlp_pathway1.fc1.weight": torch.zeros(32, 32)}
    with pytest.raises(WeightsError, match=r"the official code do not fit.*missing"):
        load_official(build(settings, 5, clip), official)


def test_weights_may_be_new_where_that_is_said() -> None:
    module = torch.nn.Linear(2, 2)
    load_exactly(module, {"weight": torch.zeros(2, 2)}, "a test", new=("bias",))
    assert not module.weight.any()
    with pytest.raises(WeightsError, match=r"a test.*1 missing \(bias\)"):
        load_exactly(module, {"weight": torch.zeros(2, 2)}, "a test")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth", "weights.pyth"])
def test_files_are_read_by_their_suffix(tmp_path: Path, name: str) -> None:
    state, path = {"a": torch.arange(3.0)}, tmp_path / name
    if name.endswith("safetensors"):
        save_file(state, path)
    else:
        torch.save({"model_state": state, "epoch": 3} if name.endswith("pyth") else state, path)
    assert read(path).keys() == {"a"}
    assert torch.equal(read(path)["a"], state["a"])


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("exploded"),)


def test_a_pickle_that_carries_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for save in (torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))):
        save({"a": Bomb()}, tmp_path / "weights.pth")
        with pytest.raises(WeightsError, match=r"weights\.pth: not a readable file of weights.*save the state dict"):
            read(tmp_path / "weights.pth")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"no weights at all"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a readable file of weights"):
        read(tmp_path / name)


def test_a_file_that_holds_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list\.pth: holds no state dict, but list"):
        read(tmp_path / "list.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth: no such file"):
        read(tmp_path / "none.pth")
