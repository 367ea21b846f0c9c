#!/usr/bin/env python3
"""Masks of torch.ao.pruning's DataNormSparsifier (torch 2.11), frozen for ctest or compared on random cases.

usage: data_norm.py goldens OUT.safetensors          what tests/data/data_norm_test.cpp reads
       data_norm.py fuzz MASK_TOOL [CASES] [SEED]     MASK_TOOL: build/<preset>/bin/mask_tool

A golden case NNNN has NNNN.weight, NNNN.aten (the peer's mask), NNNN.lowest (the mask by stable sorts), masks packed eight
values a byte, and in the metadata NNNN: the case as cases.h reads it.
"""

import random
import sys

import numpy as np
import torch
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier

import cases

GOLDENS = 240
LEVELS = (-0.0, 0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 0.99, 1.0, 2.0)
BLOCKS = ((1, 1), (1, 2), (1, 4), (1, 4), (1, 8), (4, 1), (2, 2), (4, 4), (3, 5), (7, 2), (1, 20), (8, 8))


def as_matrix(data, case):
    """The form in which the peer takes the data, and how its mask gets back to the data's shape."""
    wide = data if data.dtype == torch.float64 else data.float()
    squeezed = wide.squeeze()
    if squeezed.dim() <= 2:
        matrix = squeezed.reshape(1, -1) if squeezed.dim() < 2 else squeezed
        return matrix, lambda mask: mask.reshape(data.shape)
    rows, columns = case["block"]
    if rows == 1 and case["zeros"] < columns:
        moved = wide.movedim(1, -1)
        return (moved.reshape(-1, wide.shape[1]),
                lambda mask: mask.reshape(moved.shape).movedim(-1, 1).contiguous())
    return wide.flatten(1), lambda mask: mask.reshape(data.shape)


def peer_mask(data, case):
    matrix, back = as_matrix(data, case)
    if matrix.numel() == 1:  # a single value is squeezed to no dimension, which the peer cannot index
        pruned = round(case["level"]) >= 1 and case["zeros"] > 0
        return torch.full(data.shape, not pruned)
    sparsifier = DataNormSparsifier(None, case["level"], case["block"], case["zeros"], case["norm"])
    if min(matrix.shape) == 1:
        matrix = matrix.flatten()  # what its squeeze leaves
    sparsifier.add_data("data", matrix.contiguous())
    sparsifier.step()
    return back(sparsifier.get_mask("data").bool())


