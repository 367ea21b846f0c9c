#!/usr/bin/env python3
"""Makes the checkpoints under tests/formats/fixtures with PyTorch 2.11 and safetensors, and expected.json: what PyTorch
itself says about their tensors. Run it again only when a fixture is added; the files are committed.

    python tests/formats/make_fixtures.py
"""
import collections
import io
import json
import pathlib
import pickle
import struct
import sys
import types
import warnings
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent / "fixtures"
warnings.simplefilter("ignore")
torch.manual_seed(0)
expected = {}

DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    torch.uint16: "U16", torch.uint32: "U32", torch.uint64: "U64", torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ", torch.float8_e5m2fnuz: "F8_E5M2FNUZ",
    torch.complex64: "C64", torch.complex128: "C128", torch.complex32: "C32", torch.quint8: "QU8",
    torch.float8_e8m0fnu: "F8_E8M0",
}


def expect(file, format, tensors, roles=None):
    """Records name, dtype, shape and strides of (name, tensor) pairs in order."""
    expected[file] = {"format": format, "tensors": [
        {"name": name, "dtype": DTYPES[t.dtype], "shape": list(t.shape), "strides": list(t.stride()),
         "role": (roles or {}).get(name, "unknown")} for name, t in tensors]}


def walk(value, prefix=""):
    """Names tensors as the headless contract says."""
    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, nn.Module):
        for name, tensor in value.state_dict().items():
            yield (f"{prefix}.{name}" if prefix else name), tensor
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from walk(item, f"{prefix}.{i}" if prefix else str(i))


def save(file, value, legacy=False, protocol=2, roles=None):
    torch.save(value, HERE / file, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)
    named = list(walk(value)) if not isinstance(value, torch.Tensor) else [("tensor", value)]
    expect(file, "torch-legacy" if legacy else "torch-zip", named, roles)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.ReLU()
        self.blocks = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("scratch", torch.zeros(2), persistent=False)
        self.nothing = None
        self.register_parameter("absent", None)

    def forward(self, x):
        x = self.act(self.bn(self.conv(x))).mean([2, 3])
        return self.blocks(x) * self.scale


class Recurrent(nn.Module):
    """Its parameters also stand in a list, as those of a recurrent layer do."""

    parts: list[torch.Tensor]

    def __init__(self):
        super().__init__()
        self.weight_ih = nn.Parameter(torch.randn(12, 4))
        self.weight_hh = nn.Parameter(torch.randn(12, 3))
        self.bias_ih = nn.Parameter(torch.randn(12))
        self.bias_hh = nn.Parameter(torch.randn(12))
        self.parts = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    def forward(self, x):
        state = [torch.zeros(len(x), 3), torch.zeros(len(x), 3)]
        return torch.lstm_cell(x, state, self.parts[0], self.parts[1], self.bias_ih, self.bias_hh)[0]


class Scripted(Net):
    def __init__(self):
        super().__init__()
        self.plain = torch.ones(3)
        self.names = ["a", "b"]
        self.sizes = [1, 2]
        self.twin = nn.Linear(6, 4)
        self.twin.weight = self.blocks[2].weight
        self.recurrent = Recurrent()

    def forward(self, x):
        x = self.act(self.bn(self.conv(x))).mean([2, 3])
        x = self.blocks(x) * self.scale + self.plain.sum() * self.sizes[0]
        return self.recurrent(x)


def vanish(module_name, **members):
    """Makes classes that belong to a module nobody else has."""
    module = types.ModuleType(module_name)
    for name, member in members.items():
        member.__module__, member.__qualname__, member.__name__ = module_name, name, name
        setattr(module, name, member)
    sys.modules[module_name] = module


def module_roles(module, prefix=""):
    roles = {prefix + name: "parameter" for name, _ in module.named_parameters(remove_duplicate=False)}
    roles.update({prefix + name: "buffer" for name, _ in module.named_buffers(remove_duplicate=False)})
    return roles


