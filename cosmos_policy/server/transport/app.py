"""The application: every route, behind the door, around one service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib import metadata

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cosmos_policy.server.backend import MakeBackend, one_machine
from cosmos_policy.server.dialects import all_routes
from cosmos_policy.server.errors import Invalid, NotFound, Refusal
from cosmos_policy.server.service import Service
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.server.transport import operations
from cosmos_policy.server.transport.door import Door, error_body, error_headers


def make_app(settings: ServerSettings, make_backend: MakeBackend = one_machine) -> FastAPI:
    """A FastAPI application; its ``state.service`` exists while it runs (ASGI lifespan)."""
    service_of: dict[str, Service] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = Service(settings, make_backend)
        app.state.service = service_of["now"] = service
        for router in (operations.routes(service), *all_routes(service)):
            app.include_router(router)
        app.openapi_schema = None
        service.worker.start()
        serving = asyncio.create_task(service.scheduler.run())
        try:
            yield
        finally:
            await service.close()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    app = FastAPI(
        title="Cosmos Policy",
        version=metadata.version("cosmos-policy"),
        summary="World-action models for robots: actions, predicted frames, and the OpenAI-compatible surface.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(Refusal, _on_refusal)
    app.add_exception_handler(ValueError, _on_value_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_middleware(Door, settings=settings)
    return app


def _answer(refusal: Refusal) -> JSONResponse:
    return JSONResponse(error_body(refusal), status_code=refusal.status, headers=error_headers(refusal))


async def _on_refusal(request: Request, error: Exception) -> JSONResponse:
    return _answer(error)


async def _on_value_error(request: Request, error: Exception) -> JSONResponse:
    """Ours are one sentence to the client; anybody else's is our fault and goes to the log."""
    if type(error).__module__.partition(".")[0] not in ("cosmos_policy", "embodiments"):
        raise error
    return _answer(Invalid(str(error)))


async def _on_validation_error(request: Request, error: Exception) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return _answer(Invalid(f"{where or 'The request'}: {first['msg']}."))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    refusal: Refusal
    if error.status_code == 404:
        refusal = NotFound("There is nothing at this address; GET /openapi.json lists what there is.")
    else:
        refusal = Invalid(str(error.detail))
        refusal.status = error.status_code
    response = _answer(refusal)
    response.headers.update(error.headers or {})
    return response
