"""Prompts against the framework's own strings, to the character."""

import dataclasses
import json

import pytest

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import PromptFacts, json_prompt, plain_prompt, plan_fit, prompt_facts


def facts_of(case: dict) -> PromptFacts:
    return PromptFacts(
        instruction=case["task"],
        view_label=case["view_point"],
        view_description=case["additional_view_description"] or "",
        num_frames=case["num_frames"],
        fps=case["fps"],
        canvas_height=case["canvas_h"],
        canvas_width=case["canvas_w"],
        idle_frames=case["idle_frames"],
    )


def test_golden_prompts_match_to_the_character(golden_json):
    cases = golden_json("prompts.json")["cases"]
    assert cases
    for case in cases:
        facts = facts_of(case)
        assert json_prompt(facts, case["mode"], case["float_seconds"]) == case["training_json"], case["name"]
        assert plain_prompt(facts, case["mode"]) == case["plain_text"], case["name"]
        bare = dataclasses.replace(facts, view_description="", idle_frames=None)
        assert json_prompt(bare) == case["inference_json"], case["name"]


def test_the_policy_servers_prompts_match(golden_json):
    droid = embodiments.get("droid_joint")
    cases = golden_json("droid_policy_server.json")["cases"]
    assert cases
    for case in cases:
        num_frames = case["video_shape"][1]
        canvas = (case["image_size"][0], case["image_size"][1])
        facts = dataclasses.replace(prompt_facts(droid, case["task"], num_frames, canvas), fps=case["conditioning_fps"])
        prompt = json_prompt(facts) if case["format_prompt_as_json"] else plain_prompt(facts)
        assert prompt == case["prompt"]
        fit = plan_fit(540, 640, droid.resolution_tier)
        assert [*canvas, fit.content_height, fit.content_width] == case["image_size"]


def test_a_prompt_is_json_whatever_the_instruction():
    prompt = json.loads(json_prompt(PromptFacts('say "hé"\n', "ego_view", "", 17, 15, 256, 256)))
    assert prompt["actions"][0]["description"] == 'say "hé".'


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(UsageError, match="positive number of frames per second"):
        PromptFacts("x", "ego_view", "", 17, fps, 256, 256)