def training_state():
    class AttributeDict(dict):
        pass

    class Metric:
        def __init__(self):
            self.total = torch.ones(2)

    vanish("gone_lightning", AttributeDict=AttributeDict, Metric=Metric)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 1, 5, 5)).sum().backward()
    optimizer.step()
    hyper = AttributeDict(lr=0.1, tensor=torch.ones(2, 2))
    return {"epoch": 3, "big": 1 << 90, "negative": -(1 << 40), "loss": 0.5, "flags": {True, "x"}, "none": None,
            "state_dict": net.state_dict(), "optimizer": optimizer.state_dict(), "hyper_parameters": hyper,
            "metrics": [Metric(), Metric()], "device": torch.device("cpu"), "dtype": torch.float16,
            "size": torch.Size([1, 2]), "function": torch.nn.functional.relu, "array": np.arange(6.0).reshape(2, 3),
            "scalar": np.float64(2.5), "bytes": b"abc", "pairs": [("first", torch.ones(2, 3)), ("second", None)],
            "parameter": nn.Parameter(torch.ones(2, 2)), "counts": collections.Counter("abca"), 5: torch.zeros(1, 2),
            "unicode é": torch.ones(1)}


def views():
    base = torch.arange(24.0)
    matrix = base[4:16].view(3, 4)
    return {"base": base, "offset": base[20:], "matrix": matrix, "transposed": matrix.t(), "expanded":
            torch.ones(1, 3).expand(2, 3), "every_second": torch.arange(20.0).view(4, 5)[:, ::2], "tied": base,
            "zero_dim": torch.tensor(7), "empty": torch.zeros(0, 3), "half": torch.randn(3, 3).half(),
            "cube": torch.randn(2, 3, 4).permute(2, 0, 1)}


def every_dtype():
    tensors = {}
    for dtype in DTYPES:
        if dtype in (torch.quint8,):
            continue
        values = torch.arange(12).reshape(3, 4) % 2
        tensors[str(dtype).removeprefix("torch.")] = values.to(dtype)
    return tensors


def old_views(file):
    """A file as the first PyTorch wrote it: storages that are views of others."""
    base = torch.arange(10.0)
    storage = base.storage()

    class Part:
        def __init__(self, offset, count, key):
            self.pid = ("storage", torch.FloatStorage, "100", "cpu", 10, (key, offset, count))

    class Whole:
        pid = ("storage", torch.FloatStorage, "100", "cpu", 10, None)

    class Tensor:
        def __init__(self, part, shape, stride):
            self.args = (part, 0, shape, stride)

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.args

    class Pickler(pickle._Pickler):
        def persistent_id(self, value):
            return getattr(value, "pid", None) if isinstance(value, (Part, Whole)) else None

    left = Part(2, 4, "101")
    value = {"whole": Tensor(Whole(), (10,), (1,)), "left": Tensor(left, (2, 2), (2, 1)),
             "again": Tensor(left, (4,), (1,)), "right": Tensor(Part(6, 4, "102"), (2, 2), (1, 2))}
    out = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, out, 2)
    pickle.dump(1001, out, 2)
    pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, out, 2)
    Pickler(out, 2).dump(value)
    pickle.dump(["100"], out, 2)
    out.write(struct.pack("<q", 10) + bytes(np.arange(10, dtype="<f4").tobytes()))
    (HERE / file).write_bytes(out.getvalue())
    loaded = torch.load(HERE / file, weights_only=False)
    expect(file, "torch-legacy", list(loaded.items()))


def repack(source, file, method=None):
    """Writes an archive's entries again, all with one method if it is given, the stored ones at multiples of 64 bytes
    as PyTorch has them. What serves stack traces stays out: it quotes PyTorch's sources and paths of this machine."""
    with zipfile.ZipFile(HERE / source) as old:
        entries = [(entry.filename, method or entry.compress_type, old.read(entry)) for entry in old.infolist()]
    with zipfile.ZipFile(HERE / file, "w") as new:
        for name, how, content in entries:
            if name.endswith(".debug_pkl"):
                continue
            entry = zipfile.ZipInfo(name)
            if how == zipfile.ZIP_STORED:
                padding = -(new.start_dir + 30 + len(name) + 4) % 64
                entry.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
            new.writestr(entry, content, how)


def script(file, module):
    torch.jit.save(module, HERE / file)
    repack(file, file)
    loaded = torch.jit.load(HERE / file)
    parameters, buffers = list(loaded.named_parameters()), list(loaded.named_buffers())
    roles = {name: "parameter" for name, _ in parameters} | {name: "buffer" for name, _ in buffers}
    expect(file, "torchscript", parameters + buffers, roles)


