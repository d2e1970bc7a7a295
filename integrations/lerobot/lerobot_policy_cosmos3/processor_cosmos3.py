"""LeRobot's processors around the policy: none of them touches a number, for the embodiment normalises by itself."""

from __future__ import annotations

from typing import Any

from lerobot.processor import PolicyProcessorPipeline, RenameObservationsProcessorStep
from lerobot.processor.converters import policy_action_to_transition, transition_to_policy_action
from lerobot.utils.constants import POLICY_POSTPROCESSOR_DEFAULT_NAME, POLICY_PREPROCESSOR_DEFAULT_NAME

from lerobot_policy_cosmos3.configuration_cosmos3 import Cosmos3Config


def make_cosmos3_pre_post_processors(
    config: Cosmos3Config, dataset_stats: dict[str, Any] | None = None
) -> tuple[PolicyProcessorPipeline, PolicyProcessorPipeline]:
    """(before, after) the policy. dataset_stats: not used; statistics belong to the checkpoint."""
    before = PolicyProcessorPipeline(
        steps=[RenameObservationsProcessorStep(rename_map={})], name=POLICY_PREPROCESSOR_DEFAULT_NAME
    )
    after = PolicyProcessorPipeline(
        steps=[],
        name=POLICY_POSTPROCESSOR_DEFAULT_NAME,
        to_transition=policy_action_to_transition,
        to_output=transition_to_policy_action,
    )
    return before, after
