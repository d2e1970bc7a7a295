"""``/v1/videos`` and ``/v1/videos/sync``: generation and the action modes, in the form in which Cosmos 3 is served
elsewhere.

The answer is a video (MP4, H.264, AAC where there is sound); a finished job of an action mode carries the chunk too.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from cosmos_policy.media import encode_media
from cosmos_policy.server.dialects.bodies import JSON, media_type, read_message, while_connected
from cosmos_policy.server.dialects.rest_schema import refusals
from cosmos_policy.server.dialects.video_form import VideoRequest, read_form
from cosmos_policy.server.errors import Invalid, TooLarge, WrongMediaType
from cosmos_policy.server.jobs import Job, Jobs, Product
from cosmos_policy.server.media.clips import encode_mp4
from cosmos_policy.server.scheduling.ticket import JOB
from cosmos_policy.server.service import Caller, Service, Tell
from cosmos_policy.types import ActionChunk, Media, Rollout
from cosmos_policy.wire.messages import encode_answer

MOST_FIELDS, MOST_FIELD_BYTES = 40, 4 * 2**20
_FORM = {
    "type": "object",
    "required": ["prompt"],
    "properties": {
        "prompt": {"type": "string"},
        "input_reference": {
            "type": "string",
            "format": "binary",
            "description": "first frame, or video to go on from; action modes need one",
        },
        "extra_params": {"type": "string", "description": 'JSON: {"action_mode": "policy", ...}, or none'},
        "negative_prompt": {"type": "string"},
        "seconds": {"type": "string", "description": "in place of num_frames"},
        "generate_sound": {"type": "boolean"},
        "size": {"type": "string", "examples": ["832x480"]},
        "num_frames": {"type": "integer"},
        "fps": {"type": "integer"},
        "num_inference_steps": {"type": "integer"},
        "guidance_scale": {"type": "number"},
        "flow_shift": {"type": "number"},
        "seed": {"type": "integer", "minimum": 0},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM}, "application/json": {"schema": {"type": "object"}}},
    },
    "responses": refusals(),
}
_BY_ID = {"responses": refusals(400, 401, 403, 404, 409, 503)}


def routes(service: Service) -> APIRouter:
    """Synchronous, and the five routes of a job."""
    router = APIRouter(tags=["openai"])
    jobs = Jobs(service.settings.limits, service.metrics)
    service.at_close(jobs.close)

    @router.post("/v1/videos/sync", response_class=Response, openapi_extra=_BODY)
    async def synchronous(request: Request) -> Response:
        """MP4 bytes of what the model expects to see."""
        video = await _read(request, service)
        if video.mode == "inverse_dynamics":
            raise Invalid("inverse_dynamics makes no video: POST /v1/videos, whose job carries the actions.")
        product = await while_connected(request, _make(video, request.state.owner, service))
        return Response(product.video, media_type="video/mp4")

    @router.post("/v1/videos", openapi_extra=_BODY)
    async def create(request: Request) -> dict[str, Any]:
        """A job that computes in its own time."""
        video, owner = await _read(request, service), request.state.owner
        job = Job(owner, video.description)
        return _describe(jobs.start(job, lambda: _make(video, owner, service, job.note)))

    @router.get("/v1/videos", openapi_extra={"responses": refusals(400, 401, 503)})
    async def list_jobs(request: Request) -> dict[str, Any]:
        """Your jobs, newest first."""
        found = [_describe(job) for job in jobs.of(request.state.owner)]
        ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {}
        return {"object": "list", "data": found, "has_more": False, **ends}

    @router.get("/v1/videos/{video_id}", openapi_extra=_BY_ID)
    async def retrieve(video_id: str, request: Request) -> dict[str, Any]:
        """One job; when it is completed, with its action chunk."""
        return _describe(jobs.get(video_id, request.state.owner))

    @router.get("/v1/videos/{video_id}/content", response_class=Response, openapi_extra=_BY_ID)
    async def content(video_id: str, request: Request) -> Response:
        """The finished job's MP4."""
        return Response(jobs.content(video_id, request.state.owner), media_type="video/mp4")

    @router.delete("/v1/videos/{video_id}", openapi_extra=_BY_ID)
    async def delete(video_id: str, request: Request) -> dict[str, Any]:
        """Forget a job, and stop it where it runs."""
        job = jobs.delete(video_id, request.state.owner)
        return {"id": job.identity, "object": "video.deleted", "deleted": True}

    return router


async def _read(request: Request, service: Service) -> VideoRequest:
    """The request in a multipart form or a JSON body."""
    kind = media_type(request)
    if kind == JSON:
        form, _ = await read_message(request, service.settings)
    elif kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        form = await _form(request, service)
    else:
        raise WrongMediaType(f"The body is {kind[:80]!r}; expected multipart/form-data or {JSON}.")
    return await asyncio.to_thread(read_form, form, service)


async def _form(request: Request, service: Service) -> dict[str, Any]:
    """field -> text, or the bytes of an upload."""
    found: dict[str, Any] = {}
    most = service.settings.limits.upload_bytes
    try:
        async with request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD_BYTES) as form:
            for name, value in form.multi_items():
                if name in found:
                    raise Invalid(f"The field {name[:60]!r} came twice.")
                if isinstance(value, UploadFile):
                    found[name] = await value.read(most + 1)
                    if len(found[name]) > most:
                        raise TooLarge(f"{name[:60]} is larger than {most} bytes.")
                else:
                    found[name] = value
    except MultiPartException as error:
        raise Invalid(f"The form cannot be read: {error.message}.") from None
    except (UnicodeError, ValueError, AssertionError) as error:
        if isinstance(error, ValueError) and type(error).__module__.startswith("cosmos_policy"):
            raise
        raise Invalid("The form cannot be read.") from None
    return found


async def _make(video: VideoRequest, owner: str, service: Service, tell: Tell | None = None) -> Product:
    caller = Caller(owner, "openai_videos")
    answer = await service.call(video.mode, video.request, caller, priority=JOB, tell=tell)
    return await asyncio.to_thread(_product, answer)


def _product(answer: ActionChunk | Rollout | Media) -> Product:
    if isinstance(answer, Media):
        return Product(encode_media(answer, "MP4"), None)
    frames = answer.frames if isinstance(answer, Rollout) else answer.video
    clip = None if frames is None else encode_mp4(frames, 1.0 / answer.dt)
    if isinstance(answer, Rollout):
        return Product(clip, None)
    action = encode_answer(answer)
    action.pop("video", None)
    lists = {name: rows.tolist() for name, rows in action["commands"].items()}
    return Product(
        clip, {**action, "model": answer.model.tolist(), "unified": answer.unified.tolist(), "commands": lists}
    )


def _describe(job: Job) -> dict[str, Any]:
    """A job as OpenAI's ``video`` object, with our `action` when it is there."""
    described = {
        "id": job.identity,
        "object": "video",
        "status": job.status,
        "progress": job.progress,
        "created_at": int(job.created_at),
        "completed_at": None if job.completed_at is None else int(job.completed_at),
        "expires_at": None if job.expires_at is None else int(job.expires_at),
        "remixed_from_video_id": None,
        "error": None if job.error is None else {"code": job.error.code, "message": str(job.error)},
        **job.description,
    }
    if job.product is not None and job.product.action is not None:
        described["action"] = job.product.action
    return described
