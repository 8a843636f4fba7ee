"""A planted shop whose pictures tell taste in a whisper: the frozen vectors order garments badly, tuning learns."""

import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from muslin.data.splits import validation
from muslin.features.encoders import efficientnet_lite0, lite0_network
from muslin.features.encoders.tuned import BACKBONE, projected
from muslin.features.space import encode
from muslin.method import Trainable
from muslin.nets import picture_tuning
from muslin.nets.picture_tuning import START, Config, Pictures, PictureTuning, beginning, encoder_params, with_top
from muslin.nets.vector_cosine import VectorCosine
from muslin.random import stream
from muslin.recipes.validate import cold_ndcg
from muslin.testing.worlds import COLOURS, KINDS, tiny_shop
from muslin.train.loop import Run, train

WIDTH = 24
QUICK = Config(dimensions=WIDTH, bottleneck=6, epochs=3, batch_size=256, negatives=64, learning_rate=0.003)


def planted(shop, seed: int = 0) -> Pictures:
    """Unit vectors [n, 24]: eleven numbers tell colour and kind, thirteen louder ones tell nothing."""
    rng, n = stream(seed, "planted"), len(shop.items)
    colour = np.stack([shop.items["colour"].to_numpy() == c for c in COLOURS], axis=1)
    kind = np.stack([shop.items["kind"].to_numpy() == k for k in KINDS], axis=1)
    loud = 2.0 * rng.normal(size=(n, WIDTH - len(COLOURS) - len(KINDS)))
    vectors = np.concatenate([colour, kind, loud], axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pictures(vectors.astype(np.float32), {name: row for row, name in enumerate(shop.items["item_id"])})


@pytest.fixture(scope="module")
def pictures(shop) -> Pictures:
    return planted(shop)


@pytest.fixture(scope="module")
def data(shop):
    return encode(shop).data


def learned(config: Config, pictures, data, before=None):
    return train(PictureTuning(config, pictures, before), data, Run("t", 0)).params


def frozen(pictures, ids) -> torch.Tensor:
    return torch.from_numpy(pictures.inputs[pictures.of(ids)])


def test_head_begins_with_the_cosines_of_the_frozen_vectors(pictures, data) -> None:
    method = PictureTuning(QUICK, pictures)
    assert isinstance(method, Trainable)
    found = method.vectors(method.init(data, 0), data.catalogue.ids)
    plain = frozen(pictures, data.catalogue.ids)
    centred = F.normalize(plain - plain.mean(0), dim=1)
    assert (found @ found.T - centred @ centred.T).abs().max() < 1e-5


def test_fewer_dimensions_keep_the_directions_in_which_pictures_differ_most(pictures, data) -> None:
    params = beginning(pictures, data, replace(QUICK, dimensions=5))
    plain = frozen(pictures, data.catalogue.ids).numpy()
    _, _, rows = np.linalg.svd(plain - plain.mean(0))
    assert params["projection"].shape == (WIDTH, 5)
    overlap = np.linalg.svd(rows[:5] @ params["projection"].numpy(), compute_uv=False)
    assert np.allclose(overlap, 1, atol=1e-4)


def test_each_stage_begins_where_the_one_before_ended(pictures, data) -> None:
    before = learned(QUICK, pictures, data)
    method = PictureTuning(replace(QUICK, stage="adapter"), pictures, before)
    ids = data.catalogue.ids
    start = method.init(data, 0)
    assert torch.equal(method.vectors(start, ids), PictureTuning(QUICK, pictures).vectors(before, ids))
    assert all(torch.equal(start[f"{START}{name}"], start[name]) for name in ("projection", "down", "down_bias", "up"))
    assert set(encoder_params(start)) == {"centre", "spread", "projection", "down", "down_bias", "up"}


@pytest.mark.parametrize("stage", ["head", "adapter"])
def test_gradients_are_finite_differences_of_the_loss(pictures, data, stage) -> None:
    config = replace(QUICK, stage=stage)
    method = PictureTuning(config, pictures, None if stage == "head" else learned(QUICK, pictures, data))
    rng = torch.Generator().manual_seed(0)
    params = {
        name: value.double() + (0 if name.startswith(START) else 0.05 * torch.randn(value.shape, generator=rng))
        for name, value in method.init(data, 0).items()
    }
    batch = next(method.batches(data, 0, 0))
    pairs = batch.pairs._replace(history=batch.pairs.history.astype(np.float64))
    batch = batch._replace(pairs=pairs, inputs=batch.inputs.double())
    grads, metrics = method.step(params, batch)
    assert metrics["loss"] > 0
    moved = {"projection", "log_scale", "category", "category_bias"}
    assert set(grads) == moved | ({"down", "down_bias", "up"} if stage == "adapter" else set())
    for name, grad in grads.items():
        place = int(grad.abs().argmax())
        assert grad.reshape(-1)[place].item() == pytest.approx(slope(method, params, batch, name, place), rel=1e-4)


def slope(method, params, batch, name: str, place: int) -> float:
    values = []
    for step in (1e-5, -1e-5):
        moved = params[name].clone()
        moved.view(-1)[place] += step
        values.append(method.step({**params, name: moved}, batch)[1]["loss"])
    return (values[0] - values[1]) / 2e-5


def test_the_loss_is_the_written_out_softmax(pictures, data) -> None:
    method = PictureTuning(replace(QUICK, batch_size=40, negatives=16, category_weight=0.5), pictures)
    params = method.init(data, 0)
    params["category"] = torch.randn(params["category"].shape, generator=torch.Generator().manual_seed(2))
    batch = next(method.batches(data, 0, 0))
    z, pairs = method.vectors(params, data.catalogue.ids[batch.pairs.items]).double(), batch.pairs
    losses = []
    for b, target in enumerate(pairs.target):
        taken = torch.from_numpy(pairs.history[b].toarray()[0]).double()
        query = F.normalize(taken @ z, dim=0) / QUICK.temperature
        others = [query @ z[s] for s, out in zip(pairs.negative, pairs.taken[b], strict=True) if not out]
        logits = torch.stack([query @ z[target], *others])
        losses.append(torch.logsumexp(logits, 0) - logits[0])
    asked = z * math.sqrt(WIDTH) @ params["category"].double()
    category = F.cross_entropy(asked, torch.from_numpy(data.catalogue.category[pairs.items, -1]))
    expected = torch.stack(losses).mean() + 0.5 * category
    assert method.step(params, batch)[1]["loss"] == pytest.approx(expected.item(), rel=1e-4)


def test_garments_without_a_category_are_not_asked_for_theirs(pictures, data) -> None:
    unknown = replace(data, catalogue=replace(data.catalogue, category=data.catalogue.category[:, :0]))
    grads, _ = (method := PictureTuning(QUICK, pictures)).step(
        method.init(unknown, 0), next(method.batches(unknown, 0, 0))
    )
    assert grads["category"].shape == (WIDTH, 0)
    assert grads["projection"].abs().max() > 0


@pytest.mark.parametrize("stage", ["head", "adapter"])
def test_infinite_strength_is_the_frozen_encoder_and_none_is_plain_fine_tuning(pictures, data, stage) -> None:
    before = None if stage == "head" else learned(QUICK, pictures, data)
    config, ids = replace(QUICK, stage=stage), data.catalogue.ids
    method = PictureTuning(config, pictures, before)
    start = method.vectors(method.init(data, 0), ids)

    def found(strength: float) -> torch.Tensor:
        return method.vectors(learned(replace(config, strength=strength), pictures, data, before), ids)

    held, plain = found(math.inf), found(0.0)
    assert (held - start).abs().max() < 1e-6
    assert (plain - naive(method, data)).abs().max() < 1e-6
    assert (plain - start).abs().max() > 0.05
    distances = [float((found(strength) - start).norm()) for strength in (0.0, 30.0, 1000.0)]
    assert distances[0] > distances[1] > distances[2] > 0


def naive(method, data) -> torch.Tensor:
    """Plain fine-tuning: autograd of the loss and Adam, no penalty and nothing of it anywhere."""
    params = {name: value.clone() for name, value in method.init(data, 0).items() if not name.startswith(START)}
    learned = [params[name].requires_grad_() for name in params if name not in ("centre", "spread")]
    optimizer = torch.optim.AdamW(learned, method.config.learning_rate, weight_decay=0.0, fused=True)
    for epoch in range(method.config.epochs):
        for batch in method.batches(data, 0, epoch):
            optimizer.zero_grad()
            method._loss(params, batch).backward()
            optimizer.step()
    return method.vectors({name: value.detach() for name, value in params.items()}, data.catalogue.ids)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_planted_is_learned_for_garments_nobody_took(seed) -> None:
    shop = tiny_shop(seed, items=300, users=400, events=6000)
    pictures, cut = planted(shop, seed), validation(shop, seed, share=0.15)
    world = encode(cut.train)
    judge = cold_ndcg(VectorCosine(), world, cut)
    ids, before, scores = world.catalogue.ids, None, [judge({"vectors": frozen(pictures, world.catalogue.ids)})]
    for stage in ("head", "adapter"):
        method = PictureTuning(replace(QUICK, stage=stage, epochs=6), pictures, before)
        before = train(
            method, world.data, Run("t", 0), lambda p, m=method: judge({"vectors": m.vectors(p, ids)})
        ).params
        scores.append(judge({"vectors": method.vectors(before, ids)}))
    assert scores[1] > 1.3 * scores[0]
    assert scores[2] >= scores[1]


def test_a_run_that_was_interrupted_ends_with_the_same_bits(pictures, data, tmp_path) -> None:
    before = learned(QUICK, pictures, data)
    method = PictureTuning(replace(QUICK, stage="adapter"), pictures, before)
    whole = train(method, data, Run("t", 0)).params

    class Stopped(PictureTuning):
        def step(self, params, batch):
            steps.append(1)
            if len(steps) == 4:
                os.kill(os.getpid(), signal.SIGINT)
            return super().step(params, batch)

    steps: list[int] = []
    run = Run("t", 0, tmp_path / "c.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train(Stopped(method.config, pictures, before), data, run)
    resumed = train(method, data, run).params
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_an_epoch_has_at_most_as_many_steps_as_were_asked_for(pictures, data) -> None:
    few = PictureTuning(replace(QUICK, batch_size=64, steps=3), pictures)
    assert len(list(few.batches(data, 0, 0))) == 3
    first, other = (next(few.batches(data, 0, epoch)).pairs.target for epoch in (0, 1))
    assert not np.array_equal(first, other), "another part of the pairs"


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite0.load(32)


@pytest.fixture(scope="module")
def maps(shop, backbone) -> Pictures:
    """Of noise at 32 pixels, in float16 as they are stored."""
    ids = shop.items["item_id"].to_list()
    noise = stream(0, "noise").integers(256, size=(len(ids), 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        found = lite0_network.trunk(backbone.params, lite0_network.scaled(torch.from_numpy(noise)))
    return Pictures(found.numpy().astype(np.float16), {name: row for row, name in enumerate(ids)})


def test_top_begins_at_the_backbone_and_moves_its_last_block(maps, backbone, data, monkeypatch) -> None:
    with torch.inference_mode():
        exact = torch.from_numpy(maps.inputs.astype(np.float32))
        pooled = F.normalize(lite0_network.tail(backbone.params, exact)).numpy()
    before = beginning(Pictures(pooled, maps.row), data, Config(dimensions=16))
    config = Config(stage="top", dimensions=16, epochs=1, batch_size=16, negatives=16, steps=2, strength=0.1)
    method = PictureTuning(config, maps, with_top(before, backbone.params))
    start, ids = method.init(data, 0), data.catalogue.ids
    frozen_ones = projected(before, torch.from_numpy(pooled[maps.of(ids)]))
    assert (method.vectors(start, ids) - frozen_ones).abs().max() < 1e-5
    params = train(method, data, Run("t", 0)).params
    top = [name for name in params if name.startswith(BACKBONE)]
    assert len(top) == 8
    assert all(name.startswith((f"{BACKBONE}blocks.15.", f"{BACKBONE}head.")) for name in top)
    assert all(not torch.equal(params[name], backbone.params[name.removeprefix(BACKBONE)]) for name in top)
    assert torch.equal(with_top(params, backbone.params)[top[0]], params[top[0]]), "what was learned is not undone"
    held = train(replace(method, config=replace(config, strength=math.inf)), data, Run("t", 0)).params
    assert torch.equal(method.vectors(held, ids), method.vectors(start, ids))


def test_blocks_of_pictures_change_nothing(pictures, data) -> None:
    method = PictureTuning(QUICK, pictures)
    params, ids = method.init(data, 0), data.catalogue.ids
    assert torch.allclose(method.vectors(params, ids, 7), method.vectors(params, ids), atol=1e-6)
    assert picture_tuning.STAGES["top"][0] == "head"
