#!/usr/bin/env python3
"""Trains the two demo networks on the UCI handwritten digits and writes everything that this folder holds.

    python train.py [OUT]        # needs torch 2.11, scikit-learn, safetensors; about three minutes on one core

The same versions on the same processor give the same weights: one thread, fixed seeds, deterministic algorithms.
OUT defaults to the folder of this script.
"""

import json
import pathlib
import sys
from collections.abc import Callable

import numpy
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

SEED = 20260
TEST_SAMPLES = 450
LEVELS = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95]


class DigitsCnn(nn.Module):
    """Two convolutions, each halving the picture, and two fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(256, 256)
        self.fc2 = nn.Linear(256, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(images)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(self.dropout(x.flatten(1))))
        return self.fc2(self.dropout(x))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, [self.heads, -1]).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.output(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.contract(functional.gelu(self.expand(x)))


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, hidden)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class DigitsTransformer(nn.Module):
    """The picture as 16 patches of 2×2 pixels, three blocks of width 64, the mean of all tokens classified."""

    def __init__(self, width: int = 64, heads: int = 4, hidden: int = 128, depth: int = 3) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.position = nn.Embedding(16, width)
        self.blocks = nn.ModuleList([Block(width, heads, hidden) for _ in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        patches = functional.pixel_unshuffle(images, 2).flatten(2).transpose(1, 2)
        x = self.embed(patches) + self.position.weight
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and held-out images (N, 1, 8, 8) in [0, 1] with their labels; every class keeps its share."""
    images, labels = load_digits(return_X_y=True)
    images = torch.from_numpy((images / 16).astype(numpy.float32)).reshape(-1, 1, 8, 8)
    train, test = train_test_split(range(len(labels)), test_size=TEST_SAMPLES, random_state=SEED, stratify=labels)
    labels = torch.from_numpy(labels.astype(numpy.int64))
    return images[train], labels[train], images[test], labels[test]


def shifted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image moved by up to one pixel in either direction, so that a small set teaches more."""
    padded = functional.pad(images, (1, 1, 1, 1))
    down, right = (torch.randint(0, 3, (len(images), 1), generator=generator) for _ in range(2))
    rows, columns = down + torch.arange(8), right + torch.arange(8)
    picture = torch.arange(len(images))[:, None, None]
    return padded[picture, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)


@torch.no_grad()
def smallest(weight: Tensor, level: float, block: int) -> Tensor:
    """Which elements belong to the `level` of all 1×`block` blocks with the smallest mean square, rows as stored."""
    rows = weight.flatten(1)
    score = functional.avg_pool1d(rows.square().unsqueeze(0), block, ceil_mode=True).squeeze(0)
    chosen = torch.zeros(score.numel(), dtype=torch.bool)
    chosen[score.flatten().argsort(stable=True)[: round(level * score.numel())]] = True
    return chosen.reshape(score.shape).repeat_interleave(block, 1)[:, : rows.shape[1]].reshape(weight.shape)


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, rate: float) -> None:
    """Half of the batches see the network with some of its weights pruned, at a level and block drawn by chance: without
    that, networks this small lose their accuracy with the first few weights, and there is little to explore."""
    generator = torch.Generator().manual_seed(SEED)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * ((len(images) + 63) // 64))
    weights = {name: value for name, value in model.named_parameters() if value.dim() >= 2}
    model.train()
    for epoch in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(64):
            level, block, whole = torch.rand(3, generator=generator).tolist()
            used = {}
            if whole < 0.5:
                for name, value in weights.items():
                    used[name] = value.masked_fill(smallest(value, 0.85 * level, 1 if block < 0.5 else 4), 0)
            optimizer.zero_grad()
            logits = torch.func.functional_call(model, used, shifted(images[batch], generator))
            loss = functional.cross_entropy(logits, labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
        if (epoch + 1) % 20 == 0:
            print(f"  epoch {epoch + 1} of {epochs}: loss {loss.item():.4f}", flush=True)
    model.eval()


@torch.no_grad()
def measured(model: Callable[[Tensor], Tensor], images: Tensor, labels: Tensor) -> dict:
    logits = model(images)
    correct = int((logits.argmax(1) == labels).sum())
    loss = functional.cross_entropy(logits.double(), labels).item()
    return {"samples": len(labels), "correct": correct, "accuracy": correct / len(labels), "loss": loss}


@torch.no_grad()
def pruned_curve(model: nn.Module, images: Tensor, labels: Tensor, block: int) -> list[dict]:
    """Accuracy with the smallest blocks of every tensor of two or more dimensions set to zero, level by level."""
    curve = []
    for level in LEVELS:
        used = {
            name: value.masked_fill(smallest(value, level, block), 0)
            for name, value in model.named_parameters()
            if value.dim() >= 2
        }
        row = measured(lambda x: torch.func.functional_call(model, used, x), images, labels)
        curve.append({"sparsity_level": level, **row})
    return curve


def save_torchscript(model: nn.Module, path: pathlib.Path) -> None:
    """Saves without the records that only serve stack traces: they hold paths of the machine that made them."""
    torch.jit.script(model).save(str(path))
    reader = torch._C.PyTorchFileReader(str(path))
    records = [(name, reader.get_record(name)) for name in reader.get_all_records()]
    del reader
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, content in records:
        if not name.endswith(".debug_pkl") and name not in ("version", ".data/serialization_id", "byteorder"):
            writer.write_record(name, content, len(content))
    writer.write_record("byteorder", b"little", 6)
    writer.write_end_of_file()


def main() -> None:
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels, test_images, test_labels = digits()
    save_file({"inputs": test_images, "labels": test_labels}, out / "digits_test.safetensors")
    expected = {"torch": torch.__version__.split("+")[0], "models": {}}
    jobs = [
        ("digits_cnn", DigitsCnn, {"epochs": 90, "rate": 3e-3}),
        ("digits_transformer", DigitsTransformer, {"epochs": 240, "rate": 3e-3}),
    ]
    for name, kind, settings in jobs:
        torch.manual_seed(SEED)
        model = kind()
        print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters", flush=True)
        train(model, images, labels, **settings)
        save_torchscript(model, out / f"{name}.pt")
        save_file(model.state_dict(), out / f"{name}.safetensors")
        expected["models"][name] = {}
        for block in (1, 4):
            expected["models"][name][f"1x{block}"] = curve = pruned_curve(model, test_images, test_labels, block)
            for row in curve:
                print(f"  1x{block}, level {row['sparsity_level']:.2f}: {row['accuracy']:.4f}, loss {row['loss']:.4f}")
    (out / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main()
