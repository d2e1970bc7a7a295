"""A stand-in for vLLM-Omni, for tests of the wire: NOT vLLM-Omni, whose GPU code cannot run here.

Its forms and answers are written after the source of vllm-project/vllm-omni (entrypoints/openai/protocol/videos.py,
entrypoints/openai/serving_video.py, diffusion/models/cosmos3/pipeline_cosmos3.py, read in November 2026). What it
computes is real: the canvas, the prompt and the rows of the form go through tiny's engine, so that an answer is right
only where the form said everything.
"""

import base64
import contextlib
import io
import json
import threading
import time
import uuid

import av
import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from PIL import Image

import embodiments
from cosmos_policy.calls import policy
from cosmos_policy.calls.job import Habits
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.inputs import Fit
from cosmos_policy.media.mp4 import encode_mp4
from cosmos_policy.types import Observation, PolicyRequest, Sampling

DOMAINS = {embodiments.get(name).domain_name: embodiments.get(name).domain_id for name in embodiments.names()}
#: The fields of vLLM-Omni's form that a Cosmos 3 request uses; anything else there would be dropped in silence.
FIELDS = {
    "model", "prompt", "negative_prompt", "size", "num_frames", "fps", "seed", "num_inference_steps", "guidance_scale",
    "flow_shift", "generate_sound", "extra_params", "input_reference",
}  # fmt: skip


