#!/usr/bin/env python3
"""Compares Lacuna's masks with torch.ao.pruning's on random cases, bit for bit (`ties: aten`), and checks what
`ties: lowest` promises against an independent selection written here.

usage: fuzz.py MASK_TOOL [CASES] [SEED]        MASK_TOOL: build/<preset>/bin/mask_tool
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile

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


def text_of(case, ties, may_tie=1):
    rows, columns = case["block"]
    return (f"weight_norm {case['level']!r} {rows} {columns} {case['zeros']} {case['norm']} {ties} "
            f"{case['steps']} {may_tie}")


DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def write_cases(path, weights, texts):
    """A safetensors file that keeps the order of its tensors."""
    header, data, offset = {"__metadata__": {}}, [], 0
    for i, (weight, text) in enumerate(zip(weights, texts)):
        raw = weight.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        name = f"c{i:06}"
        header["__metadata__"][name] = text
        header[name] = {"dtype": DTYPES[weight.dtype], "shape": list(weight.shape),
                        "data_offsets": [offset, offset + len(raw)]}
        data.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def run_tool(tool, weights, texts):
    """Lacuna's masks, one boolean tensor a case."""
    with tempfile.TemporaryDirectory() as folder:
        cases, out = os.path.join(folder, "cases.safetensors"), os.path.join(folder, "masks")
        write_cases(cases, weights, texts)
        subprocess.run([tool, cases, out], check=True)
        words = np.fromfile(out, dtype="<u8")
    masks, at = [], 0
    for weight in weights:
        count = (weight.numel() + 63) // 64
        bits = np.unpackbits(words[at:at + count].view(np.uint8), bitorder="little")[:weight.numel()]
        masks.append(torch.from_numpy(bits.astype(bool)).reshape(weight.shape))
        at += count
    if at != len(words):
        raise SystemExit(f"error: mask_tool wrote {len(words)} words, {at} were due")
    return masks


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


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    cases = [random_case(rng, generator) for _ in range(count)]
    weights = [weight for weight, _, _ in cases]
    differences = 0
    for ties, expected in (
            ("aten", lambda w, c: peer.weight_norm(w, c["level"], c["block"], c["zeros"], c["norm"], c["steps"])),
            ("lowest", lowest_mask)):
        masks = run_tool(tool, weights, [text_of(case, ties) for _, case, _ in cases])
        for i, (weight, case, kind) in enumerate(cases):
            want = expected(weight, case)
            if not torch.equal(masks[i], want):
                differences += 1
                if differences <= 10:
                    print(f"case {i} ties {ties}: {kind} {tuple(weight.shape)} {weight.dtype} {case}: "
                          f"{int((masks[i] != want).sum())} bits differ, zeros {int((~masks[i]).sum())} and "
                          f"{int((~want).sum())}")
    print(f"{count} cases, each with ties aten (against torch {torch.__version__}) and lowest: "
          f"{differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
