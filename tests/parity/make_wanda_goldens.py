#!/usr/bin/env python3
"""Writes wanda_goldens.safetensors: weights, sums of squares of their inputs, and the masks that Wanda's rule gives, so
that ctest compares without Python. Run it in a Python with torch 2.11.0.

The rule is upstream's WandaSparsifier (torchao), told again in torch operations: score |w| times the norm of its input
feature, argsort, the first so many of the layer or of each block go. With the options that differ from upstream (norm l2,
scope row) the same operations run on rows and roots.

For case NNNN there are NNNN.weight, NNNN.squares, NNNN.aten (by torch.argsort as upstream calls it, eight weights a byte,
lowest bit first), NNNN.lowest (by a stable sort) and, in the metadata, NNNN: level, block size, norm, scope, and the
weight's dimension that the inputs lie along.
"""

import os
import random

import torch

import cases
from make_goldens import packed

CASES = 240


def lowest_of(scores, width, count, stable):
    """A mask over a matrix of scores: 0 for the `count` lowest of every `width` consecutive ones."""
    keep = torch.ones_like(scores, dtype=torch.bool)
    order = torch.argsort(scores.reshape(-1, width), dim=1, stable=stable)[:, :count]
    return keep.reshape(-1, width).scatter_(1, order, False).reshape(scores.shape)


def ragged(scores, width, count):
    """The same with groups that end with their row, by stable sorts."""
    parts = [lowest_of(part.contiguous(), part.shape[1], min(count, part.shape[1]), True)
             for part in scores.split(width, dim=1)]
    return torch.cat(parts, dim=1)


def wanda(weight, squares, level, size, norm, scope, stable):
    """`weight` is (out, in, …), its inputs along dimension 1; the squares may be those of several groups of inputs."""
    wide = weight if weight.dtype == torch.float64 else weight.float()
    groups = len(squares) // weight.shape[1]
    feature = (squares if norm == "l2_squared" else squares.sqrt()).to(wide.dtype)
    feature = feature.reshape(groups, weight.shape[1]).repeat_interleave(weight.shape[0] // groups, dim=0)
    scores = wide.abs() * feature.reshape(feature.shape + (1,) * (weight.dim() - 2))
    if size > 0:
        moved = scores.movedim(1, -1)
        matrix = moved.reshape(-1, weight.shape[1])
        mask = ragged(matrix, size, size // 2) if matrix.shape[1] % size else \
            lowest_of(matrix.contiguous(), size, size // 2, stable)
        return mask.reshape(moved.shape).movedim(-1, 1).contiguous()
    matrix = scores.flatten(1)
    width = matrix.shape[1] if scope == "row" else matrix.numel()
    return lowest_of(matrix, width, int(level * width), stable).reshape(weight.shape)


def main():
    rng, generator = random.Random(36), torch.Generator().manual_seed(36)
    tensors, metadata = [], {}
    for i in range(CASES):
        shape = rng.choice([(4, 4), (8, 16), (5, 40), (16, 7), (3, 300), (40, 33), (4, 6, 3), (8, 4, 3, 3), (6, 16, 2, 2)])
        dtype = rng.choice([torch.float32, torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16])
        weight, _ = cases.random_weight(rng, shape, dtype, generator)
        groups = rng.choice([1, 1, 2]) if len(shape) > 2 and shape[0] % 2 == 0 else 1
        squares = (torch.randn(groups * shape[1], generator=generator, dtype=torch.float64) * 3) ** 2
        if rng.random() < 0.4:
            squares = squares.round()  # ties, and features that never were anything but 0
        squares = squares.float().double()  # as upstream's observer holds them
        level = rng.choice([0.0, 0.1, 0.29, 0.5, 0.5, 0.75, 0.999, 1.0])
        size = rng.choice([0, 0, 0, 2, 4, 4, 8, 5])
        norm, scope = rng.choice(["l2", "l2_squared"]), rng.choice(["row", "layer"])
        along = 0 if groups == 1 and rng.random() < 0.15 else 1
        name = f"{i:04}"
        metadata[name] = f"{level} {size} {norm} {scope} {along}"
        masks = [wanda(weight, squares, level, size, norm, scope, stable) for stable in (False, True)]
        if along == 0:
            weight, masks = weight.transpose(0, 1), [mask.transpose(0, 1).contiguous() for mask in masks]
        tensors += [(name + ".weight", weight), (name + ".squares", squares), (name + ".lowest", packed(masks[1]))]
        if size == 0 or shape[1] % size == 0:  # upstream fails on others
            tensors.append((name + ".aten", packed(masks[0])))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wanda_goldens.safetensors")
    cases.write_tensors(path, tensors, metadata)
    print(f"{len(metadata)} cases, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
