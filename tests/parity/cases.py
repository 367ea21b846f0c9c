"""Cases of pruning: a rule, and steps on weights and options that may change in between; and the files they travel in.

In a file (safetensors) case NNNN is the metadata entry NNNN, a JSON object with rule, function (a norm of its own), options,
steps (what changes in the options, step by step), tensors (how many) and along (the dimension that inputs lie along). Its
tensors are NNNN.TENSOR.STEP.weight and .squares, left out where they are the step's before, and, in goldens, .aten and
.lowest: the masks after that step, eight weights a byte. cases.h reads it.
"""

import json
import struct
from dataclasses import dataclass, field

import numpy as np
import torch

REFUSED = "refused"  # what a step gives whose options cannot be; None: nobody was asked
DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.uint8: "U8"}
NORMS = {"cube": lambda x: x * x * x, "negated": lambda x: -x, "shifted": lambda x: x.abs() - 1}
KINDS = ("normal", "coarse", "zeros", "ones", "specials", "tiny", "large")


@dataclass
class Case:
    rule: str
    options: dict
    weights: list  # for every step a list of tensors
    steps: list = field(default_factory=lambda: [{}])  # for every step the options that change
    squares: list | None = None  # for every step a list of tensors
    along: int = 1
    function: str | None = None
    kind: str = ""

    def options_at(self, step):
        """The options that hold at a step."""
        merged = dict(self.options)
        for changes in self.steps[: step + 1]:
            merged |= changes
        return merged

    def text(self):
        fields = {"rule": self.rule, "options": self.options, "steps": self.steps, "tensors": len(self.weights[0]),
                  "along": self.along}
        return json.dumps(fields | ({"function": self.function} if self.function else {}))

    def tensors(self, name):
        """(name, tensor) of what a file holds of the case."""
        for step in range(len(self.steps)):
            for kind, of_steps in (("weight", self.weights), ("squares", self.squares)):
                for i, tensor in enumerate(of_steps[step] if of_steps else []):
                    if step == 0 or tensor is not of_steps[step - 1][i]:
                        yield f"{name}.{i}.{step}.{kind}", tensor

    def __str__(self):
        shapes = ", ".join(f"{tuple(weight.shape)} {str(weight.dtype)[6:]}" for weight in self.weights[0])
        return f"{self.kind} {shapes} {self.text()}"


def wide(weight):
    """Narrow types count as their float32 values."""
    return weight if weight.dtype == torch.float64 else weight.float()


def packed(mask):
    return torch.from_numpy(np.packbits(mask.numpy().flatten(), bitorder="little"))


def write(path, cases, masks=()):
    """Writes cases; `masks` are pairs of a kind and, for every case, its outcomes step by step."""
    tensors, metadata = [], {}
    for number, case in enumerate(cases):
        name = f"{number:06}"
        metadata[name] = case.text()
        tensors += case.tensors(name)
        for kind, outcomes in masks:
            for step, outcome in enumerate(outcomes[number]):
                if isinstance(outcome, list):
                    tensors += [(f"{name}.{i}.{step}.{kind}", packed(mask)) for i, mask in enumerate(outcome)]
    write_tensors(path, tensors, metadata)


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


def random_weight(rng, shape, dtype, generator):
    """Values with and without ties, zeros of both signs, infinities, NaN, underflow and overflow; and what kind."""
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
    """One to four dimensions."""
    rank = rng.choice((1, 2, 2, 2, 2, 3, 4))
    if rank == 1:
        return (rng.randint(1, 200),)
    if rank == 2:
        return (rng.randint(1, 70), rng.randint(1, 70))
    return (rng.randint(1, 10), rng.randint(1, 16), *(rng.randint(1, 5 if rank == 3 else 4) for _ in range(rank - 2)))


def random_dtype(rng):
    return rng.choice((torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16))
