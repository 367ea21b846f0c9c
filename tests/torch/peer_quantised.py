#!/usr/bin/env python3
"""Converts the demo networks, pruned, to sparse quantised linear layers with lacuna-cli and holds the files against
PyTorch: they load, they compute what `lacuna-cli eval` says, every converted layer computes bit for bit what PyTorch's
dense quantised operator gives for the same integers, and those are the pruned weights rounded.

    tests/support/run_peer.sh tests/torch/peer_quantised.py PATH/TO/lacuna-cli DEMO_FOLDER

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 with safetensors is not installed."""

import pathlib
import subprocess
import sys
import tempfile

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file

from peer_files import demand_equal_accuracy, evaluate, prune

LAYERS = {"digits_cnn": '["fc*.weight"]', "digits_transformer": '["blocks.*.mlp.*.weight", "*.attention.*.weight"]'}
ENGINES = {"sparse_quantized_static": "fbgemm", "sparse_quantized_dynamic": "qnnpack"}


def main(cli: str, demo: pathlib.Path) -> None:
    data = demo / "digits_test.safetensors"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for network, layers in LAYERS.items():
            pruned = folder / f"{network}.pt"
            prune(cli, demo / f"{network}.pt", pruned, layers, 0.6)
            for conversion, engine in ENGINES.items():
                torch.backends.quantized.engine = engine
                out = folder / f"{network}_{engine}.pt"
                run = [cli, "convert", pruned, "--to", conversion, "--out", out, "--data", data]
                subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
                check(cli, pruned, out, data, conversion)


def check(cli: str, pruned: pathlib.Path, out: pathlib.Path, data: pathlib.Path, conversion: str) -> None:
    before, after = torch.jit.load(str(pruned)), torch.jit.load(str(out))
    samples = load_file(data)
    with torch.no_grad():
        # in the batches that `lacuna-cli eval` takes: dynamic ranges are those of a batch
        logits = torch.cat([after(batch) for batch in samples["inputs"].split(64)])
    said, masked = evaluate(cli, out, data), evaluate(cli, pruned, data)
    demand_equal_accuracy(said, logits, samples["labels"], out)
    assert abs(said["accuracy"] - masked["accuracy"]) <= 0.02, f"{said} against {masked} before the conversion"
    layers = 0
    for fqn, layer in after.named_modules():
        if getattr(layer, "original_name", "").startswith("Sparse"):
            layers += 1
            check_layer(fqn, layer, before, conversion)
    assert layers == (2 if "cnn" in out.name else 18), f"{layers} layers are sparse"
    print(f"{out.name}: {layers} layers, accuracy {said['accuracy']:.4f} ({masked['accuracy']:.4f} before)")


def check_layer(fqn: str, layer, before, conversion: str) -> None:
    weight, bias, block = torch.ops.sparse.qlinear_unpack(layer._packed_params)
    original = dict(before.named_parameters())[f"{fqn}.weight"].detach()
    assert block == [1, 4]
    scales = (original.abs().amax(1) / 127.5).clamp_min(torch.finfo(torch.float32).eps)
    expected = torch.quantize_per_channel(original, scales.double(), torch.zeros(len(scales)).long(), 0, torch.qint8)
    assert torch.equal(weight.int_repr(), expected.int_repr()), f"{fqn}: other integers"
    assert torch.equal(weight.int_repr() == 0, (original == 0) | (expected.int_repr() == 0)), f"{fqn}: zeros"
    x = torch.randn(5, original.shape[1])
    dense = torch.ops.quantized.linear_prepack(weight, bias)
    if conversion.endswith("dynamic"):
        result = torch.ops.quantized.linear_dynamic(x, dense)
    else:
        q = torch.quantize_per_tensor(x, layer.input_scale, layer.input_zero_point, torch.quint8)
        result = torch.ops.quantized.linear(q, dense, layer.scale, layer.zero_point).dequantize()
    assert torch.equal(layer(x), result), f"{fqn}: sparse and dense differ"


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
