#!/usr/bin/env python3
"""Writes goldens.safetensors: small weights, what to do to them, and the masks that torch.ao.pruning 2.11 gave, so that
ctest compares without Python. Run it in a Python with torch 2.11.0.

For case NNNN there are NNNN.weight, NNNN.aten (the peer's mask, eight weights a byte, lowest bit first), NNNN.lowest (the
mask by stable sorts, where the options have ties) and, in the metadata, NNNN: the case as cases.h reads it.
"""

import os
import random

import numpy as np
import torch

import cases
import peer

RANDOM_CASES = 260


def packed(mask):
    return torch.from_numpy(np.packbits(mask.numpy().flatten(), bitorder="little"))


def chosen(generator):
    """Cases that must be there whatever the random ones are: large enough for every path, and upstream's own."""
    randn = lambda *shape: torch.randn(shape, generator=generator)
    coarse = (randn(96, 130) * 2).round() / 2
    plain = dict(level=0.5, block=(1, 1), zeros=1, norm=2, steps=1)
    yield randn(96, 130), plain
    yield coarse, plain
    yield coarse, plain | dict(level=0.01)
    yield coarse, plain | dict(steps=3, level=0.3)
    yield coarse, plain | dict(block=(1, 4), zeros=4)
    yield coarse, plain | dict(block=(3, 7), zeros=21)
    yield coarse[:, :128], plain | dict(block=(1, 4), zeros=2, level=1.0)
    yield coarse[:, :128], plain | dict(block=(1, 128), zeros=1, level=1.0)
    yield coarse[:, :128], plain | dict(block=(1, 128), zeros=60, level=0.7)
    yield coarse[:, :128], plain | dict(block=(16, 8), zeros=2, level=1.0)
    yield torch.ones(80, 90), plain | dict(level=0.37)
    yield randn(16, 24, 3, 3).half(), plain | dict(block=(1, 4), zeros=2, level=1.0)
    yield randn(16, 24, 3, 3).bfloat16(), plain | dict(block=(1, 4), zeros=4)
    for level in (-1.0, 0.0, 0.5, 1.0, 2.0):
        for block in ((1, 1), (1, 4), (2, 2), (4, 1)):
            for zeros in range(block[0] * block[1] + 1):
                yield torch.ones(12, 12), dict(level=level, block=block, zeros=zeros, norm=2, steps=1)


def main():
    rng, generator = random.Random(211), torch.Generator().manual_seed(211)
    drawn = list(chosen(generator))
    while len(drawn) < RANDOM_CASES + 98:
        weight, case, _ = cases.random_case(rng, generator)
        if weight.numel() <= 400:
            drawn.append((weight, case))
    tensors, metadata = [], {}
    for i, (weight, case) in enumerate(drawn):
        name = f"{i:04}"
        metadata[name] = cases.text_of(case, "aten")
        tensors += [(name + ".weight", weight), (name + ".aten", packed(cases.peer_mask(weight, case))),
                    (name + ".lowest", packed(cases.lowest_mask(weight, case)))]
    for shape, nearliness in (((4, 4), 1), ((5, 3), 3), ((3, 5), 5), ((32, 32), 7), ((32, 32), 63), ((9, 40), 17),
                              ((40, 9), 17), ((3, 3), 5), ((8, 8), 0), ((8, 8), -3), ((70, 70), 1)):
        name = f"{len(metadata):04}"
        weight = torch.ones(shape, dtype=torch.bfloat16)
        metadata[name] = f"nearly_diagonal {nearliness}"
        tensors += [(name + ".weight", weight), (name + ".aten", packed(peer.nearly_diagonal(weight, nearliness)))]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens.safetensors")
    cases.write_tensors(path, tensors, metadata)
    print(f"{len(metadata)} cases, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
