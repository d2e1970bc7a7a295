"""The structured captions of the training set, field by field.

Names and nesting: the caption schema that NVIDIA published with Cosmos 3 (technical report, appendix A.2 and A.3). The
descriptions are our own; writers read them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_text(value: object) -> object:
    """Writers like to answer "none" with null, and counts with numbers."""
    if value is None:
        return ""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Told = Annotated[Text, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Subject(_Part):
    """One person, animal, robot or thing that matters."""

    description: Told = Field(description="what it is, in one vivid sentence")
    appearance_details: Text = Field("", description="colours, materials, wear, markings")
    relationship: Text = Field("", description="what it has to do with the other subjects")
    location: Text = Field("", description="where in the picture it is")
    relative_size: Text = Field("", description="how much of the picture it fills")
    orientation: Text = Field("", description="which way it faces")
    pose: Text = Field("", description="how it stands, lies or is held")
    clothing: Text = Field("", description="what it wears; empty for things")
    expression: Text = Field("", description="the face's expression; empty without a face")


class MovingSubject(Subject):
    """The same, with what happens to it."""

    action: Text = Field("", description="what it does, from the beginning to the end")
    state_changes: Text = Field("", description="how it is different at the end")


class Lighting(_Part):
    """Light and shadow."""

    conditions: Told = Field(description="natural or artificial, bright or dim, and the time of day")
    direction: Text = Field("", description="where the light comes from")
    shadows: Text = Field("", description="how hard they are, and where they fall")
    illumination_effect: Text = Field("", description="what the light does to surfaces")


class Aesthetics(_Part):
    """The look as a whole."""

    composition: Told = Field(description="how the picture is arranged")
    color_scheme: Text = Field("", description="the main colours")
    mood_atmosphere: Text = Field("", description="the mood in a few words")
    patterns: Text = Field("", description="what repeats; empty where nothing does")


class Cinematography(_Part):
    """The camera of a still picture."""

    framing: Told = Field(description="kind of shot: close-up, medium, wide, ...")
    camera_angle: Text = Field("", description="eye level, from above, from below, ...")
    depth_of_field: Text = Field("", description="shallow, deep or uniform")
    focus: Text = Field("", description="what is sharp")
    lens_focal_length: Text = Field("", description="wide angle, normal, telephoto, ...")


class MovingCamera(Cinematography):
    """The same, in motion."""

    camera_motion: Told = Field(description="how the camera moves, or that it stands still")


class Action(_Part):
    """What happens in one stretch of time."""

    time: Told = Field(pattern=r"^\d+:\d{2}-\d+:\d{2}$", description='from and to, as "0:00-0:02"')
    description: Told = Field(description="what happens, in one sentence")


class Segment(_Part):
    """A stretch of the video that looks like one."""

    segment_index: int = Field(ge=0, description="0, 1, 2, ...")
    time_range: Told = Field(pattern=r"^\d+:\d{2}-\d+:\d{2}$", description='from and to, as "0:00-0:04"')
    description: Told = Field(description="what is seen")
    key_changes: Text = Field("", description="what is new in it")
    camera: Text = Field("", description="what the camera does in it")


class Caption(_Part):
    """What captions of pictures and videos share."""

    background_setting: Told = Field(description="the place, in two or three sentences")
    lighting: Lighting
    aesthetics: Aesthetics
    style_medium: Told = Field(description="photograph, live-action video, rendering, drawing, ...")
    artistic_style: Text = Field("", description="realistic, cinematic, documentary, ...")
    context: Text = Field("", description="what kind of occasion this is")
    text_and_signage_elements: list[Text] = Field([], description="every written word that can be read")


class ImageCaption(Caption):
    """The caption of a picture."""

    subjects: list[Subject] = Field(min_length=1, description="the most important first")
    cinematography: Cinematography
    comprehensive_t2i_caption: Told = Field(description="the whole picture as one flowing paragraph")


class VideoCaption(Caption):
    """The caption of a video."""

    subjects: list[MovingSubject] = Field(min_length=1, description="the most important first")
    cinematography: MovingCamera
    actions: list[Action] = Field(min_length=1, description="in order, from the first to the last second")
    segments: list[Segment] = Field(min_length=1, description="in order, without gaps")
    transitions: list[Text] = Field([], description="cuts and fades between segments; empty for a single take")
    temporal_caption: Told = Field(description="the whole video told second by second, as one detailed paragraph")
    audio_description: Text = Field("", description="speech, music and sounds that go with it")


def outline(caption: type[BaseModel], indent: str = "") -> str:
    """The fields of a caption as an indented list, for a writer to fill."""
    lines = []
    for name, field in caption.model_fields.items():
        inner = _inner(field.annotation)
        many = str(field.annotation).startswith("list")
        kind = (
            "list of texts" if many and inner is None else "list of objects" if many else "object" if inner else "text"
        )
        if inner is None and field.annotation is int:
            kind = "whole number"
        said = f": {field.description}" if field.description else ""
        lines.append(f'{indent}"{name}" ({kind}){said}')
        if inner is not None:
            lines.append(outline(inner, indent + "  "))
    return "\n".join(lines)


def _inner(annotation: object) -> type[BaseModel] | None:
    """The model in an annotation ``Model`` or ``list[Model]``."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
