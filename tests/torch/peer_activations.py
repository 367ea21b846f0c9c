#!/usr/bin/env python3
"""Masks the demo networks' activations with lacuna-cli and holds the result against torch.ao.pruning's own
ActivationSparsifier, given the same functions and samples.

    tests/support/run_peer.sh tests/torch/peer_activations.py PATH/TO/lacuna-cli DEMO_FOLDER

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 with safetensors is not installed."""

import pathlib
import subprocess
import sys
import tempfile

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file, save_file
from torch.ao.pruning._experimental.activation_sparsifier.activation_sparsifier import ActivationSparsifier

from peer_calibration import network

BATCH, BATCHES = 64, 7  # whole batches: upstream cannot aggregate a shorter one
LEVEL = 0.4


def reduce_to_norms(feature_dim: int):
    def reduce(data: torch.Tensor) -> torch.Tensor:
        others = [d for d in range(data.dim()) if d != feature_dim % data.dim()]
        return torch.linalg.vector_norm(data, 2, others, keepdim=True)

    return reduce


def mask_lowest(scores: torch.Tensor, level: float) -> torch.Tensor:
    mask = torch.ones_like(scores)
    order = scores.flatten().sort(stable=True).indices[: int(level * scores.numel())]
    mask.view(-1)[order] = 0
    return mask


def masked_in_python(model: torch.nn.Module, images: torch.Tensor) -> torch.nn.Module:
    sparsifier = ActivationSparsifier(model, aggregate_fn=torch.hypot, mask_fn=mask_lowest, level=LEVEL)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            sparsifier.register_layer(module, reduce_fn=reduce_to_norms(-1))
        elif isinstance(module, torch.nn.Conv2d):
            sparsifier.register_layer(module, reduce_fn=reduce_to_norms(-3))
    with torch.no_grad():
        for batch in images.split(BATCH):
            model(batch)
    sparsifier.step()
    sparsifier.squash_mask()
    return model


class SharedTwice(torch.nn.Module):
    """What a trace writes of it calls the shared layer's second use `forward1`."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 8, 3)
        self.shared = torch.nn.Linear(36, 36)
        self.head = torch.nn.Sequential(torch.nn.Linear(288, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.convolution(images)).flatten(2)
        return self.head(self.shared(torch.relu(self.shared(x))).flatten(1))


def main(cli: str, demo: pathlib.Path) -> None:
    images = load_file(demo / "digits_test.safetensors")["inputs"][: BATCH * BATCHES].contiguous()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_file({"inputs": images}, folder / "data.safetensors")
        shared = SharedTwice().eval()
        torch.jit.trace(shared, images[:BATCH]).save(str(folder / "shared.pt"))
        models = {demo / f"{each}.pt": network(demo, each) for each in ("digits_cnn", "digits_transformer")}
        for source, model in (models | {folder / "shared.pt": shared}).items():
            out = folder / f"masked_{source.name}"
            options = ["--option", f"sparsity_level={LEVEL}", "--option", "layers=all"]
            run = [cli, "convert", source, "--to", "masked_activations", "--out", out]
            subprocess.run([*run, "--data", folder / "data.safetensors", *options], check=True, stdout=subprocess.DEVNULL)
            ours, theirs = torch.jit.load(str(out)).eval(), masked_in_python(model, images)
            with torch.no_grad():
                left, right = ours(images), theirs(images)
            difference = (left - right).abs().max().item()
            assert difference < 1e-4, f"{source.name}: outputs differ by {difference}"
            print(f"{source.name}: outputs as PyTorch's to {difference:.1e}")


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