def safetensors_files():
    tensors = {name: t for name, t in every_dtype().items() if not name.startswith(("complex32", "complex128"))}
    save_file(tensors, HERE / "dtypes.safetensors", metadata={"format": "pt", "config": '{"a": [1, "é"]}'})
    with open(HERE / "dtypes.safetensors", "rb") as file:  # the library chooses the order
        order = [name for name in json.loads(file.read(struct.unpack("<Q", file.read(8))[0])) if name in tensors]
    expect("dtypes.safetensors", "safetensors", [(name, tensors[name]) for name in order])
    # a header whose length is no multiple of 8, neither sorted by name nor by offset
    weight, bias = torch.randn(3, 4), torch.randn(3)
    header = json.dumps({"z.weight": {"dtype": "F32", "shape": [3, 4], "data_offsets": [12, 60]},
                         "z.bias": {"shape": [3], "data_offsets": [0, 12], "dtype": "F32"}}).encode()
    header += b" " * (len(header) % 8 == 0)
    (HERE / "odd.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bias.numpy().tobytes()
                                           + weight.numpy().tobytes())
    expect("odd.safetensors", "safetensors", [("z.weight", weight), ("z.bias", bias)])
    shards = [{"b.weight": torch.randn(4, 4), "a.weight": torch.randn(3, 3)}, {"c.weight": torch.randn(2, 5)}]
    (HERE / "sharded").mkdir(exist_ok=True)
    weight_map = {}
    for i, shard in enumerate(shards):
        name = f"model-{i + 1:05}-of-00002.safetensors"
        save_file(shard, HERE / "sharded" / name, metadata={"format": "pt"})
        weight_map.update({key: name for key in shard})
    weight_map = dict(sorted(weight_map.items()))
    index = {"metadata": {"total_size": 140}, "weight_map": weight_map}
    (HERE / "sharded" / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
    merged = shards[0] | shards[1]
    expect("sharded/model.safetensors.index.json", "safetensors-sharded", [(name, merged[name]) for name in weight_map])


def main():
    HERE.mkdir(exist_ok=True)
    safetensors_files()
    net = Net().eval()
    for legacy, ending in ((False, "pt"), (True, "legacy.pt")):
        save(f"state_dict.{ending}", net.state_dict(), legacy)
        save(f"views.{ending}", views(), legacy)
        save(f"protocol4.{ending}", {"a": torch.randn(2, 3), "n": [torch.ones(2)]}, legacy, protocol=4)
    training = training_state()
    save("training.ckpt", training, roles={"parameter": "parameter"})
    save("training.legacy.ckpt", training, True, roles={"parameter": "parameter"})
    del sys.modules["gone_lightning"]
    save("tensor.pt", torch.randn(3, 2))
    save("list.pt", [torch.randn(2, 2), (torch.ones(1), {"k": torch.zeros(2, 1)})])
    save("dtypes.pt", every_dtype())
    repack("state_dict.pt", "deflated.pt", zipfile.ZIP_DEFLATED)
    expected["deflated.pt"] = expected["state_dict.pt"]
    quantised = torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 8, torch.quint8)
    sparse = torch.eye(3).to_sparse()
    torch.save({"q": quantised, "sparse": sparse, "dense": torch.ones(2, 2)}, HERE / "special.pt")
    expect("special.pt", "torch-zip", [("q", quantised), ("dense", torch.ones(2, 2))])

    class GoneNet(Net):
        pass

    vanish("gone_net", GoneNet=GoneNet)
    gone = GoneNet()
    save("module.pt", gone, roles=module_roles(gone))
    # old files carry the source of each class; that of PyTorch's own does not belong here
    torch.serialization.get_source_lines_and_file = lambda *_: (["class Source: pass\n"], 1, "source.py")
    save("module.legacy.pt", gone, True, roles=module_roles(gone))
    save("wrapped.pt", {"model": nn.DataParallel(gone), "step": 1}, roles=module_roles(gone, "model.module."))
    del sys.modules["gone_net"]
    old_views("old_views.legacy.pt")
    script("scripted.pt", torch.jit.script(Scripted().eval()))
    script("traced.pt", torch.jit.trace(net, torch.randn(1, 1, 5, 5)))
    script("frozen.pt", torch.jit.freeze(torch.jit.script(net)))
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
