#!/usr/bin/env python3
"""Shows that PyTorch 2.11 does what upstream_bugs.toml says of it, for the rules of weights, data and activations; what
the structured pruners do is in peer_structured_bugs.py.

usage: tests/support/run_peer.sh tests/parity/peer_bugs.py      exit status 77 (skipped) without torch 2.11
"""

import copy
import sys
import warnings

from peer_torch import need

need()
import torch
from torch import nn
from torch.ao.pruning import CubicSL, LambdaSL, NearlyDiagonalSparsifier, WeightNormSparsifier
from torch.ao.pruning._experimental.activation_sparsifier.activation_sparsifier import ActivationSparsifier
from torch.ao.pruning._experimental.data_scheduler import BaseDataScheduler
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier
from torch.ao.pruning._experimental.data_sparsifier.quantization_utils import post_training_sparse_quantize
from torch.ao.pruning.scheduler.base_scheduler import BaseScheduler
from torch.ao.pruning.sparsifier.utils import FakeSparsity, fqn_to_module
from torch.testing._internal.common_pruning import ImplementedSparsifier, SimpleLinear

warnings.filterwarnings("ignore")
LINEAR1 = [{"tensor_fqn": "linear1.weight"}]


def raises(kinds, call, *arguments, **keywords):
    try:
        call(*arguments, **keywords)
    except kinds as error:
        return error
    raise AssertionError(f"nothing was raised by {call}")


def mask_of(module):
    return module.parametrizations.weight[0].mask


def prepared(config=None, model=None):
    model, sparsifier = model or SimpleLinear(), ImplementedSparsifier(test=3)
    sparsifier.prepare(model, LINEAR1 if config is None else config)
    return model, sparsifier


def base_names():
    for fqn in (".linear1.weight", "linear9.weight"):
        sparsifier = ImplementedSparsifier(test=3)
        raises(AttributeError, sparsifier.prepare, SimpleLinear(), [*LINEAR1, {"tensor_fqn": fqn}])
        assert sparsifier.groups, "groups were appended"


def base_masks_stack():
    twice, sparsifier = prepared(LINEAR1 * 2)
    again, second = prepared()
    second.prepare(again, LINEAR1)
    tied = nn.Sequential(nn.Linear(4, 4), nn.Identity())
    tied[1] = tied[0]
    prepared([{"tensor_fqn": "0.weight"}, {"tensor_fqn": "1.weight"}], tied)
    for layer in (twice.linear1, again.linear1, tied[0]):
        assert len(layer.parametrizations.weight) >= 2, "further masks are stacked"
    sparsifier.step()
    first, other = (parametrization.mask for parametrization in twice.linear1.parametrizations.weight)
    assert first[0].sum() == 0 and other[0].sum() == 4 and sparsifier.state["linear1.weight"]["mask"][0].sum() == 4
    raises(ValueError, sparsifier.squash_mask)


def base_other_parametrization():
    model = SimpleLinear()
    nn.utils.parametrize.register_parametrization(model.linear1, "weight", nn.Identity())
    _, sparsifier = prepared(model=model)
    raises(AttributeError, sparsifier.step)


def base_sparse_params():
    model = nn.Sequential(nn.LSTM(3, 2))
    sparsifier = ImplementedSparsifier(test=3)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight_ih_l0", "test": 2}, {"tensor_fqn": "0.weight_hh_l0", "test": 4}])
    sparsifier.squash_mask(params_to_keep=("test",))
    assert model[0].sparse_params == {"test": 4}, "the last wins"


def base_states():
    model, source = prepared()
    source.step()
    state = source.state_dict()
    assert state["state"] is source.state, "the live object"
    other, target = prepared([*LINEAR1, {"tensor_fqn": "linear2.weight"}])
    target.load_state_dict(state)
    assert "mask" not in source.state["linear1.weight"], "the source has lost its mask"
    assert mask_of(other.linear1) is mask_of(model.linear1) or mask_of(other.linear1)[0].sum() == 0
    assert hasattr(other.linear2, "parametrizations"), "what the state lacks stays masked"
    target.squash_mask()
    assert hasattr(other.linear2, "parametrizations"), "and escapes squash"
    third, late = prepared()
    late.load_state_dict(state)
    assert mask_of(third.linear1)[0].sum() == 4, "a second load gives ones"


