"""Makes the models in fixtures/ that the tests beside it open: `python make_fixtures.py`. Needs PyTorch 2.11."""

import pathlib
import zipfile

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent / "fixtures"


def double_input(self, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0] * 2 + self.bias.mean(),)


def add_one(self, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return output + 1


def halve(self, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
    return output / 2


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        return torch.relu(self.fc(x))


class Many(nn.Module):
    """Calls its layers in every way that TorchScript has."""

    scale: torch.jit.Final[int]

    def __init__(self):
        super().__init__()
        self.scale = 3
        self.hooked = nn.Linear(6, 6)
        self.hooked.register_forward_hook(add_one)
        self.list = nn.ModuleList([Inner(), Inner()])
        self.list[1].register_forward_hook(halve)
        self.shared = nn.Linear(6, 6)
        self.again = self.shared
        self.branch = nn.Linear(6, 6)
        self.forked = Inner()
        self.read = nn.Linear(6, 6)

    @torch.jit.export
    def head(self, x):
        return self.branch(x)

    def forward(self, x):
        x = self.hooked(x) * self.scale
        for layer in self.list:
            x = layer(x)
        future = torch.jit.fork(self.forked, x)
        x = self.again(self.shared(x))
        if x.sum() > -1e9:
            x = self.head(x)
        return torch.addmm(self.read.bias, x + torch.jit.wait(future), self.read.weight.t())


class HookedTwice(nn.Module):
    """A hook that uses its layer's own tensors, which the layer's replacement lacks."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.fc.register_forward_pre_hook(double_input)

    def forward(self, x):
        return self.fc(x)


class Twice(nn.Module):
    """Traced, a layer that is called twice has two methods."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.inner = Inner()

    def forward(self, x):
        return self.inner(self.fc(torch.sigmoid(self.fc(x))))


class Bags(nn.Module):
    def __init__(self):
        super().__init__()
        self.sum = nn.EmbeddingBag(20, 8, mode="sum")
        self.last = nn.EmbeddingBag(20, 8, mode="sum", include_last_offset=True)
        self.mean = nn.EmbeddingBag(20, 8)
        self.table = nn.Embedding(20, 8, padding_idx=0)
        self.short = nn.Embedding(20, 8, max_norm=100.0)
        self.padded = nn.EmbeddingBag(20, 8, mode="sum", padding_idx=3)

    def forward(self, x, offsets):
        looked_up = self.table(x.reshape(3, 4)).sum() + self.short(x).sum()
        first = self.sum(x, offsets[:-1]) + self.mean(x, offsets[:-1]) + self.padded(x, offsets[:-1])
        return first + self.last(x, offsets) + self.sum(x.reshape(2, 6)) + looked_up


class Texts(nn.Module):
    """Rows of six words, looked up and summed: two tables of one model."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 8, padding_idx=0)
        self.bags = nn.ModuleList([nn.EmbeddingBag(30, 8, mode="sum")])
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        y = self.words(x).mean(1)
        for bag in self.bags:
            y = y + bag(x)
        return self.head(y)


def save(model, file):
    """Without what serves stack traces: it quotes this machine's paths."""
    torch.jit.save(model, HERE / file)
    with zipfile.ZipFile(HERE / file) as old:
        entries = [(entry.filename, old.read(entry)) for entry in old.infolist()]
    with zipfile.ZipFile(HERE / file, "w") as new:
        for name, content in entries:
            if not name.endswith(".debug_pkl"):
                new.writestr(zipfile.ZipInfo(name), content)


if __name__ == "__main__":
    torch.manual_seed(0)
    HERE.mkdir(exist_ok=True)
    save(torch.jit.script(Many().eval()), "many.pt")
    save(torch.jit.script(HookedTwice().eval()), "hook_reads.pt")
    save(torch.jit.script(Bags().eval()), "bags.pt")
    save(torch.jit.script(Texts().eval()), "texts.pt")
    save(torch.jit.trace(Twice().eval(), torch.randn(2, 6)), "traced_twice.pt")
