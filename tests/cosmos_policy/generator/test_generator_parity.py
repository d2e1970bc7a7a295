"""Every mode makes what diffusers' pipelines make from the same seed: latents and sound to 1e-4 in float32."""

import numpy as np
import pytest
import torch
from PIL import Image

from cosmos_policy.types import Sampling, Transfer

TOLERANCE = 1e-4
STEPS, GUIDANCE = 3, 4.0
SAMPLING = Sampling(num_inference_steps=STEPS, guidance_scale=GUIDANCE)


def assert_close(got, expected):
    expected = np.asarray(expected, dtype=np.float32)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def run_pipeline(pipeline, **options):
    fields = {
        "prompt": "a robot folds a towel.",
        "negative_prompt": "blurred",
        "height": 192,
        "width": 320,
        "fps": 16.0,
        "num_inference_steps": STEPS,
        "guidance_scale": GUIDANCE,
        "generator": torch.Generator().manual_seed(7),
        "output_type": "latent",
    }
    return pipeline(**{**fields, **options})


VIDEO_MODES = ("text-to-video", "image-to-video", "video-to-video")


@pytest.mark.parametrize(
    ("mode", "sound"), [("text-to-image", False), *((mode, sound) for mode in VIDEO_MODES for sound in (False, True))]
)
@pytest.mark.parametrize("guidance", [1.0, GUIDANCE])
def test_it_is_the_pipelines(tiny, pipeline, decoded_latents, clip, mode, sound, guidance):
    options, theirs = {"num_frames": 1 if mode == "text-to-image" else 9}, {}
    if mode == "image-to-video":
        image = np.ascontiguousarray(clip[3, :150, :300])  # another shape: scaled and cut
        options["image"], theirs["image"] = image, Image.fromarray(image)
    if mode == "video-to-video":
        options |= {"video": clip, "condition_frames": (0, 1), "condition_from": "last"}
        theirs |= {"video": [Image.fromarray(frame) for frame in clip], "condition_video_keep": "last"}
    media = tiny.generate(
        "a robot folds a towel.",
        negative_prompt="blurred",
        size=(320, 192),
        fps=16,
        seed=7,
        sound=sound,
        sampling=Sampling(num_inference_steps=STEPS, guidance_scale=guidance),
        **options,
    )
    expected = run_pipeline(
        pipeline, num_frames=options["num_frames"], enable_sound=sound, guidance_scale=guidance, **theirs
    )
    assert media.info["mode"] == mode
    assert media.info["engine"].startswith("native")
    assert media.frames.shape == (options["num_frames"], 192, 320, 3)
    assert_close(decoded_latents[-1], expected.video)
    if sound:
        assert_close(media.sound, expected.sound[:, : media.sound.shape[1]])
        assert media.sound.shape == (2, 27_000)  # 9 frames at 16 Hz


def test_latent_frames_in_the_middle_can_be_left_open(tiny, pipeline, decoded_latents, clip):
    tiny.generate(
        "a robot folds a towel.", negative_prompt="blurred", size=(320, 192), fps=16, seed=7, num_frames=13,
        video=clip, condition_frames=(0, 2), sampling=SAMPLING,
    )  # fmt: skip
    frames = [Image.fromarray(frame) for frame in clip]
    expected = run_pipeline(pipeline, num_frames=13, video=frames, condition_frame_indexes_vision=(0, 2))
    assert_close(decoded_latents[-1], expected.video)


@pytest.mark.parametrize("templates", [(True, False), (False, True), (False, False)])
def test_templates_can_be_left_out(tiny, pipeline, decoded_latents, templates):
    resolution, duration = templates
    tiny.generate(
        "a robot folds a towel.", negative_prompt="blurred", size=(320, 192), fps=16, seed=7, num_frames=5,
        resolution_template=resolution, duration_template=duration, sampling=SAMPLING,
    )  # fmt: skip
    expected = run_pipeline(pipeline, num_frames=5, add_resolution_template=resolution, add_duration_template=duration)
    assert_close(decoded_latents[-1], expected.video)


@pytest.fixture(scope="module")
def transfer_pipeline(tiny_folder, single_thread):
    from diffusers import Cosmos3OmniBlocks

    made = Cosmos3OmniBlocks().init_pipeline(str(tiny_folder))
    made.load_components(dtype=torch.float32)
    made.disable_safety_checker()
    return made


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("control", [1.0, 2.5])
def test_a_transfer_is_the_modular_pipelines(tiny, transfer_pipeline, decoded_latents, clip, guidance, control):
    controls = {"edge": 255 - clip, "segmentation": clip[:, ::-1]}
    tiny.generate(
        "a robot folds a towel.",
        negative_prompt="blurred",
        size=(320, 192),
        seed=7,
        transfer=Transfer(controls, guidance=control, start_frames=5, interval=(940, 1000)),
        video=clip,
        sampling=Sampling(num_inference_steps=STEPS, guidance_scale=guidance),
    )
    names = {"edge": "edge", "segmentation": "seg"}
    latents = transfer_pipeline(
        prompt="a robot folds a towel.",
        negative_prompt="blurred",
        control_videos={names[kind]: [Image.fromarray(f) for f in video] for kind, video in controls.items()},
        video=[Image.fromarray(frame) for frame in clip],
        num_first_chunk_conditional_frames=5,
        height=192,
        width=320,
        num_inference_steps=STEPS,
        guidance_scale=guidance,
        control_guidance=control,
        control_guidance_interval=(940, 1000),
        generator=torch.Generator().manual_seed(7),
        output="latents",
    )
    assert_close(decoded_latents[-1], latents)


def test_a_long_transfer_is_made_in_chunks_as_the_modular_pipelines(tiny, transfer_pipeline, clip):
    media = tiny.generate(
        "a robot folds a towel.", size=(320, 192), seed=7, sampling=SAMPLING,
        transfer=Transfer({"blur": clip}, chunk_frames=5),
    )  # fmt: skip
    expected = transfer_pipeline(
        prompt="a robot folds a towel.",
        control_videos={"blur": [Image.fromarray(frame) for frame in clip]},
        num_video_frames_per_chunk=5,
        height=192,
        width=320,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(7),
        output_type="np",
        output="videos",
    )
    assert media.frames.shape == expected.shape == (9, 192, 320, 3)
    # Ours hands whole 8-bit levels from chunk to chunk, so later chunks may be a level off.
    apart = np.abs(media.frames.astype(int) - np.round(255 * expected))
    assert apart[:5].max() <= 1 and (apart[:5] > 0).mean() < 1e-3
    assert apart.max() <= 3 and apart[5:].mean() < 0.5
