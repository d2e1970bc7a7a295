"""The OpenAPI description of the action calls."""

from __future__ import annotations

from typing import Any

from cosmos_policy.wire.messages import Call
from cosmos_policy.wire.readers import LARGEST_SEED, MAX_MESSAGES, MAX_STOPS, MAX_TEXT

#: A conversation, as every wire that asks the reasoner takes it.
MESSAGES = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_MESSAGES,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"type": "string", "enum": ["system", "user", "assistant"]},
            "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
        },
    },
}
_NUMBERS = {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "array", "items": {}}]}}
_ARRAY = {
    "type": "object",
    "required": ["dtype", "shape", "data"],
    "additionalProperties": False,
    "properties": {
        "dtype": {"type": "string", "examples": ["<f4", "|u1"]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "maxItems": 6},
        "data": {"type": "string", "contentEncoding": "base64"},
    },
}
_PICTURE = {
    "anyOf": [{"type": "string", "description": "PNG, JPEG or WebP in base64, or a data: or http(s): URL"}, _ARRAY]
}
_CLIP = {
    "anyOf": [
        {"type": "string", "description": "a video in base64, or a data: or http(s): URL"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        _ARRAY,
    ]
}
_STATE = {
    "type": "object",
    "description": "state name -> numbers, as GET /info lists them",
    "additionalProperties": {"anyOf": [{"type": "number"}, _NUMBERS, _ARRAY]},
}
_ROWS = {"anyOf": [_NUMBERS, _ARRAY], "description": "[rows, D], unified SI units"}
_SAMPLING = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "num_inference_steps": {"type": "integer", "minimum": 1, "maximum": 2000},
        "guidance_scale": {"type": "number"},
        "flow_shift": {"type": "number"},
        "resolution_tier": {"type": "integer", "enum": [256, 480, 704, 720, 768]},
        "guidance_interval": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "guidance_steps": {"type": "integer", "minimum": 0, "maximum": 2000},
    },
}
_COMMON = {
    "embodiment": {"type": "string", "description": "checked against the served one"},
    "seed": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
    "sampling": _SAMPLING,
    "session_id": {"type": "string", "minLength": 1, "maxLength": 200},
    "age_ms": {"type": "number", "minimum": 0, "description": "age of the observation when it was sent"},
    "deadline_ms": {
        "type": "number",
        "minimum": 1,
        "description": "from capture; an answer later than this is useless",
    },
}
_STEPS = {"type": "integer", "minimum": 1, "maximum": 1024}
_TEXT = {"type": "string", "maxLength": MAX_TEXT}
_REQUESTS: dict[str, dict[str, Any]] = {
    "policy": {
        "required": ["observation", "instruction"],
        "properties": {
            "observation": {
                "type": "object",
                "required": ["images"],
                "additionalProperties": False,
                "properties": {
                    "images": {"type": "object", "additionalProperties": _PICTURE},
                    "state": {"anyOf": [_STATE, {"type": "null"}]},
                    "stamp": {"type": "number", "description": "capture time on your clock, s; comes back unchanged"},
                },
            },
            "instruction": _TEXT,
            "chunk_size": {"type": "integer", "minimum": 1, "maximum": 1024},
            "video": {"type": "boolean"},
            "prefix": _ROWS,
            "history": _ROWS,
            "executed_steps": {
                **_STEPS,
                "minimum": 0,
                "description": "rows of the session's last chunk that were executed; left out: by the stamps",
            },
            "prefix_steps": {
                **_STEPS,
                "description": "continue the session's last chunk: so many rows after executed_steps are settled",
            },
            "prefix_ms": {"type": "number", "minimum": 0, "description": "prefix_steps as a time from capture on"},
            "history_steps": {**_STEPS, "description": "so many executed rows of the session go in as history"},
            **_COMMON,
        },
    },
    "inverse_dynamics": {
        "required": ["frames"],
        "properties": {"frames": _CLIP, "state": _STATE, "instruction": _TEXT, **_COMMON},
    },
    "forward_dynamics": {
        "required": ["frame", "actions"],
        "properties": {
            "frame": _PICTURE,
            "actions": _ROWS,
            "state": _STATE,
            "instruction": _TEXT,
            **_COMMON,
        },
    },
}
_SEED = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED}
_NUMBER = {"type": "number"}
_FLAG = {"type": "boolean"}
_REQUESTS |= {
    "reason": {
        "required": ["messages"],
        "properties": {
            "messages": MESSAGES,
            "reasoning": _FLAG,
            "sampling": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "temperature": {"type": "number", "minimum": 0, "maximum": 100},
                    "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                    "top_k": {"type": "integer", "minimum": 0},
                    "repetition_penalty": {"type": "number", "exclusiveMinimum": 0},
                    "presence_penalty": {"type": "number", "minimum": -2, "maximum": 2},
                    "frequency_penalty": {"type": "number", "minimum": -2, "maximum": 2},
                },
            },
            "seed": _SEED,
            "max_tokens": {"type": "integer", "minimum": 1},
            "stop": {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": MAX_STOPS},
            "video_fps": {"type": "number", "exclusiveMinimum": 0},
            "all_frames": _FLAG,
            "session_id": _COMMON["session_id"],
        },
    },
    "generate": {
        "required": ["prompt"],
        "properties": {
            "prompt": _TEXT,
            "negative_prompt": _TEXT,
            "num_frames": {"type": "integer", "minimum": 1, "maximum": 300},
            "fps": {"type": "number", "enum": [10, 16, 24, 30]},
            "size": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
            "aspect_ratio": {"type": "string", "enum": ["16:9", "4:3", "1:1", "3:4", "9:16"]},
            "image": _PICTURE,
            "video": _CLIP,
            "condition_frames": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "condition_from": {"type": "string", "enum": ["first", "last"]},
            "transfer": {
                "type": "object",
                "required": ["videos"],
                "additionalProperties": False,
                "properties": {
                    "videos": {"type": "object", "additionalProperties": _CLIP},
                    "guidance": _NUMBER,
                    "interval": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
                    "chunk_frames": {"type": "integer", "minimum": 1},
                    "overlap_frames": {"type": "integer", "minimum": 1},
                    "start_frames": {"type": "integer", "minimum": 0},
                },
            },
            "sound": _FLAG,
            "seed": _SEED,
            "sampling": _SAMPLING,
            "resolution_template": _FLAG,
            "duration_template": _FLAG,
            "session_id": _COMMON["session_id"],
        },
    },
}
_REASON = {"message": {"type": "string"}, "type": {"type": "string"}, "code": {"type": "string"}, "param": {}}
ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "object", "properties": _REASON}}}
#: status -> what it means here
REFUSALS = {
    400: "The request does not fit; the message says what was expected",
    401: "An API key is needed",
    403: "Not allowed",
    404: "Not there",
    409: "A newer observation of the session came first, or the job is not ready",
    413: "Larger than a limit",
    415: "A media type that is not read here",
    501: "A mode that is not loaded",
    502: "The model failed",
    503: "Overloaded, loading or restarting; Retry-After says when to ask again",
    504: "The observation is, or would be, too old",
}


def refusals(*statuses: int) -> dict[str, Any]:
    """OpenAPI responses for those refusals (all where none are named)."""
    chosen = statuses or tuple(REFUSALS)
    return {
        str(status): {"description": REFUSALS[status], "content": {"application/json": {"schema": ERROR}}}
        for status in chosen
    }


def operation(call: Call) -> dict[str, Any]:
    """requestBody and responses of one call."""
    schema = {"type": "object", "additionalProperties": False, **_REQUESTS[call.name]}
    answer = {"type": "object", "description": f"{call.answer.__name__}, with info.serving"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema},
                "application/msgpack": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {
            "200": {"description": "The answer", "content": {"application/json": {"schema": answer}}},
            **refusals(),
        },
    }
