#!/usr/bin/env python3
"""Writes custom_norm_goldens.safetensors: small weights and the masks that torch.ao.pruning 2.11's WeightNormSparsifier
gave them with a callable norm, so that ctest compares without Python. Run it in a Python with torch 2.11.0.

For case NNNN there are NNNN.weight, NNNN.aten (the peer's mask, eight weights a byte, lowest bit first) and, in the
metadata, NNNN: the norm's name, then the case as cases.h reads it.
"""

import os
import random

import torch

import cases
import peer
from make_goldens import packed

CASES = 90
NORMS = {"cube": lambda x: x * x * x, "negated": lambda x: -x, "shifted": lambda x: x.abs() - 1}


def main():
    rng, generator = random.Random(33), torch.Generator().manual_seed(33)
    tensors, metadata = [], {}
    while len(metadata) < CASES:
        weight, case, kind = cases.random_case(rng, generator)
        if weight.numel() > 400 or weight.dtype == torch.float64 or kind == "specials":
            continue
        norm, name = rng.choice(list(NORMS)), f"{len(metadata):04}"
        mask = peer.weight_norm(weight, case["level"], case["block"], case["zeros"], NORMS[norm], case["steps"])
        metadata[name] = f"{norm} {cases.text_of(case, 'aten')}"
        tensors += [(name + ".weight", weight), (name + ".aten", packed(mask))]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "custom_norm_goldens.safetensors")
    cases.write_tensors(path, tensors, metadata)
    print(f"{len(metadata)} cases, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main()
