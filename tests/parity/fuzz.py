#!/usr/bin/env python3
"""Compares Lacuna's masks on random cases, bit for bit: with `ties: aten` to torch.ao.pruning's, with `ties: lowest` to
a selection by stable sorts (cases.py).

usage: fuzz.py MASK_TOOL [CASES] [SEED]        MASK_TOOL: build/<preset>/bin/mask_tool
"""

import os
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch

import cases


def run_tool(tool, weights, texts):
    """Lacuna's masks, one boolean tensor a case."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = os.path.join(folder, "cases.safetensors"), os.path.join(folder, "masks")
        names = [f"c{i:06}" for i in range(len(weights))]
        cases.write_tensors(path, zip(names, weights), dict(zip(names, texts)))
        subprocess.run([tool, path, out], check=True)
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


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    drawn = [cases.random_case(rng, generator) for _ in range(count)]
    weights = [weight for weight, _, _ in drawn]
    differences = 0
    for ties, expected in (("aten", cases.peer_mask), ("lowest", cases.lowest_mask)):
        masks = run_tool(tool, weights, [cases.text_of(case, ties) for _, case, _ in drawn])
        for i, (weight, case, kind) in enumerate(drawn):
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