class StandIn:
    """`model`: a loaded tiny. served: the name at /v1/models. hold: while set, jobs wait."""

    def __init__(self, model, served="tiny"):
        self.model, self.served = model, served
        self.jobs, self.forms, self.chats, self.deleted = {}, [], [], []
        self.replies, self.hold, self.answer_with = [], threading.Event(), None
        self.hold.set()
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=0, log_level="error")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started and time.monotonic() < until:
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        httpx.get(f"{self.address}/v1/models", trust_env=False).raise_for_status()
        return self

    def __exit__(self, *_):
        self.hold.set()
        self._server.should_exit = True
        self._thread.join(20)

    def _app(self):
        app = FastAPI()

        @app.get("/v1/models")
        def models():
            card = {"id": self.served, "object": "model", "created": 1, "owned_by": "vllm", "root": self.served}
            return {"object": "list", "data": [card]}

        @app.post("/v1/videos")
        async def create(request: Request):
            async with request.form() as form:
                fields = {name: value if isinstance(value, str) else await value.read() for name, value in form.items()}
            assert set(fields) <= FIELDS, fields
            fields["extra_params"] = json.loads(fields.get("extra_params", "{}"))
            self.forms.append(fields)
            job = {"id": f"video_gen_{uuid.uuid4().hex}", "object": "video", "status": "queued", "progress": 0,
                   "model": self.served, "prompt": fields["prompt"], "error": None, "action": None}  # fmt: skip
            self.jobs[job["id"]] = (job, {})
            threading.Thread(target=self._compute, args=(job, fields), daemon=True).start()
            return {"id": job["id"], "object": "video", "status": "queued", "progress": 0}

        @app.get("/v1/videos/{identity}")
        def retrieve(identity: str):
            return Response(json.dumps(self.jobs[identity][0]), media_type="application/json")  # NaN and all

        @app.get("/v1/videos/{identity}/content")
        def content(identity: str):
            return Response(self.jobs[identity][1]["video"], media_type="video/mp4")

        @app.delete("/v1/videos/{identity}")
        def delete(identity: str):
            self.deleted.append(identity)
            return {"id": identity, "deleted": True, "object": "video.deleted"}

        @app.post("/v1/images/generations")
        async def images(request: Request):
            body = await request.json()
            self.forms.append(body)
            asked = self._generation({**body, "extra_params": body["extra_args"], "num_frames": 1, "fps": 24}, None)
            frame = self.model._engine.run([asked])[0].video[0]
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, format="PNG")
            return {"created": 1, "data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]}

        @app.post("/v1/chat/completions")
        async def chat(request: Request):
            self.chats.append(await request.json())
            status, answer = self.replies.pop(0)
            if isinstance(answer, list):
                lines = [f"data: {json.dumps(event)}\n\n" for event in answer]
                return StreamingResponse(iter([*lines, "data: [DONE]\n\n"]), media_type="text/event-stream")
            return JSONResponse(answer, status)

        return app

    def _compute(self, job, fields):
        self.hold.wait(30)
        job.update(status="in_progress", progress=50)
        try:
            if self.answer_with is not None:
                job.update(self.answer_with)
                return
            extra = fields["extra_params"]
            if "robot_obs" in extra:
                rows, video, started = self._robolab(fields, extra), None, time.perf_counter()
            else:
                started = time.perf_counter()
                mode = extra.get("action_mode")
                asked = self._action(fields, extra) if mode else self._generation(fields, fields.get("input_reference"))
                result = self.model._engine.run([asked])[0]
                rows, video = (result.rows if mode in ("policy", "inverse_dynamics") else None), result.video
            if rows is not None:
                domain = DOMAINS[extra["domain_name"]]
                job["action"] = {"data": rows.tolist(), "shape": list(rows.shape), "dtype": "torch.float32",
                                 "raw_action_dim": rows.shape[1], "action_mode": extra["action_mode"],
                                 "domain_id": domain}  # fmt: skip
            if video is not None:
                buffer = io.BytesIO()
                encode_mp4(buffer, video, float(fields["fps"]), quality=17, preset="veryfast")
                self.jobs[job["id"]][1]["video"] = buffer.getvalue()
            job.update(status="completed", progress=100, inference_time_s=time.perf_counter() - started)
        except Exception as error:
            job.update(status="failed", error={"code": 500, "message": f"{type(error).__name__}: {error}"})

    def _action(self, fields, extra):
        width, height = map(int, fields["size"].split("x"))
        frames, mode = _decode(fields["input_reference"]), extra["action_mode"]
        assert frames.shape[1:3] == (height, width), "the picture has another size than was asked: it would be resized"
        steps, columns = extra["action_chunk_size"], extra["raw_action_dim"]
        assert int(fields["num_frames"]) == steps + 1
        given = mode == "forward_dynamics"
        rows = np.asarray(extra["action"], np.float32) if given else np.zeros((steps, columns), np.float32)
        return EngineRequest(
            mode=mode, prompt=fields["prompt"], frames=frames, fit=Fit(height, width, height, width, None),
            num_frames=steps + 1, rows=rows, clean_rows=np.full(steps, given), row_offset=1,
            domain_name=extra["domain_name"], domain_id=DOMAINS[extra["domain_name"]], fps=float(fields["fps"]),
            sampling=_sampling(fields), seed=int(fields["seed"]), video=True,
        )  # fmt: skip

    def _generation(self, fields, upload):
        width, height = map(int, fields["size"].split("x"))
        frames = np.zeros((0, height, width, 3), np.uint8) if upload is None else _decode(upload)
        kept = fields["extra_params"].get("condition_frame_indexes_vision", [0])
        assert not fields["extra_params"]["use_resolution_template"]
        return EngineRequest(
            mode="generate", prompt=fields["prompt"], negative_prompt=fields["negative_prompt"], frames=frames,
            fit=Fit(height, width, height, width, None), num_frames=int(fields["num_frames"]),
            rows=np.zeros((0, 0), np.float32), clean_rows=np.zeros(0, bool), row_offset=1, domain_name="no_action",
            domain_id=0, fps=float(fields["fps"]), sampling=_sampling(fields), seed=int(fields["seed"]), video=True,
            open_frames=tuple(sorted(set(range(max(kept))) - set(kept))),
        )  # fmt: skip

    def _robolab(self, fields, extra):
        """As ``postprocess_robolab_action``: no state row, and a gripper that is 1 when closed."""
        robot = embodiments.get("droid_joint")
        seen = extra["robot_obs"]
        state = {name: np.asarray(seen[f"observation/{name}"]) for name in ("joint_position", "gripper_position")}
        frame = _decode(fields["input_reference"])[0]
        assert frame.shape[:2] == (extra["image_height"], extra["image_width"])
        sampling = Sampling(
            extra["num_inference_steps"], extra["guidance_scale"], extra["flow_shift"], int(extra["resolution"])
        )
        request = PolicyRequest(
            Observation(robot.split(frame), state), seen["prompt"], robot, extra["seed"], extra["action_chunk_size"]
        )
        job = policy.prepare(request, Habits("stand-in", "plain", sampling))
        rows = self.model._engine.run([job.request])[0].rows[1:].copy()
        rows[:, -1] = 1.0 - rows[:, -1]
        return rows


def _sampling(fields):
    return Sampling(
        int(fields["num_inference_steps"]), float(fields["guidance_scale"]), float(fields["flow_shift"]), 256
    )


def _decode(data):
    if data.startswith(b"\x89PNG"):
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[None]
    with contextlib.closing(av.open(io.BytesIO(data))) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
