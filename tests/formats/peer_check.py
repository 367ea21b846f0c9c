#!/usr/bin/env python3
"""Exports every fixture through formats_tool and loads the result in PyTorch and safetensors: each tensor must be the
source's with the masks applied, TorchScript must run, pickles and code must be byte for byte the same.

    python peer_check.py PATH/TO/formats_tool [CHECKPOINT…]

Without checkpoints: the fixtures beside this script. Exit status 0 if everything holds, 77 if there is nothing."""
import json
import pathlib
import subprocess
import sys
import tempfile
import types
import warnings
import zipfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

warnings.simplefilter("ignore")
TOOL = sys.argv[1]
FIXTURES = pathlib.Path(__file__).parent / "fixtures"


class AnyModule(types.ModuleType):
    """Stands for a module whose classes are not installed."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        base = dict if name == "AttributeDict" else nn.Module if name[0].isupper() and name != "Metric" else object
        made = type(name, (base,), {"__module__": self.__name__})
        setattr(self, name, made)
        return made


for absent in ("gone_net", "gone_lightning", "model"):
    sys.modules[absent] = AnyModule(absent)


def walk(value, prefix=""):
    if isinstance(value, torch.Tensor):
        if value.layout == torch.strided:  # others are left alone
            yield prefix or "tensor", value
    elif isinstance(value, nn.Module):
        for name, tensor in value.state_dict().items():
            yield (f"{prefix}.{name}" if prefix else name), tensor
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from walk(item, f"{prefix}.{i}" if prefix else str(i))


def is_script(path):
    return zipfile.is_zipfile(path) and any(n.endswith("/constants.pkl") for n in zipfile.ZipFile(path).namelist())


def is_safetensors(path):
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"


def load(path):
    """Names and tensors of any checkpoint, by the libraries it was made for."""
    if path.suffix == ".json":
        weight_map = json.loads(path.read_text())["weight_map"]
        shards = {shard: load_file(path.parent / shard) for shard in set(weight_map.values())}
        return {name: shards[shard][name] for name, shard in weight_map.items()}
    if is_safetensors(path):
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}
    if is_script(path):
        module = torch.jit.load(path)
        return dict(module.named_parameters()) | dict(module.named_buffers())
    return dict(walk(torch.load(path, map_location="cpu", weights_only=False)))


def same(a, b):
    """Equal to the last bit, whatever the dtype."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.is_quantized:
        return torch.equal(a.int_repr(), b.int_repr())
    a, b = a.detach().contiguous().flatten(), b.detach().contiguous().flatten()
    return a.numel() == 0 or torch.equal(a.view(torch.uint8), b.view(torch.uint8))


def mask_storages(tensors, masks):
    """Applies masks in place, so that views of one storage are pruned together, as in an export."""
    for name, mask in masks.items():
        with torch.no_grad():
            values = tensors[name].detach()
            (values.view(torch.uint8) if values.element_size() == 1 else values)[mask == 0] = 0



def check(source, folder, format):
    folder = pathlib.Path(folder)
    sharded = source.suffix == ".json" and format == "own"
    out, masks_file = folder / (source.name if sharded else "out"), folder / "masks"
    run = subprocess.run([TOOL, source, out, format, masks_file], capture_output=True, text=True)
    if run.returncode:
        if "cannot hold" in run.stderr:
            return f"cannot be {format}: " + run.stderr.strip()[:90]
        raise AssertionError(run.stderr)
    masks = load_file(masks_file)
    expected, written = load(source), load(out)
    expanded = [name for name, t in expected.items() if name in masks and any(s == 0 < n for s, n in zip(t.stride(), t.shape) if n > 1)]
    for name in expanded:  # PyTorch does not write through these; every element is one
        expected[name] = expected[name].clone()
    mask_storages(expected, masks)
    assert list(expected) == list(written) or format != "own", "names or order differ"
    assert set(expected) == set(written), set(expected) ^ set(written)
    for name, tensor in expected.items():
        if name in expanded:
            assert bool((written[name][masks[name] == 0] == 0).all()), name
        else:
            assert same(tensor, written[name]), f"{name} differs"
    if format == "own" and is_script(source):
        check_script(source, out)
    if format == "torch-zip" and zipfile.is_zipfile(out) and not zipfile.is_zipfile(source):
        simple = source.suffix == ".safetensors" or source.name.startswith("state_dict")
        torch.load(out, map_location="cpu", weights_only=simple)
    return f"{len(written)} tensors, {len(masks)} pruned"


def check_script(source, out):
    before, after = zipfile.ZipFile(source), zipfile.ZipFile(out)
    assert after.testzip() is None
    assert before.namelist() == after.namelist()
    for name in before.namelist():
        if "/data/" not in name:
            assert before.read(name) == after.read(name), name
    module = torch.jit.load(out)
    if source.parent == FIXTURES:
        result = module(torch.ones(1, 1, 5, 5))
        assert torch.isfinite(result).all()
        reference = torch.jit.load(source)
        with torch.no_grad():  # the source with the same zeros gives the same output
            for (_, a), (_, b) in zip(reference.named_parameters(), module.named_parameters()):
                a.copy_(b)
        assert torch.equal(reference(torch.ones(1, 1, 5, 5)), result)


def main():
    sources = [pathlib.Path(p) for p in sys.argv[2:] if pathlib.Path(p).exists()]
    if len(sys.argv) > 2 and not sources:
        print("skipped: none of the checkpoints is there")
        return 77
    if len(sys.argv) == 2:
        sources = [FIXTURES / name for name in json.loads((FIXTURES / "expected.json").read_text())]
    failed = 0
    for source in sources:
        for format in ("own", "safetensors", "torch-zip"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    print(f"ok      {source.name} as {format}: {check(source, folder, format)}")
                except Exception as problem:  # noqa: BLE001: every failure is counted and shown
                    failed += 1
                    print(f"FAILED  {source.name} as {format}: {type(problem).__name__}: {str(problem)[:300]}")
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
