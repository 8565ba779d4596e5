"""What a pass through a network costs in operations, counted and not timed."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.build import AnyModel, BaselineModel, ClipShape, Network, build, streams_of
from study import made_up


def read_at_inference(model: AnyModel) -> tuple[str, ...]:
    """Name the streams that a network reads at inference: RGB alone, unless it is a baseline of another stream."""
    return streams_of(model) if isinstance(model, BaselineModel) else ("rgb",)


def gflops(network: Network, model: AnyModel, shape: ClipShape) -> float:
    """Count what one clip costs at inference (multiply and add count as two).

    Args:
        network: of `model`, on the meta device.
    """
    if isinstance(model, BaselineModel) and not model.baseline.trains:
        return 0.0
    streams, device = read_at_inference(model), "meta"
    if "skeleton" in streams:  # torch-geometric looks into the graph, which a meta tensor does not tell
        device, network = "cpu", build(model, 1, shape).requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(made_up.batch(streams, 1, shape, device))
    return float(counter.get_total_flops() / 1e9)
