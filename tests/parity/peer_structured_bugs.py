#!/usr/bin/env python3
"""Shows that PyTorch 2.11 does what upstream_bugs.toml says of its structured pruners and sparse quantised layers.

usage: tests/support/run_peer.sh tests/parity/peer_structured_bugs.py      exit status 77 (skipped) without torch 2.11
"""

import sys
import warnings

from peer_torch import need

need()
import torch
from torch import nn
from torch.ao.nn.sparse.quantized.dynamic.linear import Linear as SparseDynamicLinear
from torch.ao.pruning._experimental.pruner import BaseStructuredSparsifier, FPGMPruner, LSTMSaliencyPruner, SaliencyPruner
from torch.nn import functional as F
from torch.testing._internal.common_pruning import LSTMLayerNormLinearModel, LSTMLinearModel

from peer_bugs import raises

warnings.filterwarnings("ignore")


class SomeRows(BaseStructuredSparsifier):
    """Prunes the rows that a configuration names; 1 and 2 otherwise."""

    def update_mask(self, module, tensor_name, rows=(1, 2), **kwargs):
        getattr(module.parametrizations, tensor_name)[0].mask[list(rows)] = False


def pruner_on(model, *tensors, prune_bias=True, rows=(1, 2)):
    pruner = SomeRows({"prune_bias": prune_bias, "rows": rows})
    pruner.prepare(model.eval(), [entry if isinstance(entry, dict) else {"tensor_fqn": entry} for entry in tensors])
    pruner.step()
    return pruner


def off_by(model, x, *tensors, run_before=True, **how):
    """How far the pruned model's output is from the masked one's."""
    with torch.no_grad():
        pruner = pruner_on(model, *tensors, **how)
        masked = model(x) if run_before else None
        pruned = pruner.prune()
        return (pruned(x) - masked).abs().max().item()


def chain(*layers):
    return nn.Sequential(*layers)


def lstm_without_configuration():
    raises(AttributeError, SomeRows({}).prepare, LSTMLinearModel(4, 4, 4, 1), None)


def biases_along_dimension_1():
    model = chain(nn.Linear(4, 4), nn.Linear(4, 4))
    x = torch.randn(2, 4, 4)
    before = model(x)
    pruner = SomeRows({})
    pruner.prepare(model, [{"tensor_fqn": "0.weight"}])
    assert (model(x) - before).abs().max() > 0.1, "wrong right after prepare"
    raises(RuntimeError, model, torch.randn(2, 3, 4))
    raises((RuntimeError, IndexError), model, torch.randn(4))


def squash_and_load():
    model = chain(nn.Linear(4, 4), nn.Linear(4, 4))
    pruner = pruner_on(model, "0.weight")
    other = chain(nn.Linear(4, 4), nn.Linear(4, 4))
    target = pruner_on(other, "0.weight")
    target.load_state_dict(pruner.state_dict())
    raises((RuntimeError, AssertionError), other, torch.randn(2, 4))
    second = chain(nn.Linear(4, 4), nn.Linear(4, 4))
    pruner = pruner_on(second, "0.weight")
    second(torch.randn(2, 4))
    assert second[0]._bias[1] == 0, "zeroed in place"
    pruner.squash_mask()
    assert hasattr(second[0], "_bias") and second[0]._forward_hooks


def saliency_and_fpgm():
    model = chain(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))
    model[0].weight.data = torch.arange(1.0, 5)[:, None].expand(4, 3).clone()
    model[0].weight.data[3, 0] = float("nan")
    pruner = SaliencyPruner({"sparsity_level": 0.25})
    pruner.prepare(model, [{"tensor_fqn": "0.weight"}])
    pruner.step()
    assert model[0].parametrizations.weight[0].mask.tolist() == [True, True, True, False], "NaN first"
    model = chain(nn.Linear(8, 10, bias=False), nn.Linear(10, 2))
    model[0].weight.data = torch.randn(10, 8) + 5
    pruner = FPGMPruner(0.3)
    pruner.prepare(model, [{"tensor_fqn": "0.weight"}])
    counts = []
    for _ in range(2):
        pruner.step()
        counts.append(int((~model[0].parametrizations.weight[0].mask).sum()))
    assert counts == [3, 6], counts
    rows = 100 + torch.randn(64, 37) / 100
    distances = torch.cdist(rows, rows)
    exact = (rows.double()[:, None] - rows.double()[None]).square().sum(2).sqrt()
    assert (distances - exact).abs().max() > 1e-3, "through a matrix product"
    raises(NotImplementedError, FPGMPruner(0.3)._compute_distance, torch.randn(4, 4).half())


