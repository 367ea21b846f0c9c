"""Smaller models against PyTorch: scripted and traced modules of the kinds that people prune.

For each, lacuna-cli prunes rows with `saliency` (units with `lstm_saliency`), converts the result to a smaller model, and PyTorch
runs both files on inputs of several sizes. Usage: peer_structured.py LACUNA_CLI. Exit status 77: no torch.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from peer_torch import need

need()
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing._internal import common_pruning as upstream

warnings.filterwarnings("ignore")
CLI = sys.argv[1]


class Residual(nn.Module):
    """Two residual blocks with batch norm, as in ResNet."""

    def __init__(self):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.a, self.a_norm = nn.Conv2d(16, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.b, self.b_norm = nn.Conv2d(12, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = F.relu(self.stem_norm(self.stem(x)))
        y = self.b_norm(self.b(F.relu(self.a_norm(self.a(x)), inplace=True)))
        x = F.relu(x + y)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Separable(nn.Module):
    """Depthwise and pointwise convolutions, as in MobileNet."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
            nn.Conv2d(16, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Dropout(0.2), nn.Linear(24, 7))

    def forward(self, x):
        return self.layers(x)


class Concatenated(nn.Module):
    """Two branches side by side."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv1d(4, 10, 3, padding=1), nn.Conv1d(4, 6, 5)
        self.hidden, self.out = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        y = torch.cat([F.gelu(self.one(x)).mean(2), torch.sigmoid(self.two(x)).amax(2)], dim=1)
        return self.out(torch.tanh(self.hidden(y)))


class Squeezed(nn.Module):
    """Channels scaled by what they hold, as in squeeze-and-excitation, and a transposed convolution."""

    def __init__(self):
        super().__init__()
        self.conv, self.down, self.up = nn.Conv2d(3, 12, 3), nn.Linear(12, 8), nn.Linear(8, 12)
        self.slopes, self.back = nn.PReLU(12), nn.ConvTranspose2d(12, 2, 2, stride=2)

    def forward(self, x):
        x = self.slopes(self.conv(x))
        scale = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return self.back(x * scale.view(x.size(0), -1, 1, 1))


class Attention(nn.Module):
    """A block of a transformer: its feed-forward layers can shrink, what is added to the input cannot."""

    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)
        self.norm, self.up, self.down = nn.LayerNorm(16), nn.Linear(16, 40), nn.Linear(40, 16)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = ((q @ k.transpose(-2, -1)) * 0.5).softmax(-1) @ v
        x = x + self.proj(y.transpose(1, 2).reshape(n, t, c))
        return x + self.down(F.gelu(self.up(self.norm(x))))


class Recurrent(nn.Module):
    """An LSTM whose outputs, or last state, go through a linear layer."""

    def __init__(self, last=False, **how):
        super().__init__()
        self.lstm, self.last = nn.LSTM(8, 12, **how), last
        self.linear = nn.Linear(24 if how.get("bidirectional") else 12, 5)

    def forward(self, x):
        y, state = self.lstm(x)
        return self.linear(state[0][-1] if self.last else y)


class Normalised(nn.Module):
    """A layer norm between what shrinks and the linear layers that take it: pruned channels count in its mean."""

    def __init__(self, first, affine=True):
        super().__init__()
        self.lstm, self.norm = first, nn.LayerNorm(12, elementwise_affine=affine)
        self.linear, self.gate = nn.Linear(12, 5), nn.Linear(12, 5, bias=False)
        if affine:
            nn.init.normal_(self.norm.weight), nn.init.normal_(self.norm.bias)

    def forward(self, x):
        y = self.lstm(x)
        y = self.norm(y[0] if isinstance(y, tuple) else y)
        return self.linear(y) * torch.sigmoid(self.gate(y))


def models():
    """Name, module, sample, tensors to prune, rule, options of the conversion, whether weights must leave."""
    saliency, units = "saliency", "lstm_saliency"
    image = torch.randn(3, 3, 16, 16)
    yield "residual", Residual(), image, ["a.weight", "stem.weight"], saliency, ["prune_bias=true"], True
    yield "separable", Separable(), image, ["layers.0.weight", "layers.6.weight"], saliency, [], True
    yield "concatenated", Concatenated(), torch.randn(3, 4, 20), ["one.weight", "two.weight", "hidden.weight"], saliency, [], True
    yield "squeezed", Squeezed(), image, ["conv.weight", "down.weight", "up.weight"], saliency, ["prune_bias=true"], True
    yield "attention", Attention(), torch.randn(3, 6, 16), ["up.weight", "down.weight", "proj.weight"], saliency, [], True
    for last in (False, True):
        for how in ({}, {"num_layers": 2}, {"batch_first": True}, {"bidirectional": True, "num_layers": 2}, {"bias": False}):
            if not (last and how.get("bidirectional")):
                name = "_".join(["lstm", "last" if last else "all", *how])
                yield name, Recurrent(last, **how), torch.randn(6, 3, 8), ["lstm.weight_*"], units, ["prune_bias=true"], True
    for affine in (True, False):
        for layers in (1, 2):
            yield (f"lstm_layernorm_{layers}_{affine}", Normalised(nn.LSTM(8, 12, layers), affine), torch.randn(6, 3, 8),
                   ["lstm.weight_*"], units, ["prune_bias=true", "strict=true"], True)
        yield (f"linear_layernorm_{affine}", Normalised(nn.Linear(8, 12), affine), torch.randn(6, 3, 8), ["lstm.weight"],
               saliency, ["prune_bias=true", "strict=true"], True)
    digits = torch.randn(2, 1, 28, 28)
    for name, layers in (("SimpleConv2d", ["seq.0", "seq.1", "conv2d1"]), ("Conv2dBias", ["seq.0", "seq.1", "seq.2"]),
                         ("Conv2dActivation", ["seq.0", "seq.2", "seq.4", "conv2d1"]),
                         ("Conv2dPadBias", ["seq.0", "seq.2", "seq.4", "seq.6", "seq.8"]),
                         ("Conv2dPool", ["seq.0", "seq.3", "conv2d1", "conv2d2"]),
                         ("Conv2dPoolFlatten", ["seq.0", "seq.3", "conv2d1", "conv2d2"]),
                         ("Conv2dPoolFlattenFunctional", ["seq.0", "seq.3", "conv2d1", "conv2d2"])):
        for options in ([], ["prune_bias=true"]):
            yield name, getattr(upstream, name)(), digits, [layer + ".weight" for layer in layers], saliency, options, True
    for name, layers in (("SimpleLinear", ["seq.0", "seq.1", "seq.2", "linear1"]), ("LinearBias", ["seq.0", "seq.1", "seq.2"]),
                         ("LinearActivation", ["seq.0", "seq.2", "seq.4", "linear1"]),
                         ("LinearActivationFunctional", ["seq.0", "seq.2", "seq.4", "linear1"])):
        yield name, getattr(upstream, name)(), torch.randn(5, 7), [layer + ".weight" for layer in layers], saliency, [], True
    for name, layers in (("LSTMLinearModel", 1), ("LSTMLinearModel", 2)):
        yield (name, getattr(upstream, name)(8, 8, 8, layers), torch.randn(4, 8), ["lstm.weight_*"], units,
               ["prune_bias=true", "narrow_outputs=true"], True)  # LSTMLayerNormLinearModel cannot be scripted: its annotation is wrong; Normalised is what it is


def lacuna(*arguments):
    return subprocess.run([CLI, *map(str, arguments)], capture_output=True, text=True)


def randomised(module):
    """Batch norms as after training; weights as they are."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight), nn.init.normal_(layer.bias)
            layer.running_mean.normal_(), layer.running_var.uniform_(0.5, 2)
    return module.eval()


