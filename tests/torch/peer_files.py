"""Pruned files of the demo networks, for the scripts that hold them against PyTorch."""

import json
import pathlib
import subprocess

import torch

RECIPE = """version: 1
groups:
  - layers: {layers}
    sparsifier: weight_norm
    sparsity_level: {level}
    sparse_block_shape: [1, 4]
"""


def prune(cli: str, source: pathlib.Path, out: pathlib.Path, layers: str, level: float, *more) -> None:
    recipe = out.with_suffix(".yaml")
    recipe.write_text(RECIPE.format(layers=layers, level=level))
    subprocess.run([cli, "prune", source, "--recipe", recipe, "--out", out, *more], check=True, stdout=subprocess.DEVNULL)


def evaluate(cli: str, model: pathlib.Path, data: pathlib.Path) -> dict:
    """What `lacuna-cli eval` says of a model."""
    run = [cli, "eval", model, "--data", data, "--json", "-"]
    return json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout)


def demand_equal_accuracy(said: dict, logits: torch.Tensor, labels: torch.Tensor, what) -> int:
    """How many are right, in PyTorch and as `said`."""
    correct = int((logits.argmax(1) == labels).sum())
    assert said["accuracy"] == correct / said["samples"], f"{what}: {said} against {correct} in PyTorch"
    return correct
