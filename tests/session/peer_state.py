#!/usr/bin/env python3
"""Takes sparsifier states from torch.ao.pruning to Lacuna and back: half of a run is done there and half here, and the
masks must be those of a run that never moved.

    tests/support/run_peer.sh tests/session/peer_state.py PATH/TO/lacuna-cli

Exit status 0 if everything holds, 77 (skipped) where torch 2.11 is not installed."""

import pathlib
import subprocess
import sys
import tempfile

from peer_torch import need

need()
import torch
from torch import nn
from torch.ao.pruning import CubicSL, LambdaSL, NearlyDiagonalSparsifier, WeightNormSparsifier
from torch.ao.pruning._experimental.data_sparsifier import DataNormSparsifier

WEIGHT_NORM = {"sparsity_level": 0.5, "sparse_block_shape": (1, 4), "zeros_per_block": 4}
SINGLE = {"sparsity_level": 0.3, "sparse_block_shape": (1, 1), "zeros_per_block": 1}
UNSAID = "version: 1\ngroups:\n  - {layers: ['0.*', '2.*'], except: ['*.bias'], sparsifier: %s}\n"
HIGHER = "version: 1\ngroups:\n  - {layers: ['0.*', '2.*'], except: ['*.bias'], sparsifier: %s, sparsity_level: 0.8}\n"


def model() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 8))


def prepared(kind: str, dense: nn.Module, counting: bool = False):
    """A sparsifier of that kind on a copy of the model, with options of its own for the second layer."""
    if kind == "nearly_diagonal":
        sparsifier = NearlyDiagonalSparsifier(nearliness=3)
        config = [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight", "nearliness": 5}]
    else:
        sparsifier = WeightNormSparsifier(**WEIGHT_NORM)
        config = [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight", **SINGLE}]
    pruned = model()
    pruned.load_state_dict(dense.state_dict())
    sparsifier.prepare(pruned, config)
    if counting:
        sparsifier.state["0.weight"]["step_count"] = 3
    return sparsifier


def live_masks(sparsifier) -> dict:
    return {group["tensor_fqn"]: group["module"].parametrizations.weight[0].mask.bool() for group in sparsifier.groups}


def state_masks(state: dict) -> dict:
    return {fqn: entry["mask"].bool() for fqn, entry in state["state"].items()}


def same(left: dict, right: dict, what: str) -> None:
    assert left.keys() == right.keys(), (what, left.keys(), right.keys())
    for fqn in left:
        assert torch.equal(left[fqn], right[fqn]), f"{what}: the masks of {fqn} differ"
    assert any((~mask).any() for mask in left.values()), f"{what}: nothing is pruned"


def raise_levels(sparsifier) -> None:
    for group in sparsifier.groups:
        if "sparsity_level" in group:
            group["sparsity_level"] = 0.8


def check(cli: str, folder: pathlib.Path, kind: str, legacy: bool) -> None:
    what = f"{kind}, {'legacy' if legacy else 'zip'}"
    dense = model()
    torch.save(dense.state_dict(), folder / "model.pt")
    (folder / "unsaid.yaml").write_text(UNSAID % kind)
    (folder / "higher.yaml").write_text((UNSAID if kind == "nearly_diagonal" else HIGHER) % kind)

    def lacuna(recipe: str, state: str, out: str) -> dict:
        subprocess.run([cli, "prune", folder / "model.pt", "--recipe", folder / recipe, "--state", folder / state,
                        "--out", folder / "pruned.pt", "--save-state", folder / out], check=True, stdout=subprocess.PIPE)
        return torch.load(folder / out, weights_only=True)

    # There, then here: ours takes the second step with the level raised by the recipe.
    theirs = prepared(kind, dense, counting=True)
    theirs.step()
    torch.save(theirs.state_dict(), folder / "theirs.pt", _use_new_zipfile_serialization=not legacy)
    before = (folder / "theirs.pt").read_bytes()
    ours = lacuna("higher.yaml", "theirs.pt", "ours.pt")
    assert (folder / "theirs.pt").read_bytes() == before, f"{what}: the source changed"
    raise_levels(theirs)
    theirs.step()
    same(live_masks(theirs), state_masks(ours), f"{what}: there, then here")
    assert ours["state"]["0.weight"]["step_count"] == 3, f"{what}: the step count was lost"
    for group, known in zip(ours["groups"], theirs.state_dict()["groups"]):
        for key, value in known.items():
            assert group[key] == value and type(group[key]) is type(value), (what, key, group[key], value)
    pruned = torch.load(folder / "pruned.pt", weights_only=True)
    for fqn, mask in live_masks(theirs).items():
        assert torch.equal(pruned[fqn], dense.state_dict()[fqn] * mask), f"{what}: the file's {fqn}"

    # Here, then there: Python loads what ours wrote, twice, and steps.
    for _ in range(2):
        back = prepared(kind, dense)
        back.load_state_dict(torch.load(folder / "ours.pt", weights_only=True))
        same(live_masks(back), live_masks(theirs), f"{what}: loaded there")
    if kind != "nearly_diagonal":
        for sparsifier in (back, theirs):
            for group in sparsifier.groups:
                group["sparsity_level"] = 0.9
    back.step()
    theirs.step()
    same(live_masks(back), live_masks(theirs), f"{what}: here, then there")

    # And here again, from the state that came from there for the second time; the options are the state's.
    torch.save(back.state_dict(), folder / "again.pt")
    again = lacuna("unsaid.yaml", "again.pt", "last.pt")
    theirs.step()
    same(live_masks(theirs), state_masks(again), f"{what}: here again")


DATA = {"0_weight": {}, "2_weight": {"sparsity_level": 0.3, "sparse_block_shape": (1, 1), "zeros_per_block": 1}}
DATA_NORM = "version: 1\ngroups:\n  - {layers: ['0.weight', '2.weight'], sparsifier: data_norm, norm: %s%s}\n"


def data_sparsifier(norm: str) -> DataNormSparsifier:
    return DataNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 4), zeros_per_block=4, norm=norm)


