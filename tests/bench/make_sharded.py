#!/usr/bin/env python3
"""Writes a checkpoint in shards, with the shapes of a language model, of any size: make_sharded.py FOLDER GIGABYTES
[--dtype BF16|F32] [--shard-gigabytes 4]. Weights are normally distributed; every tensor has its own scale and its own
run of them. Needs numpy."""
import argparse
import json
import pathlib
import struct

import numpy

LAYER = [("self_attn.q_proj.weight", (4096, 4096)), ("self_attn.o_proj.weight", (4096, 4096)),
         ("mlp.gate_proj.weight", (11008, 4096)), ("mlp.down_proj.weight", (4096, 11008)),
         ("input_layernorm.weight", (4096,))]


def tensors(total, size):
    """Names and shapes of a model of about `total` bytes, `size` bytes a weight."""
    yield "model.embed_tokens.weight", (32000, 4096)
    done, layer = 32000 * 4096 * size, 0
    while done < total:
        for name, shape in LAYER:
            yield f"model.layers.{layer}.{name}", shape
            done += int(numpy.prod(shape)) * size
        layer += 1


def in_shards(model, size, limit):
    shard, used = [], 0
    for name, shape in model:
        count = int(numpy.prod(shape)) * size
        if shard and used + count > limit:
            yield shard
            shard, used = [], 0
        shard.append((name, shape))
        used += count
    yield shard


def raw(values, dtype):
    """Little-endian bytes; BF16 is the upper half of a float32, rounded to nearest even."""
    if dtype == "F32":
        return values.tobytes()
    bits = values.view(numpy.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(numpy.uint16).tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("gigabytes", type=float)
    parser.add_argument("--dtype", choices=["BF16", "F32"], default="BF16")
    parser.add_argument("--shard-gigabytes", type=float, default=4)
    given = parser.parse_args()
    size = 4 if given.dtype == "F32" else 2
    model = tensors(given.gigabytes * 1e9, size)
    shards = list(in_shards(model, size, given.shard_gigabytes * 1e9))
    given.folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(5)
    pool = random.standard_normal(1 << 26, dtype=numpy.float32)
    weight_map, total = {}, 0
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        header, end = {"__metadata__": {"format": "pt"}}, 0
        for tensor, shape in shard:
            begin, end = end, end + int(numpy.prod(shape)) * size
            header[tensor] = {"dtype": given.dtype, "shape": shape, "data_offsets": [begin, end]}
            weight_map[tensor] = name
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(given.folder / name, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor, shape in shard:
                left, scale = int(numpy.prod(shape)), numpy.float32(random.uniform(0.01, 0.1))
                start = int(random.integers(len(pool)))
                while left:
                    run = pool[start:start + min(left, 1 << 22)] * scale
                    file.write(raw(run, given.dtype))
                    left -= len(run)
                    start = (start + len(run)) % len(pool)
        total += end
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (given.folder / "model.safetensors.index.json").write_text(json.dumps(index))


main()
