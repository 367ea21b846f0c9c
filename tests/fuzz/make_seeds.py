#!/usr/bin/env python3
"""Writes what state_fuzz begins with into a folder: make_seeds.py FOLDER.

States lie in PyTorch's old format, whose bytes stand in the file as they are: in a zip archive a checksum would refuse
whatever the fuzzer changes."""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.ao.pruning import CubicSL, LambdaSL, NearlyDiagonalSparsifier, WeightNormSparsifier
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier


class Sample(nn.Module):
    """The layers of small_model.h."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleDict({"fc1": nn.Linear(8, 16), "fc2": nn.Linear(16, 8)})
        self.head = nn.Linear(8, 4)


def save_old(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    config = [{"tensor_fqn": "encoder.fc1.weight"}, {"tensor_fqn": "head.weight"}]
    for sparsifier in (WeightNormSparsifier(0.5, (1, 4), 4), NearlyDiagonalSparsifier(nearliness=3)):
        sparsifier.prepare(Sample(), config)
        sparsifier.step()
        save_old(sparsifier.state_dict(), folder / f"{type(sparsifier).__name__}.pt")
    save_old(CubicSL(sparsifier=leveled(config), delta_t=1, total_t=5).state_dict(), folder / "CubicSL.pt")
    state = LambdaSL(leveled(config), sl_lambda=lambda epoch: 0.9**epoch).state_dict()
    save_old({key: value for key, value in state.items() if key != "sl_lambdas"}, folder / "LambdaSL.pt")

    data = DataNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 4), zeros_per_block=4)
    data.add_data(name="embedding", data=torch.randn(4, 8))
    data.step()
    save_old(data.state_dict(), folder / "DataNormSparsifier.pt")
    options = {"sparsity_level": 0.5, "sparse_block_shape": [1, 4], "zeros_per_block": 4, "norm": "L1"}
    item = {"name": "embedding", "options": options, "squashed": False}
    description = {"sparsifier": "data_norm", "defaults": options, "enable_mask_update": True, "steps": 1, "items": [item]}
    save_file(
        {"embedding.data": torch.randn(4, 8), "embedding.mask": torch.ones(4, 8, dtype=torch.uint8)},
        folder / "data.safetensors",
        {"lacuna.data_pruning": json.dumps(description)},
    )
    save_file(
        {"head.weight": torch.rand(8, dtype=torch.float64)},
        folder / "activations.safetensors",
        {"rows.head.weight": "5", "weight_dim.head.weight": "1"},
    )
    save_file({"inputs": torch.randn(3, 2), "labels": torch.arange(3)}, folder / "samples.safetensors")


def leveled(config):
    sparsifier = WeightNormSparsifier(0.5)
    sparsifier.prepare(Sample(), config)
    return sparsifier


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
