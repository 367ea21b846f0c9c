#!/usr/bin/env python3
"""Freezes cases of every rule with the masks of PyTorch 2.11 (`aten`) and of the literal rules (`lowest`) after each step,
so that ctest compares without Python.

usage: tests/support/run_peer.sh tests/parity/goldens.py [FAMILY...]
It writes goldens/FAMILY.safetensors; no FAMILY: all.
"""

import pathlib
import random
import sys

from peer_torch import need

need("numpy")
import torch

import cases
import families
import literal
import peer
from cases import Case

HERE = pathlib.Path(__file__).resolve().parent / "goldens"
COUNTS = {"weight_norm": 310, "custom_norm": 90, "data_norm": 210, "nearly_diagonal": 60, "n_m": 90, "magnitude": 170,
          "wanda": 220}
LARGEST = 600  # weights of a case that chance made


def upstreams_levels(rule, norm, levels):
    """Upstream's own test of levels, 85 layers."""
    for level in levels:
        for block in ((1, 1), (1, 4), (2, 2), (4, 1)):
            for zeros in range(block[0] * block[1] + 1):
                options = {"sparsity_level": level, "sparse_block_shape": block, "zeros_per_block": zeros, "norm": norm}
                if rule == "weight_norm":
                    options["score"] = "masked"
                yield Case(rule, options, [[torch.ones(12, 12)]])


def chosen_weight_norm(generator):
    """Large enough for every path, and upstream's own."""
    plain = {"sparsity_level": 0.5, "sparse_block_shape": (1, 1), "zeros_per_block": 1, "norm": "2", "score": "masked"}
    randn = lambda *shape: torch.randn(shape, generator=generator)
    coarse = (randn(96, 130) * 2).round() / 2

    def one(weight, steps=({},), **options):
        return Case("weight_norm", plain | options, [[weight]] * len(steps), list(steps))

    yield one(randn(96, 130))
    yield one(coarse)
    yield one(coarse, sparsity_level=0.01)
    yield one(coarse, steps=({}, {}, {}), sparsity_level=0.3)
    yield one(coarse, steps=({}, {"sparsity_level": 0.9}, {"sparsity_level": 0.4}, {"sparsity_level": 0.6}))
    yield one(coarse, sparse_block_shape=(1, 4), zeros_per_block=4)
    yield one(coarse, sparse_block_shape=(3, 7), zeros_per_block=21)
    yield one(coarse[:, :128], sparse_block_shape=(1, 4), zeros_per_block=2, sparsity_level=1.0)
    yield one(coarse[:, :128], sparse_block_shape=(1, 128), zeros_per_block=60, sparsity_level=0.7)
    yield one(coarse[:, :128], sparse_block_shape=(16, 8), zeros_per_block=2, sparsity_level=1.0)
    yield one(torch.ones(80, 90), sparsity_level=0.37)
    yield one(randn(16, 24, 3, 3).half(), sparse_block_shape=(1, 4), zeros_per_block=2, sparsity_level=1.0)
    yield one(randn(16, 24, 3, 3).bfloat16(), sparse_block_shape=(1, 4), zeros_per_block=4)
    yield from upstreams_levels("weight_norm", "2", (-1.0, 0.0, 0.5, 1.0, 2.0))


def chosen_data_norm(generator):
    """The peer's bugs, and upstream's own sizes."""
    plain = {"sparsity_level": 0.5, "sparse_block_shape": (1, 4), "zeros_per_block": 4, "norm": "L1"}
    for shape in ((8,), (8, 1), (1, 8), (1, 4, 4), (30,), (4, 1, 6), (1, 1)):
        for zeros in (4, 2):
            data = torch.randn(shape, generator=generator)
            yield Case("data_norm", plain | {"zeros_per_block": zeros}, [[data]])
    yield Case("data_norm", plain | {"sparsity_level": 0.99}, [[torch.randn(4, 8, generator=generator)]])
    yield from upstreams_levels("data_norm", "L1", (0.0, 0.25, 0.5, 1.0, 2.0))


def chosen_magnitude(generator):
    options = {"sparsity_level": 0.4, "sparse_block_shape": (1, 1), "score": "masked"}
    yield Case("magnitude", options, [[torch.ones(4), torch.ones(100, 50), torch.ones(3, 3)]])


CHOSEN = {"weight_norm": chosen_weight_norm, "data_norm": chosen_data_norm, "magnitude": chosen_magnitude}


def small(case):
    """What a file keeps: few weights, or a few steps of them."""
    tensors = {id(weight): weight.numel() for weights in case.weights for weight in weights}
    return sum(tensors.values()) <= LARGEST and len(case.steps) <= 4


def freeze(name):
    seed = 40 + list(COUNTS).index(name)
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    drawn = list(CHOSEN[name](generator)) if name in CHOSEN else []
    while len(drawn) < COUNTS[name]:
        case = families.FAMILIES[name](rng, generator)
        if small(case):
            drawn.append(case)
    masks = [(kind, [oracle.MASKS[case.rule](case) for case in drawn])
             for kind, oracle in (("aten", peer), ("lowest", literal))]
    HERE.mkdir(exist_ok=True)
    path = HERE / f"{name}.safetensors"
    cases.write(path, drawn, masks)
    held = [sum(isinstance(step, list) for outcomes in of_kind for step in outcomes) for _, of_kind in masks]
    print(f"{name}: {len(drawn)} cases, {held[0]} steps by aten, {held[1]} by lowest, {path.stat().st_size} bytes")


def main():
    torch.set_num_threads(1)
    for name in sys.argv[1:] or COUNTS:
        freeze(name)


if __name__ == "__main__":
    main()