def lowest_mask(data, case):
    """`ties: lowest` by stable sorts: blocks by (score, index), then values of a block by (score, index)."""
    matrix, back = as_matrix(data, case)
    if min(matrix.shape) == 1:
        matrix = matrix.reshape(1, -1)
    height, width = case["block"]
    rows, columns = matrix.shape
    element = matrix.abs() if case["norm"] == "L1" else matrix * matrix
    scores = element[None, None]
    if (height, width) != (1, 1):
        scores = torch.nn.functional.avg_pool2d(scores, (height, width), (height, width), ceil_mode=True)
    scores = scores.flatten()
    taken = min(len(scores), max(0, round(case["level"] * len(scores))))
    mask = torch.ones(rows, columns, dtype=torch.bool)
    across = -(-columns // width)
    for index in torch.sort(scores, stable=True).indices[:taken].tolist():
        top, left = index // across * height, index % across * width
        part = element[top:top + height, left:left + width]
        kept = torch.ones(part.numel(), dtype=torch.bool)
        kept[torch.sort(part.flatten(), stable=True).indices[:case["zeros"]]] = False
        mask[top:top + height, left:left + width] = kept.reshape(part.shape)
    return back(mask)


def random_shape(rng):
    shape = cases.random_shape(rng)
    if rng.random() < 0.2:  # dimensions of size 1, which the peer squeezes
        place = rng.randint(0, len(shape))
        shape = shape[:place] + (1,) + shape[place:]
    return shape


def random_case(rng, generator):
    """A case that the peer can be asked about: it would squeeze a convolution's matrix of one row or column."""
    while True:
        data, case, kind = any_case(rng, generator)
        if data.squeeze().dim() <= 2 or min(as_matrix(data, case)[0].shape) > 1:
            return data, case, kind


def any_case(rng, generator):
    dtype = rng.choice((torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16))
    data, kind = cases.random_weight(rng, random_shape(rng), dtype, generator)
    block = rng.choice(BLOCKS)
    size = block[0] * block[1]
    zeros = size if rng.random() < 0.5 else rng.randint(0, size)
    case = dict(level=rng.choice(LEVELS + (rng.random(),)), block=block, zeros=zeros, norm=rng.choice(("L1", "L2")))
    return data, case, kind


def text_of(case, ties):
    rows, columns = case["block"]
    return f"data_norm {case['level']!r} {rows} {columns} {case['zeros']} {case['norm']} {ties} 1"


def chosen(generator):
    """Cases that must be there: 1.9's bugs, ties in long runs, and upstream's own sizes."""
    plain = dict(level=0.5, block=(1, 4), zeros=4, norm="L1")
    for shape in ((8,), (8, 1), (1, 8), (1, 4, 4), (30,), (4, 1, 6), (1, 1)):
        yield torch.randn(shape, generator=generator), plain
        yield torch.randn(shape, generator=generator), plain | dict(zeros=2)
    yield torch.randn(4, 8, generator=generator), plain | dict(level=0.99)
    for level in (0.0, 0.25, 0.5, 1.0, 2.0):
        for block in ((1, 1), (1, 4), (2, 2), (4, 1)):
            for zeros in range(block[0] * block[1] + 1):
                yield torch.ones(12, 12), dict(level=level, block=block, zeros=zeros, norm="L1")


def packed(mask):
    return torch.from_numpy(np.packbits(mask.numpy().flatten(), bitorder="little"))


def write_goldens(path):
    rng, generator = random.Random(19), torch.Generator().manual_seed(19)
    drawn = list(chosen(generator))
    while len(drawn) < GOLDENS:
        data, case, _ = random_case(rng, generator)
        if data.numel() <= 400:
            drawn.append((data, case))
    tensors, metadata = [], {}
    for i, (data, case) in enumerate(drawn):
        name = f"{i:04}"
        metadata[name] = text_of(case, "aten")
        tensors += [(name + ".weight", data), (name + ".aten", packed(peer_mask(data, case))),
                    (name + ".lowest", packed(lowest_mask(data, case)))]
    cases.write_tensors(path, tensors, metadata)
    print(f"{len(metadata)} cases")


def fuzz(tool, count, seed):
    from fuzz import run_tool
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    drawn = [random_case(rng, generator) for _ in range(count)]
    differences = 0
    for ties, expected in (("aten", peer_mask), ("lowest", lowest_mask)):
        masks = run_tool(tool, [data for data, _, _ in drawn], [text_of(case, ties) for _, case, _ in drawn])
        for i, (data, case, kind) in enumerate(drawn):
            want = expected(data, case)
            if torch.equal(masks[i], want):
                continue
            differences += 1
            if differences <= 10:
                print(f"case {i} ties {ties}: {kind} {tuple(data.shape)} {data.dtype} {case}: "
                      f"{int((masks[i] != want).sum())} bits differ")
    print(f"{count} cases, each with ties aten (against torch {torch.__version__}) and lowest: {differences} differences")
    return 1 if differences else 0


def main():
    if len(sys.argv) >= 3 and sys.argv[1] == "goldens":
        return write_goldens(sys.argv[2])
    if len(sys.argv) >= 3 and sys.argv[1] == "fuzz":
        rest = [int(word) for word in sys.argv[3:5]]
        return fuzz(sys.argv[2], *(rest + [2000, 1][len(rest):]))
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main())