def leftovers():
    model = chain(nn.Linear(4, 6), nn.Linear(6, 6), nn.Softmax(1), nn.Linear(6, 2))
    raises(Exception, pruner_on(model, "0.weight", "1.weight").prune)
    assert model[0].weight.shape == (4, 4), "the first layer is cut already"


class Methods(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.a, self.b, self.between = nn.Linear(4, 6), nn.Linear(6, 3), between

    def forward(self, x):
        return self.b(self.between(self.a(x)))


def refused_patterns():
    conv = lambda i, o, **more: nn.Conv2d(i, o, 3, **more)
    for model, first in ((chain(conv(3, 6), nn.BatchNorm2d(6), conv(6, 4)), "0.weight"),
                         (chain(nn.Linear(4, 6), nn.Dropout(), nn.Linear(6, 3)), "0.weight"),
                         (chain(nn.Linear(4, 6), nn.Identity(), nn.Linear(6, 3)), "0.weight"),
                         (chain(nn.Linear(4, 6), nn.ReLU()), "0.weight"),
                         (chain(conv(3, 6), nn.MaxPool2d(2), conv(6, 4)), "0.weight"),
                         (chain(conv(3, 6), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4)), "0.weight"),
                         (chain(conv(3, 6), nn.Flatten(), nn.Linear(216, 4)), "0.weight"),
                         (chain(conv(3, 6), nn.ConvTranspose2d(6, 4, 2)), "0.weight"),
                         (Methods(torch.relu), "a.weight"), (Methods(lambda x: x.relu()), "a.weight"),
                         (Methods(lambda x: x + x), "a.weight")):
        raises(Exception, pruner_on(model, first).prune)


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 5), nn.Linear(8, 5)

    def forward(self, x):
        x = self.a(x)
        return self.b(x) + self.c(x)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x):
        return self.b(self.a(self.a(x)))


def consumers():
    pruned = pruner_on(Branches(), "a.weight").prune()
    raises(RuntimeError, pruned, torch.randn(2, 4))
    raises(Exception, lambda: pruner_on(Twice(), "a.weight").prune()(torch.randn(2, 6)))
    conv = lambda i, o, **more: nn.Conv2d(i, o, 3, **more)
    raises(IndexError, pruner_on(chain(conv(3, 6), conv(6, 4, groups=2)), "0.weight", prune_bias=False).prune)
    raises(TypeError, pruner_on(chain(conv(3, 6), conv(6, 4, padding="same")), "0.weight", prune_bias=False).prune)
    raises(Exception, lambda: pruner_on(chain(conv(3, 6), nn.PReLU(6), conv(6, 4)), "0.weight").prune()(torch.randn(1, 3, 8, 8)))
    model = chain(conv(3, 6, bias=False), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4))
    raises(TypeError, pruner_on(model, "0.weight", prune_bias=False).prune)


def padded_layers_stay_whole():
    model = chain(nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3, padding=1, padding_mode="reflect"))
    model(torch.randn(1, 3, 8, 8))
    before = sum(parameter.numel() for parameter in model.parameters())
    pruned = pruner_on(model, "0.weight").prune()
    assert sum(parameter.numel() for parameter in pruned.parameters()) == before


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.b(F.leaky_relu(self.a(x), 0.5))


def wrong_outputs():
    x = torch.randn(5, 4)
    for activation in (nn.Sigmoid(), nn.Hardsigmoid(), nn.Softplus(), nn.LogSigmoid()):
        assert off_by(chain(nn.Linear(4, 6), activation, nn.Linear(6, 3)), x, "0.weight") > 0.01, activation
    functional = Functional()
    nn.init.constant_(functional.a.bias, -2)
    assert off_by(functional, x, "a.weight", prune_bias=False) > 0.01
    pooled = chain(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AvgPool2d(2, 2, 1), nn.Conv2d(6, 4, 3))
    nn.init.constant_(pooled[0].bias, 2)
    assert off_by(pooled, torch.randn(1, 3, 10, 10), "0.weight", prune_bias=False) > 1e-3, "padded mean pool"
    mixed = chain(nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3))
    assert off_by(mixed, x, {"tensor_fqn": "0.weight", "prune_bias": False},
                  {"tensor_fqn": "1.weight", "prune_bias": True}) > 1e-3, "dropped after passed on"