def base_states_are_not_checked():
    _, source = prepared()
    state = copy.deepcopy(source.state_dict())
    state["state"]["linear1.weight"]["mask"] = torch.ones(2, 2)
    model, target = prepared()
    target.load_state_dict(state)
    assert mask_of(model.linear1).shape == (2, 2)
    state = copy.deepcopy(prepared()[1].state_dict())
    state["groups"][0]["tensor_fqn"] = "linear9.weight"
    state["state"]["linear9.weight"] = state["state"].pop("linear1.weight")
    raises(RuntimeError, target.load_state_dict, copy.deepcopy(state))
    raises(AttributeError, target.load_state_dict, copy.deepcopy(state), strict=False)


def base_copies():
    model = SimpleLinear()
    sparsifier = WeightNormSparsifier()
    sparsifier.prepare(model, LINEAR1)
    raises(AttributeError, copy.deepcopy(sparsifier).step)


def base_conversion():
    model, sparsifier = prepared()
    model.double()
    sparsifier.step()
    assert mask_of(model.linear1)[0].sum() == 0 and sparsifier.state["linear1.weight"]["mask"][0].sum() == 4
    mapping = torch.ao.quantization.get_default_static_sparse_quant_module_mappings()
    raises(AttributeError, sparsifier.convert, model, mapping)


def masked_weights():
    masked = FakeSparsity(torch.zeros(3))(torch.tensor([-1.0, float("nan"), float("inf")]))
    assert masked[0] == 0 and masked[0].signbit() and masked[1].isnan() and masked[2].isnan()


def names_of_anything():
    assert fqn_to_module(nn.Sequential(nn.Linear(3, 2)), "0.in_features") == 3


def weight_norm(shape, dtype=torch.float32, layer=None, **options):
    layer = layer or nn.Linear(shape[1], shape[0], bias=False)
    layer.weight = nn.Parameter(torch.randn(shape).to(dtype))
    model, sparsifier = nn.Sequential(layer), WeightNormSparsifier(**options)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    return model, sparsifier


def norm_half():
    for dtype in (torch.half, torch.bfloat16):
        model, sparsifier = weight_norm((8, 8), dtype)
        sparsifier.step()
        assert model[0].weight.dtype == torch.float32
        raises(RuntimeError, model, torch.randn(2, 8).to(dtype))
        raises(Exception, sparsifier.squash_mask)


def norm_ragged():
    raises(RuntimeError, weight_norm((4, 6), sparsity_level=0.5, zeros_per_block=2)[1].step)
    model, sparsifier = weight_norm((4, 6), sparsity_level=1.0, zeros_per_block=2)
    sparsifier.step()
    assert mask_of(model[0]).shape == (4, 8)


def norm_ranks():
    for shape, layer in (((8,), nn.LayerNorm(8)), ((8, 4, 3), nn.Conv1d(4, 8, 3)), ((8, 4, 3, 3), nn.Conv2d(4, 8, 3))):
        raises((ValueError, RuntimeError), weight_norm(shape, layer=layer)[1].step)
    raises(RuntimeError, weight_norm((0, 4))[1].step)


def norm_block_alone():
    model, sparsifier = nn.Sequential(nn.Linear(8, 8)), WeightNormSparsifier()
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight", "sparse_block_shape": (1, 8)}])
    sparsifier.step()
    assert (~mask_of(model[0]).bool()).sum() == 4 * 4, "4 of 8 in half of the blocks"
    model, sparsifier = nn.Sequential(nn.Linear(8, 8)), WeightNormSparsifier()
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight", "sparse_block_shape": (1, 1)}])
    raises(ValueError, sparsifier.step)


def nearly_diagonal_refused():
    model, sparsifier = nn.Sequential(nn.Linear(4, 4)), NearlyDiagonalSparsifier(nearliness=2)
    sparsifier.prepare(model, [{"tensor_fqn": "0.weight"}])
    raises(ValueError, sparsifier.step)
    assert mask_of(model[0]).sum() == 0


class Short(BaseScheduler):
    def get_sl(self):
        return [0.1]


