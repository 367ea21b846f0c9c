#!/usr/bin/env python3
"""What enters each layer of the demo networks, by forward hooks in Python: Σ x² of every input feature over all images.

    tests/support/run_peer.sh tests/torch/peer_calibration.py DEMO_FOLDER calibration.json           # compares with the frozen summary
    tests/support/run_peer.sh tests/torch/peer_calibration.py DEMO_FOLDER calibration.json --write   # makes it

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 with safetensors is not installed."""

import json
import pathlib
import sys

from peer_torch import need

need("safetensors")
import torch
from safetensors.torch import load_file


def network(demo: pathlib.Path, name: str) -> torch.nn.Module:
    """The demo network as Python runs it (hooks need that), with the weights of the TorchScript file."""
    sys.path.insert(0, str(demo))
    sys.dont_write_bytecode = True
    try:
        import train
    except ImportError as error:
        print(f"skipped: {error}; train.py makes the demo networks")
        sys.exit(77)
    model = {"digits_cnn": train.DigitsCnn, "digits_transformer": train.DigitsTransformer}[name]()
    model.load_state_dict(torch.jit.load(str(demo / f"{name}.pt")).state_dict())
    return model.eval()


def sums(model: torch.nn.Module, images: torch.Tensor) -> dict[str, dict]:
    seen: dict[str, dict] = {}

    def hook(name: str, convolution: bool):
        def look(module: torch.nn.Module, inputs: tuple) -> None:
            x = inputs[0].double()
            x = x.movedim(1, -1) if convolution else x
            squares = x.flatten(0, -2).square().sum(0)
            seen[name] = {
                "rows": x.numel() // x.shape[-1],
                "features": x.shape[-1],
                "sum": squares.sum().item(),
                "first": squares[0].item(),
                "last": squares[-1].item(),
            }

        return look

    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d)):
            module.register_forward_pre_hook(hook(f"{name}.weight", isinstance(module, torch.nn.Conv2d)))
    with torch.no_grad():
        model(images)
    return seen


def close(ours: dict, theirs: dict) -> bool:
    return ours.keys() == theirs.keys() and all(
        abs(ours[key] - theirs[key]) <= 1e-5 * abs(theirs[key]) for key in theirs
    )


def main(demo: pathlib.Path, frozen: pathlib.Path, write: bool) -> None:
    images = load_file(demo / "digits_test.safetensors")["inputs"]
    networks = ("digits_cnn", "digits_transformer")
    found = {name: sums(network(demo, name), images) for name in networks}
    if write:
        frozen.write_text(json.dumps(found, indent=1) + "\n")
    expected = json.loads(frozen.read_text())
    for name_of_network, layers in found.items():
        assert layers.keys() == expected[name_of_network].keys(), name_of_network
        for name, values in layers.items():
            assert close(expected[name_of_network][name], values), f"{name_of_network} {name}: {expected[name_of_network][name]}, now {values}"
    print("the frozen calibration is PyTorch's")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), "--write" in sys.argv)