def nothing_run_before():
    """What the hook of the first forward would have zeroed is passed on."""
    def make():
        torch.manual_seed(3)
        return chain(nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3, padding=1))

    x = torch.randn(1, 3, 8, 8)
    with torch.no_grad():
        model = make()
        pruner_on(model, "0.weight")
        masked = model(x)
        pruned = pruner_on(make(), "0.weight").prune()(x)
    assert (pruned - masked).abs().max() > 0.01


def last_layer():
    model = chain(nn.Linear(4, 6), nn.Linear(6, 4))
    pruner = pruner_on(model, "1.weight", prune_bias=False)
    with torch.no_grad():
        masked = model(torch.ones(2, 4))
        try:
            pruned = pruner.prune()(torch.ones(2, 4))
        except Exception:  # or it crashes
            return
    assert (pruned - masked[:, [0, 3]]).abs().max() > 0.01, "the bias is lost"


def lstm(config, model=None, pruner=None):
    model = model or LSTMLinearModel(4, 4, 4, 1)
    pruner = pruner or SomeRows({"rows": (0, 1, 4, 5, 8, 9, 12, 13)})
    pruner.prepare(model.eval(), [{"tensor_fqn": f"lstm.{name}"} for name in config])
    pruner.step()
    return model, pruner


def lstm_gates():
    torch.manual_seed(5)
    model, pruner = lstm(("weight_ih_l0", "weight_hh_l0"), pruner=LSTMSaliencyPruner({"sparsity_level": 0.5}))
    x = torch.randn(3, 4)
    with torch.no_grad():
        masked = model(x)[0]
        try:
            pruned = pruner.prune()(x)[0]
        except Exception:  # or the gates are uneven
            return
    assert (masked - pruned).abs().max() > 1e-3


def lstm_refused():
    for config in (("weight_ih_l0",), ("weight_hh_l0",)):
        raises(Exception, lambda: lstm(config)[1].prune()(torch.randn(3, 4)))
    uneven = SomeRows({"rows": (0, 1, 4, 8, 12)})
    raises(Exception, lambda: lstm(("weight_ih_l0", "weight_hh_l0"), pruner=uneven)[1].prune()(torch.randn(3, 4)))
    for how in ({"bias": False}, {"bidirectional": True}):
        model = LSTMLinearModel(4, 4, 4, 1)
        model.lstm = nn.LSTM(4, 4, **how)
        model.linear = nn.Linear(8 if "bidirectional" in how else 4, 4)
        raises(Exception, lambda: lstm(("weight_ih_l0", "weight_hh_l0"), model)[1].prune()(torch.randn(3, 4)))
    model = LSTMLayerNormLinearModel(4, 4, 4, 1)
    model.norm = nn.LayerNorm(4, elementwise_affine=False)
    raises(Exception, lambda: lstm(("weight_ih_l0", "weight_hh_l0"), model)[1].prune()(torch.randn(3, 4)))


def lstm_layer_0_of_2():
    model, pruner = lstm(("weight_ih_l0", "weight_hh_l0"), LSTMLinearModel(6, 6, 6, 2),
                         SomeRows({"rows": tuple(gate * 6 + unit for gate in range(4) for unit in range(3))}))
    pruned = pruner.prune()
    assert pruned.lstm.weight_hh_l0.shape == (12, 3) and pruned.lstm.hidden_size == 6


def sparse_quantised_states():
    torch.backends.quantized.engine = "qnnpack"
    layer, other = (SparseDynamicLinear(8, 4, 1, 4) for _ in range(2))
    raises((KeyError, ValueError, RuntimeError), other.load_state_dict, layer.state_dict())


FACTS = (lstm_without_configuration, biases_along_dimension_1, squash_and_load, saliency_and_fpgm, leftovers, refused_patterns,
         consumers, padded_layers_stay_whole, wrong_outputs, nothing_run_before, last_layer, lstm_gates, lstm_refused,
         lstm_layer_0_of_2, sparse_quantised_states)

if __name__ == "__main__":
    from peer_bugs import run

    sys.exit(run(FACTS))
