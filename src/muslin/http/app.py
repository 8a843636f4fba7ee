"""The application: routes, and what they share."""

from collections.abc import Sequence
from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from muslin.engine.key_file import Watched
from muslin.engine.model import Model
from muslin.engine.online.event import Event, Receipt
from muslin.http.access import Access, require_scopes
from muslin.http.audience import Audience, audience
from muslin.http.body import Limits, StrictRequest
from muslin.http.docs import docs, openapi
from muslin.http.erasures import Erasure
from muslin.http.events import EventsRequest, send_events
from muslin.http.gallery import Gallery
from muslin.http.health import Health, livez, readyz
from muslin.http.importing import Imports
from muslin.http.imports import ImportJob, Rejects, confirm_import, import_job, import_rejects, send_import
from muslin.http.item_bodies import Changes, Garments, StockCounts
from muslin.http.items import delete_item, patch_item, patch_stock, put_items
from muslin.http.models import ModelInfo, ModelRequest, Models, act, load, models
from muslin.http.observe import Observer, logged, measured
from muslin.http.openapi import document
from muslin.http.problems import Problem, ProblemError, on_failure, on_http_error, on_problem
from muslin.http.rates import Rates
from muslin.http.recommendations import recommend
from muslin.http.recommended import RecommendationRequest, Recommendations
from muslin.http.screen import finish, screen
from muslin.http.service import Service, proved
from muslin.http.similar import Similar, similar
from muslin.http.users import Kept, Profiles, erase_user, erasure, export_user, put_users

ROUTES: tuple[HTTPRouteHandler, ...] = (
    send_events,
    put_users,
    erase_user,
    erasure,
    export_user,
    put_items,
    patch_item,
    delete_item,
    patch_stock,
    send_import,
    import_job,
    import_rejects,
    confirm_import,
    recommend,
    audience,
    similar,
    models,
    load,
    act,
    livez,
    readyz,
)
"""Routes of the API; the two that describe it come on top."""

_BODIES = (
    EventsRequest,
    Event,
    Receipt,
    Profiles,
    Kept,
    Erasure,
    Garments,
    StockCounts,
    Changes,
    ImportJob,
    Rejects,
    RecommendationRequest,
    Recommendations,
    Audience,
    Similar,
    ModelRequest,
    ModelInfo,
    Models,
    Health,
    Problem,
)


def create_app(
    model: Model, limits: Limits | None = None, keys: Watched | None = None, state: Path | None = None
) -> Litestar:
    """Application that serves `model`; raises `ModelError` (`golden_failed`) when it does not answer."""
    limits = limits or Limits()
    service = Service(limits, state)
    service.open(proved(model))
    return application(service, limits, keys)


def application(
    service: Service,
    limits: Limits,
    keys: Watched | None = None,
    observers: Sequence[Observer] = (),
    *,
    gallery: Gallery | None = None,
    log_requests: bool = False,
) -> Litestar:
    """Application on a `service`, which may not have a model yet.

    `keys`: who may ask; without any the service is open. `observers` are told of each request, such as for traces.
    `gallery`: where other models come from.
    """
    models_at_hand = gallery or Gallery(service, None)
    metrics, imports = service.metrics, Imports(service, service.directory)
    service.when_open(imports.resume)
    require_scopes(ROUTES)
    state = {
        "limits": limits,
        "document": document(ROUTES, _BODIES),
        "access": Access(keys or Watched(None), Rates(metrics), metrics),
        "observers": (measured(metrics), logged(log_requests), *observers),
    }
    return Litestar(
        [*ROUTES, openapi, docs],
        request_class=StrictRequest,
        request_max_body_size=limits.body_bytes,
        dependencies={
            "service": Provide(lambda: service, sync_to_thread=False),
            "imports": Provide(lambda: imports, sync_to_thread=False),
            "gallery": Provide(lambda: models_at_hand, sync_to_thread=False),
        },
        before_request=screen,
        before_send=[finish],
        exception_handlers={ProblemError: on_problem, HTTPException: on_http_error, Exception: on_failure},
        on_shutdown=[imports.close, service.close],
        state=State(state),
        openapi_config=None,
        logging_config=None,
    )
