#!/usr/bin/env python3
"""Compares the masks of the rules that prune whole rows with torch.ao.pruning's structured pruners (torch 2.11) on
random cases, through the program: one file of weights, one recipe with a group for each, one file of masks.

usage: tests/support/run_peer.sh tests/parity/rows.py LACUNA_CLI [CASES] [SEED]

What the peer gets wrong or inexactly is not asked of it (docs/parity.md): NaN, narrow types (it gets float32), more
than 25 rows for fpgm, a second step. fpgm adds up square roots in float32 there and in double here, so its weights are
random enough not to tie.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.ao.pruning._experimental.pruner import FPGMPruner, LSTMSaliencyPruner, SaliencyPruner

DTYPES = (torch.float32, torch.float32, torch.float16, torch.bfloat16)


def weights(generator, rng, shape, ties):
    tensor = torch.randn(shape, generator=generator)
    if ties:
        tensor = tensor.round()
        tensor[rng.randrange(len(tensor))] = tensor[rng.randrange(len(tensor))]
    return tensor.to(rng.choice(DTYPES))


def row_mask(pruner, layer, name, **options):
    model = nn.Sequential(layer)
    pruner.prepare(model, [{"tensor_fqn": f"0.{name}", **options}])
    pruner.step()
    return model[0].parametrizations[name][0].mask


def layer_with(weight):
    wide = weight.float()
    if wide.dim() == 2:
        layer = nn.Linear(wide.shape[1], wide.shape[0], bias=False)
    else:
        layer = nn.Conv2d(wide.shape[1], wide.shape[0], wide.shape[2:], bias=False)
    layer.weight = nn.Parameter(wide)
    return layer


def draw(rng, generator):
    """A weight, the options of its group, and the mask of rows that the peer gives."""
    rule, level = rng.choice(("saliency", "fpgm", "lstm_saliency")), rng.choice((0.0, 0.1, 0.29, 0.3, 0.5, 0.75, 1.0, rng.random()))
    if rule == "lstm_saliency":
        hidden, inputs = rng.randint(1, 40), rng.randint(1, 20)
        weight = weights(generator, rng, (4 * hidden, inputs), rng.random() < 0.5)
        layer = nn.LSTM(inputs, hidden)
        layer.weight_ih_l0 = nn.Parameter(weight.float())
        mask = row_mask(LSTMSaliencyPruner({}), layer, "weight_ih_l0", sparsity_level=level)
        return weight, "weight_ih_l0", {"sparsifier": rule, "sparsity_level": level, "units": "apart"}, mask
    shape = [rng.randint(1, 25 if rule == "fpgm" else 200), rng.randint(1, 20)] + ([3, rng.randint(1, 3)] if rng.random() < 0.3 else [])
    weight = weights(generator, rng, shape, rule == "saliency" and rng.random() < 0.5)
    options = {"sparsifier": rule, "sparsity_level": level}
    if rule == "saliency":
        return weight, "weight", options, row_mask(SaliencyPruner({}), layer_with(weight), "weight", sparsity_level=level)
    distance = rng.choice((1, 2))
    mask = row_mask(FPGMPruner(level, dist=distance), layer_with(weight), "weight")
    return weight, "weight", {**options, "dist": str(distance)}, mask


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    torch.manual_seed(seed)
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    tensors, groups, expected = {}, [], {}
    for i in range(count):
        weight, name, options, mask = draw(rng, generator)
        fqn = f"c{i:05}.{name}"
        tensors[fqn], expected[fqn] = weight, mask
        groups.append({"layers": [fqn], **options})
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save_file(tensors, place / "weights.safetensors")
        (place / "recipe.yaml").write_text(json.dumps({"version": 1, "ties": "aten", "groups": groups}))
        subprocess.run([program, "prune", place / "weights.safetensors", "--recipe", place / "recipe.yaml", "--out",
                        place / "out.safetensors", "--masks", place / "masks.safetensors", "--report", place / "report"],
                       check=True, stdout=subprocess.DEVNULL)
        masks = load_file(place / "masks.safetensors")
    differences = 0
    for fqn, group in zip(tensors, groups):
        rows = masks[fqn].flatten(1).bool()
        if not (torch.equal(rows.all(1), rows.any(1)) and torch.equal(rows.all(1), expected[fqn])):
            differences += 1
            if differences <= 10:
                print(f"{group} {tuple(tensors[fqn].shape)} {tensors[fqn].dtype}: {int((rows.all(1) != expected[fqn]).sum())} rows differ")
    print(f"{count} cases against torch {torch.__version__}: {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
