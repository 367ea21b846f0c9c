"""Random cases for the masks: weights of every rank, dtype and oddity, and what to do to them."""

import json
import struct

import numpy as np
import torch

import peer

KINDS = ("normal", "coarse", "zeros", "ones", "specials", "tiny", "large")


def random_weight(rng, shape, dtype, generator):
    """Values with and without ties, zeros, infinities, NaN, underflow and overflow."""
    kind = rng.choice(KINDS)
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == "coarse":
        weight = (weight * 2).round() / 2
    elif kind == "zeros":
        weight = weight * (torch.rand(shape, generator=generator) > 0.7)
    elif kind == "ones":
        weight = torch.ones(shape, dtype=torch.float64)
    elif kind == "specials" and weight.numel():
        flat = weight.flatten()
        for value in (float("inf"), -float("inf"), float("nan"), -0.0, 0.0, 1e-40):
            for _ in range(rng.randint(0, 3)):
                flat[rng.randrange(flat.numel())] = value
        weight = flat.reshape(shape)
    elif kind == "tiny":
        weight = weight * 1e-24
    elif kind == "large":
        weight = weight * 1e25
    return weight.to(dtype), kind


def random_shape(rng):
    rank = rng.choice((1, 2, 2, 2, 2, 3, 4))
    if rank == 1:
        return (rng.randint(1, 200),)
    if rank == 2:
        return (rng.randint(1, 70), rng.randint(1, 70))
    if rank == 3:
        return (rng.randint(1, 10), rng.randint(1, 16), rng.randint(1, 5))
    return (rng.randint(1, 10), rng.randint(1, 16), rng.randint(1, 4), rng.randint(1, 4))


def columns_of(shape, block, zeros):
    if len(shape) == 1:
        return 1, shape[0]
    if len(shape) > 2 and block[0] == 1 and zeros < block[1]:
        return int(np.prod(shape)) // shape[1], shape[1]
    return shape[0], int(np.prod(shape[1:]))


def random_case(rng, generator):
    shape = random_shape(rng)
    dtype = rng.choice((torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16))
    weight, kind = random_weight(rng, shape, dtype, generator)
    block = rng.choice(((1, 1), (1, 2), (1, 4), (1, 4), (1, 8), (1, 16), (4, 1), (2, 2), (4, 4), (3, 5), (7, 2),
                        (1, 3), (8, 8), (1, 80), (80, 1)))
    size = block[0] * block[1]
    zeros = size if rng.random() < 0.5 else rng.randint(0, size)
    if 0 < zeros < size:  # the peer takes no ragged edges here: pick a shape that fits
        rows, columns = columns_of(shape, block, zeros)
        if rows % block[0] or columns % block[1]:
            fit = (block[0] * rng.randint(1, 5), block[1] * rng.randint(1, 5))
            if block[0] == 1 and rng.random() < 0.4:
                fit = (rng.randint(1, 6), fit[1], rng.randint(1, 3), rng.randint(1, 3))
            weight, kind = random_weight(rng, fit, dtype, generator)
    level = rng.choice((-1.0, 0.0, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 0.999, 1.0, 2.0, rng.random()))
    # The peer multiplies by its mask: NaN and infinities that it pruned come back as NaN in a second step.
    steps = 1 if not torch.isfinite(weight.double()).all() else rng.choice((1, 1, 2))
    return weight, dict(level=level, block=block, zeros=zeros, norm=rng.choice((1, 2)), steps=steps), kind


def text_of(case, ties):
    """The case as cases.h reads it."""
    rows, columns = case["block"]
    return f"weight_norm {case['level']!r} {rows} {columns} {case['zeros']} {case['norm']} {ties} {case['steps']}"


def peer_mask(weight, case):
    return peer.weight_norm(weight, case["level"], case["block"], case["zeros"], case["norm"], case["steps"])


DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
          torch.uint8: "U8"}


def write_tensors(path, tensors, metadata):
    """A safetensors file that keeps the order of its tensors: (name, tensor) pairs."""
    header, data, offset = {"__metadata__": metadata}, [], 0
    for name, tensor in tensors:
        raw = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        data.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def lowest_mask(weight, case):
    """`ties: lowest` by stable sorts: blocks by (score, index), then weights of a block by (score, index)."""
    block, zeros, level = case["block"], case["zeros"], case["level"]
    size = block[0] * block[1]
    if level <= 0 or zeros == 0:
        return torch.ones(weight.shape, dtype=torch.bool)
    wide = weight if weight.dtype == torch.float64 else weight.float()
    inner = wide.dim() > 2 and block[0] == 1 and zeros < size
    moved = wide.movedim(1, -1) if inner else wide
    rows, columns = columns_of(tuple(wide.shape), block, zeros)
    matrix = moved.reshape(rows, columns)
    mask = torch.ones(rows, columns, dtype=torch.bool)
    for _ in range(case["steps"]):
        live = torch.where(mask, matrix, torch.zeros((), dtype=matrix.dtype))
        scores = peer.block_scores(live, block, case["norm"])
        n = len(scores)
        k = n if level >= 1 else max(0, min(n - 1, round(level * n)))
        order = torch.sort(scores, stable=True).indices[:k].tolist()
        element = live.abs() if case["norm"] == 1 else live * live
        mask = torch.ones(rows, columns, dtype=torch.bool)
        across = -(-columns // block[1])
        for index in order:
            top, left = index // across * block[0], index % across * block[1]
            part = element[top:top + block[0], left:left + block[1]]
            gone = torch.sort(part.flatten(), stable=True).indices[:zeros]
            kept = torch.ones(part.numel(), dtype=torch.bool)
            kept[gone] = False
            mask[top:top + block[0], left:left + block[1]] = kept.reshape(part.shape)
    if inner:
        return mask.reshape(moved.shape).movedim(-1, 1).contiguous()
    return mask.reshape(weight.shape)