def tensors_of(value):
    return [value] if torch.is_tensor(value) else [tensor for part in value for tensor in tensors_of(part)]


def masked_reference(path, masked_path, prune_bias):
    reference = torch.jit.load(masked_path)
    weights = dict(reference.named_parameters())
    for name, weight in weights.items():
        owner, _, last = name.rpartition(".")
        bias = weights.get(f"{owner}.bias{last[6:]}") if last.startswith("weight") and weight.dim() > 1 else None
        if prune_bias and bias is not None and len(bias) == len(weight):
            bias.data[(weight.flatten(1) == 0).all(1)] = 0
    return reference


def check(folder, name, kind, module, sample, layers, rule, options, leaves):
    model, masked, small = (folder / f"{part}.pt" for part in ("model", "masked", "small"))
    module.save(str(model))
    recipe = folder / "recipe.yaml"
    recipe.write_text(json.dumps({"version": 1, "groups": [{"layers": layers, "sparsifier": rule, "sparsity_level": 0.4}]}))
    ran = lacuna("prune", model, "--recipe", recipe, "--out", masked)
    assert ran.returncode == 0, f"{name} {kind}: {ran.stderr}"
    shape = ",".join(map(str, sample.shape))
    arguments = [word for option in options for word in ("--option", option)]
    ran = lacuna("convert", masked, "--to", "smaller", "--out", small, "--input-shape", shape, "--report", folder / "report.json", *arguments)
    if not leaves:
        assert ran.returncode == 1 and not small.exists(), f"{name} {kind}: must be refused"
        return f"refused: {ran.stderr.strip()}"
    assert ran.returncode == 0, f"{name} {kind}: {ran.stderr}"
    report = json.loads((folder / "report.json").read_text())
    reference, smaller = masked_reference(model, masked, "prune_bias=true" in options), torch.jit.load(small)
    with torch.no_grad():
        for x in (sample, sample[:1], torch.cat([sample, -sample])):
            for expected, given in zip(tensors_of(reference(x)), tensors_of(smaller(x)), strict=True):
                if expected.shape != given.shape and "narrow_outputs=true" in options:
                    expected = expected[..., (expected != 0).reshape(-1, expected.shape[-1]).any(0)]
                assert expected.shape == given.shape, f"{name} {kind}: {expected.shape} and {given.shape}"
                worst = (expected - given).abs().max() / expected.abs().max().clamp_min(1e-6)  # a dead layer gives zeros
                assert worst < 1e-5, f"{name} {kind}: differs by {worst:.1e}"
    before, after = report["parameters_before"], report["parameters_after"]
    assert after < before and after == sum(p.numel() for p in smaller.parameters()), f"{name} {kind}: {before} → {after}"
    assert [n for n, _ in smaller.named_parameters()][:1] == [n for n, _ in reference.named_parameters()][:1]
    return f"{before} → {after}" + "".join(f"\n    {note}" for note in report["notes"])


def main():
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        count = 0
        for name, module, sample, *rest in models():
            module = randomised(module)
            kinds = ("scripted",) if name in dir(upstream) else ("scripted", "traced")
            for kind in kinds:
                made = torch.jit.script(module) if kind == "scripted" else torch.jit.trace(module, sample)
                place = Path(folder) / f"{count}"
                place.mkdir()
                print(f"{name} {kind}: {check(place, name, kind, made, sample, *rest)}", flush=True)
                count += 1
    print(f"{count} models are the same when smaller")


main()
