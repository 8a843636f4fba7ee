"""`/v1/models`: load a new model beside the serving one, look at it, switch, and switch back."""

import asyncio
from dataclasses import astuple
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from muslin.http.gallery import Gallery, Held, Standing
from muslin.http.problems import BODY, ProblemError, documented

ModelName = Annotated[str, msgspec.Meta(min_length=1, max_length=128, description="a directory beside the served one")]


class ModelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which model to load."""

    name: ModelName
    accept_worse: Annotated[
        bool, msgspec.Meta(description="load it even if it does worse than the serving one; never if it is damaged")
    ] = False


class Comparison(msgspec.Struct, frozen=True):
    """Mean NDCG@20 on the same held-out requests, and the 95 % interval of the paired difference."""

    requests: int
    serving: float
    candidate: float
    ci_low: float
    ci_high: float


class ModelInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model in memory."""

    model_id: str
    name: str
    state: Standing
    method: str
    items: int
    shoppers: int
    shadow: Comparison | None = None


class Models(msgspec.Struct, frozen=True):
    """The models in memory, the active one first."""

    models: tuple[ModelInfo, ...]


_COMMON = ("ambiguous_length", "headers_too_large", "internal_error")
_GONE = ("unknown_model", "not_found", "already_active", "not_active", "no_previous")


@get(
    "/v1/models",
    summary="List the models in memory",
    opt={"query": (), "scope": "models:admin"},
    responses=documented(*_COMMON, "unknown_field"),
)
async def models(gallery: NamedDependency[Gallery]) -> Models:
    """The active model, the previous one, and one that is ready, where there are."""
    return Models(tuple(_info(standing, held) for standing, held in gallery.listing()))


@post(
    "/v1/models",
    status_code=201,
    summary="Load a model beside the serving one",
    opt={"query": (), "scope": "models:admin"},
    responses=documented(*_COMMON, *BODY, "unknown_model", "load_in_progress", "model_refused", "not_ready"),
)
async def load(data: JSONBody[ModelRequest], gallery: NamedDependency[Gallery]) -> ModelInfo:
    """Verify it, compare it, and keep it ready. Nothing changes for shoppers until it is activated."""
    held = await asyncio.to_thread(gallery.load, data.name, accept_worse=data.accept_worse)
    return _info("ready", held)


@post(
    "/v1/models/{model_id:str}",
    status_code=200,
    summary="Activate a model, or roll back to the one before",
    opt={"query": (), "scope": "models:admin", "actions": ("activate", "rollback")},
    responses=documented(*_COMMON, *_GONE, "unknown_field"),
)
async def act(model_id: FromPath[str], gallery: NamedDependency[Gallery]) -> ModelInfo:
    """Switch from the next request on; answers being made are finished by the model that began them."""
    name, _, action = model_id.rpartition(":")
    if action == "activate":
        return _info("active", await asyncio.to_thread(gallery.activate, name))
    if action == "rollback":
        return _info("active", await asyncio.to_thread(gallery.roll_back, name))
    raise ProblemError("not_found")


def _info(standing: Standing, held: Held) -> ModelInfo:
    world, shadow = held.served.model.world, held.shadow
    return ModelInfo(
        model_id=held.served.version,
        name=held.name,
        state=standing,
        method=held.served.model.method,
        items=len(world.catalogue),
        shoppers=len(world.shoppers),
        shadow=None if shadow is None else Comparison(*astuple(shadow)),
    )