def same_data(theirs: dict, ours: dict, what: str) -> None:
    assert theirs["state"].keys() == ours["state"].keys() == DATA.keys(), (what, ours["state"].keys())
    assert theirs["_container"].keys() == ours["_container"].keys(), (what, ours["_container"].keys())
    for key, values in theirs["_container"].items():
        assert torch.equal(values, ours["_container"][key]), f"{what}: the values of {key} differ"
    for name, state in theirs["state"].items():
        mask, other = state["mask"].to_dense(), ours["state"][name]["mask"].to_dense()
        assert torch.equal(mask.bool(), other.bool()), f"{what}: the masks of {name} differ"
        assert (mask == 0).any(), f"{what}: nothing of {name} is pruned"
        for key, value in theirs["data_groups"][name].items():
            assert ours["data_groups"][name][key] == value, (what, name, key, ours["data_groups"][name])


def check_data(cli: str, folder: pathlib.Path, norm: str) -> None:
    """A model's weights as a data sparsifier has them: there, here at a higher level, there again, and here."""
    dense = model().state_dict()
    torch.save(dense, folder / "model.pt")
    (folder / "unsaid.yaml").write_text(DATA_NORM % (norm, ""))
    (folder / "higher.yaml").write_text(DATA_NORM % (norm, ", sparsity_level: 0.8"))

    def lacuna(recipe: str, out: str, *more: str) -> dict:
        subprocess.run([cli, "prune", folder / "model.pt", "--recipe", folder / recipe, "--out", folder / "pruned.pt",
                        "--save-state", folder / out, *more], check=True, stdout=subprocess.PIPE)
        return torch.load(folder / out, weights_only=True)

    def step(sparsifier, level: float) -> None:
        for group in sparsifier.data_groups.values():
            group["sparsity_level"] = level
        sparsifier.step()

    theirs = data_sparsifier(norm)
    for name, options in DATA.items():
        theirs.add_data(name, dense[name.replace("_", ".")].clone(), **options)
    theirs.step()
    torch.save(theirs.state_dict(), folder / "theirs.pt")
    ours = lacuna("higher.yaml", "ours.pt", "--state", str(folder / "theirs.pt"))
    step(theirs, 0.8)
    same_data(theirs.state_dict(), ours, f"data, {norm}: there, then here")
    pruned = torch.load(folder / "pruned.pt", weights_only=True)
    for name in DATA:
        assert torch.equal(pruned[name.replace("_", ".")], theirs.get_data(name, return_original=False))
    back = data_sparsifier(norm)
    for _ in range(2):
        back.load_state_dict(torch.load(folder / "ours.pt", weights_only=True))
        same_data(theirs.state_dict(), back.state_dict(), f"data, {norm}: loaded there")
    for one in (back, theirs):
        step(one, 0.9)
    same_data(theirs.state_dict(), back.state_dict(), f"data, {norm}: here, then there")
    torch.save(back.state_dict(), folder / "again.pt")
    again = lacuna("unsaid.yaml", "last.pt", "--state", str(folder / "again.pt"))
    same_data(theirs.state_dict(), again, f"data, {norm}: here again")

    # What began here, one that never was there loads and goes on with.
    lacuna("higher.yaml", "fresh.pt")
    fresh = data_sparsifier(norm)
    fresh.load_state_dict(torch.load(folder / "fresh.pt", weights_only=True))
    step(fresh, 0.9)
    for name in DATA:
        fresh.data_groups[name].update(theirs.data_groups[name])
    fresh.step()
    same_data(theirs.state_dict(), fresh.state_dict(), f"data, {norm}: from here")