def schedulers():
    def two_groups(level=0.5):
        sparsifier = WeightNormSparsifier(sparsity_level=level)
        sparsifier.prepare(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), None)
        return sparsifier

    levels = lambda sparsifier: [group["sparsity_level"] for group in sparsifier.groups]
    short = two_groups()
    Short(short)
    assert sorted(levels(short)) == [0.1, 0.5], "cut off in silence"
    source, target = two_groups(), two_groups(0.9)
    first, second = (LambdaSL(one, lambda epoch: 1 / (epoch + 1)) for one in (source, target))
    first.step()
    state = {name: value for name, value in first.state_dict().items() if name != "lr_lambdas"}
    second.load_state_dict(state)
    assert levels(target) == [0.9, 0.9], "wait for the next step"
    falling = two_groups(0.1)
    scheduler = CubicSL(falling, init_sl=0.9, delta_t=2, total_t=4)
    for _ in range(12):
        scheduler.step()
    assert levels(falling) == [0.9, 0.9]
    raises(ZeroDivisionError, CubicSL, two_groups(), delta_t=0)


def data_names():
    for name in ("a.b", "", "training"):
        raises(KeyError, DataNormSparsifier().add_data, name, torch.randn(4, 4))


def data_squash():
    sparsifier = DataNormSparsifier([("a", torch.randn(4, 4)), ("b", torch.randn(4, 4))])
    sparsifier.squash_mask(names=["a"])
    raises(Exception, sparsifier.step)
    raises(Exception, sparsifier.add_data, "a", torch.randn(4, 4))


def data_shared():
    data = torch.arange(1.0, 17).reshape(4, 4)
    sparsifier = DataNormSparsifier([("a", data), ("b", data)], sparsity_level=0.5)
    sparsifier.step()
    sparsifier.get_mask("a")[3] = 0
    sparsifier.squash_mask()
    assert (data == 0).sum() > 8, "masks multiply"


def data_states():
    sparsifier = DataNormSparsifier([("a", torch.randn(4, 4))])
    state = sparsifier.state_dict()
    assert state["data_groups"] is sparsifier.data_groups or state["data_groups"]["a"] is sparsifier.data_groups["a"]
    mine = nn.Parameter(torch.randn(4, 4))
    target = DataNormSparsifier([("a", mine)])
    target.load_state_dict(copy.deepcopy(state))
    assert target.get_data("a") is not mine and not isinstance(target.get_data("a"), nn.Parameter)
    raises(KeyError, DataNormSparsifier([("a", torch.randn(4, 4))]).load_state_dict, copy.deepcopy(state), strict=False)
    raises(AttributeError, copy.deepcopy(sparsifier).step)


def data_norm_levels():
    data = torch.randn(4, 8)
    sparsifier = DataNormSparsifier([("a", data)], sparsity_level=-0.25)
    sparsifier.step()
    assert (sparsifier.get_mask("a") == 0).sum() == 24, "6 of 8 blocks"


def data_norm_shapes():
    for shape in ((8,), (8, 1), (1, 4, 4)):
        sparsifier = DataNormSparsifier([("a", torch.randn(shape))])
        sparsifier.step()
        assert sparsifier.get_mask("a").shape != shape, shape
    for data in (torch.randn(1, 1), torch.randn(2, 3, 4), torch.randn(0, 4), torch.ones(4, 4, dtype=torch.int32),
                 torch.randn(4, 4).to(torch.float8_e4m3fn)):
        raises((IndexError, ValueError, RuntimeError, NotImplementedError),
               lambda: DataNormSparsifier([("a", data)]).step())


class Ghost(BaseDataScheduler):
    def get_schedule_param(self):
        return {"ghost": 0.5}


def data_scheduler_ghost():
    sparsifier = DataNormSparsifier([("a", torch.randn(4, 4))])
    Ghost(sparsifier, "sparsity_level")
    assert "ghost" in sparsifier.data_groups
    raises(Exception, sparsifier.step)


def quantised_zeros():
    for first, most in ((True, 0.3), (False, 0.3)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(200, 32))
        post_training_sparse_quantize(model, DataNormSparsifier, first, None, sparsity_level=0.8,
                                      sparse_block_shape=(1, 4), zeros_per_block=4)
        assert (model[0].weight().dequantize() == 0).float().mean() < most, "of 80 % pruned"


