#!/usr/bin/env python3
"""Makes the checkpoints under tests/formats/fixtures/prepared with PyTorch 2.11: models that torch.nn.utils.prune and
torch.ao.pruning prepared. Run it again only when a fixture is added; the files are committed.

    python tests/formats/make_prepared_fixtures.py
"""
import pathlib
import warnings

import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import prune

HERE = pathlib.Path(__file__).parent / "fixtures" / "prepared"
warnings.simplefilter("ignore")


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))


def pruned() -> nn.Sequential:
    model = net()
    prune.l1_unstructured(model[0], "weight", 0.5)
    return model


def training() -> dict:
    """A checkpoint as training scripts write it: dicts and values around a pruned model's state."""
    model = pruned()
    optimizer = torch.optim.SGD([model[2].weight], lr=0.1, momentum=0.9)
    model(torch.ones(1, 6)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": [1.5, -0.25, None],
            "image": torch.Size([6]), "done": False, "large": 1 << 40}


def main() -> None:
    HERE.mkdir(exist_ok=True)
    torch.save(training(), HERE / "training.pt")
    torch.save(training(), HERE / "training.legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(pruned(), HERE / "module.pt")
    model = net()
    sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    sparsifier.step()
    torch.jit.trace(model.eval(), torch.ones(1, 6)).save(HERE / "traced.pt")


if __name__ == "__main__":
    main()