SCHEDULES = {
    "cubic": "{scheduler: cubic, init_sl: 0.1, init_t: 1, delta_t: 1, total_t: 4, initially_zero: true}",
    "lambda": "{scheduler: lambda, factor: 0.25 * (epoch + 1)}",
    "chain": "\n  - {scheduler: cubic, init_sl: 0.2, delta_t: 1, total_t: 4}\n  - {scheduler: lambda, factor: 1 + epoch / 2}",
}


def schedulers(schedule: str, sparsifier) -> list:
    """The same schedulers as the recipe's, made in its order."""
    if schedule == "cubic":
        return [CubicSL(sparsifier, init_sl=0.1, init_t=1, delta_t=1, total_t=4, initially_zero=True)]
    if schedule == "lambda":
        return [LambdaSL(sparsifier, lambda epoch: 0.25 * (epoch + 1))]
    return [CubicSL(sparsifier, init_sl=0.2, delta_t=1, total_t=4), LambdaSL(sparsifier, lambda epoch: 1 + epoch / 2)]


def run(sparsifier, chain: list, steps: int) -> None:
    for _ in range(steps):
        sparsifier.step()
        for scheduler in chain:
            scheduler.step()


def check_schedule(cli: str, folder: pathlib.Path, schedule: str) -> None:
    """Two steps there, three here, one there again, beside six that never moved."""
    dense = model()
    torch.save(dense.state_dict(), folder / "model.pt")
    (folder / "scheduled.yaml").write_text(UNSAID % "weight_norm" + f"steps: 3\nschedule: {SCHEDULES[schedule]}\n")
    whole = prepared("weight_norm", dense)
    chain = schedulers(schedule, whole)
    theirs = prepared("weight_norm", dense)
    theirs_chain = schedulers(schedule, theirs)
    run(theirs, theirs_chain, 2)
    states = [{key: value for key, value in one.state_dict().items() if key != "sl_lambdas"} for one in theirs_chain]
    torch.save({**theirs.state_dict(), "schedulers": states}, folder / "two.pt")
    subprocess.run([cli, "prune", folder / "model.pt", "--recipe", folder / "scheduled.yaml", "--state", folder / "two.pt",
                    "--out", folder / "pruned.pt", "--save-state", folder / "five.pt"], check=True, stdout=subprocess.PIPE)
    five = torch.load(folder / "five.pt", weights_only=True)
    run(whole, chain, 5)
    same(live_masks(whole), state_masks(five), f"{schedule}: five steps")
    for group, known in zip(five["groups"], whole.groups):
        assert abs(group["sparsity_level"] - known["sparsity_level"]) < 1e-15, (schedule, group, known["sparsity_level"])
    for state, known in zip(five["schedulers"], chain):
        for key, value in known.state_dict().items():
            assert key == "sl_lambdas" or state[key] == value, (schedule, key, state[key], value)
    back = prepared("weight_norm", dense)
    back_chain = schedulers(schedule, back)
    back.load_state_dict({key: five[key] for key in ("state", "groups")})
    for one, state in zip(back_chain, five["schedulers"]):
        one.load_state_dict(state)
    run(back, back_chain, 1)
    run(whole, chain, 1)
    same(live_masks(back), live_masks(whole), f"{schedule}: six steps")


def main(cli: str) -> None:
    for kind in ("weight_norm", "nearly_diagonal"):
        for legacy in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                check(cli, pathlib.Path(folder), kind, legacy)
    for norm in ("L1", "L2"):
        with tempfile.TemporaryDirectory() as folder:
            check_data(cli, pathlib.Path(folder), norm)
    for schedule in SCHEDULES:
        with tempfile.TemporaryDirectory() as folder:
            check_schedule(cli, pathlib.Path(folder), schedule)
    print("states go there and back, and masks go on as if they had stayed")


if __name__ == "__main__":
    main(sys.argv[1])
