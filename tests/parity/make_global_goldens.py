#!/usr/bin/env python3
"""Writes global_goldens.safetensors: small sets of weights and the masks that torch.nn.utils.prune.global_unstructured
gave them with L1Unstructured, so that ctest compares without Python. Run it in a Python with torch 2.11.0.

For tensor I of case NNNN there are NNNN.I.weight, NNNN.I.aten (the peer's mask, eight weights a byte, lowest bit first),
NNNN.I.lowest (the mask by one stable sort of all magnitudes) and, in the metadata, NNNN: level and number of tensors.
"""

import os
import random

import torch
from torch import nn
from torch.nn.utils import prune

import cases
from make_goldens import packed

CASES = 160
DTYPES = [torch.float32] * 5 + [torch.float16, torch.bfloat16, torch.float64]
LEVELS = [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0]


class Holder(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)


def peer_masks(weights, level):
    modules = [Holder(weight.clone()) for weight in weights]
    prune.global_unstructured([(module, "weight") for module in modules], prune.L1Unstructured, amount=level)
    return [module.weight_mask.bool() for module in modules]


def lowest_masks(weights, level):
    """Of equal magnitudes the earlier tensor's goes first, then the lower index; torch's sorts put NaN last."""
    scores = torch.cat([weight.double().abs().flatten() for weight in weights])
    keep = torch.ones(scores.numel(), dtype=torch.bool)
    keep[torch.argsort(scores, stable=True)[:round(level * scores.numel())]] = False
    return [part.reshape(weight.shape) for part, weight in zip(keep.split([w.numel() for w in weights]), weights)]


def random_weight(rng, generator, dtype, coarse):
    shape = rng.choice([(7,), (70,), (8, 9), (3, 64), (16, 40), (5, 3, 4), (4, 6, 3, 3), (1, 1)])
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    weight *= rng.choice([0.1, 1, 1, 5])
    if coarse:
        weight = (weight * 2).round() / 2  # many ties, zeros of both signs
    flat = weight.view(-1)
    if rng.random() < 0.2:
        flat[rng.randrange(flat.numel())] = float(rng.choice(["nan", "inf", "-inf"]))
    return weight.to(dtype)


def main():
    rng, generator = random.Random(84), torch.Generator().manual_seed(84)
    tensors, metadata = [], {}
    for i in range(CASES):
        mixed, dtype, coarse = rng.random() < 0.3, rng.choice(DTYPES), rng.random() < 0.5
        weights = [random_weight(rng, generator, rng.choice(DTYPES) if mixed else dtype, coarse)
                   for _ in range(rng.randint(1, 5))]
        if i == 0:
            weights = [torch.ones(4), torch.ones(100, 50), torch.ones(3, 3)]
        level = rng.choice(LEVELS)
        name = f"{i:04}"
        metadata[name] = f"{level} {len(weights)}"
        for j, (weight, aten, lowest) in enumerate(zip(weights, peer_masks(weights, level),
                                                       lowest_masks(weights, level))):
            tensors += [(f"{name}.{j}.weight", weight), (f"{name}.{j}.aten", packed(aten)),
                        (f"{name}.{j}.lowest", packed(lowest))]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "global_goldens.safetensors")
    cases.write_tensors(path, tensors, metadata)
    print(f"{len(metadata)} cases, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