def quantised_names():
    """Names that differ in "." and "_" alone."""
    model = nn.ModuleDict({"a": nn.ModuleDict({"b_c": nn.Embedding(100, 8)}), "a_b": nn.ModuleDict({"c": nn.Embedding(100, 8)})})
    post_training_sparse_quantize(model, DataNormSparsifier, True, None, sparsity_level=0.8, sparse_block_shape=(1, 4),
                                  zeros_per_block=4)
    small = [(table.weight().dequantize().abs() < 0.01).float().mean() for table in (model["a"]["b_c"], model["a_b"]["c"])]
    assert min(small) < 0.1 and max(small) > 0.5, "one stays dense"


def activations(model=None, **functions):
    model = model or nn.Sequential(nn.Identity())
    functions = {"aggregate_fn": lambda x, y: x + y, "reduce_fn": lambda x: x.mean(0),
                 "mask_fn": lambda x: torch.zeros_like(x)} | functions
    sparsifier = ActivationSparsifier(model, **functions)
    return model, sparsifier


def activation_steps():
    model, sparsifier = activations()
    sparsifier.register_layer(model[0])
    model(torch.ones(3, 4))
    sparsifier.step()
    raises(KeyError, sparsifier.step)
    model(torch.ones(3, 4))
    assert sparsifier.get_mask("0").float().mean() == 1, "ones again"
    raises(RuntimeError, model, torch.ones(2, 4))


def activation_features():
    model, sparsifier = activations(features=[0, 2], feature_dim=0)
    sparsifier.register_layer(model[0])
    x = torch.ones(3, 4)
    model(x)
    sparsifier.step()
    sparsifier.squash_mask()
    model(x)
    assert x.sum(1).tolist() == [0, 4, 0], "the caller's tensor"
    raises(RuntimeError, model, torch.ones(3, 4, requires_grad=True))
    model, sparsifier = activations(features=[[0, 2], [1]], feature_dim=0)
    sparsifier.register_layer(model[0])
    raises((IndexError, RuntimeError, TypeError), model, torch.ones(3, 4))


def activation_inputs():
    holder = nn.ModuleDict({"two": nn.Bilinear(4, 4, 2)})
    _, sparsifier = activations(holder)
    sparsifier.register_layer(holder["two"])
    x = torch.ones(3, 4)
    holder["two"](x, x)
    raises(IndexError, holder["two"], input1=x, input2=x)
    sparsifier.step()
    sparsifier.squash_mask()
    raises(TypeError, holder["two"], x, x)


def activation_aggregates():
    model, sparsifier = activations(aggregate_fn=torch.maximum)
    sparsifier.register_layer(model[0])
    model(-torch.ones(3, 4, requires_grad=True))
    data = sparsifier.data_groups["0"]["data"]
    assert (data == 0).all(), "it begins with 0"
    assert data.requires_grad, "the graph is kept"


def activation_hooks():
    model, sparsifier = activations()
    sparsifier.register_layer(model[0])
    model(torch.ones(3, 4))
    sparsifier.step()
    state = sparsifier.state_dict()
    other, target = activations()
    for _ in range(2):
        target.load_state_dict(copy.deepcopy(state))
    assert len(other[0]._forward_pre_hooks) == 2, "hooked twice"
    sparsifier.squash_mask(attach_sparsify_hook=False)
    raises(KeyError, sparsifier.unregister_layer, "0")


FACTS = (base_names, base_masks_stack, base_other_parametrization, base_sparse_params, base_states, base_states_are_not_checked,
         base_copies, base_conversion, masked_weights, names_of_anything, norm_half, norm_ragged, norm_ranks, norm_block_alone,
         nearly_diagonal_refused, schedulers, data_names, data_squash, data_shared, data_states, data_norm_levels,
         data_norm_shapes, data_scheduler_ghost, quantised_zeros, quantised_names, activation_steps, activation_features, activation_inputs,
         activation_aggregates, activation_hooks)


def run(facts):
    """Says what is otherwise; the exit status."""
    failed = 0
    for fact in facts:
        torch.manual_seed(1)
        try:
            fact()
        except Exception as error:  # whatever it is, the fact does not hold
            failed += 1
            print(f"{fact.__name__}: {type(error).__name__}: {error}")
    print(f"{len(facts)} groups of facts, {failed} otherwise")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(FACTS))
