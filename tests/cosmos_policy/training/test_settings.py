"""Settings from YAML: right ones are read, wrong ones are told with line and reason."""

import pytest

from cosmos_policy.errors import UsageError
from cosmos_policy.training.settings_file import read_settings

RIGHT = """\
base: tiny
name: mine
steps: 10
datasets:
  - path: demos
    embodiment: droid
optimizer:
  learning_rate: 1e-4
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "run.yaml"
        path.write_text(text)
        return path

    return write


def test_a_file_and_what_is_set_over_it(written):
    settings = read_settings(written(RIGHT), ["steps=20", "datasets.0.rest_steps=4", "mixture.video=0.5"])
    assert (settings.steps, settings.optimizer.learning_rate) == (20, 1e-4)
    assert (settings.datasets[0].rest_steps, settings.mixture.video, settings.mixture.policy) == (4, 0.5, 0.5)


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (("steps: 10", "steps: 0"), 3, "steps: Input should be greater than or equal to 1 (it is 0)"),
        (("steps: 10", "step: 10"), 1, "steps: this setting is needed"),
        (("embodiment: droid", "embodiment: droid\n    chunk_size: 6"), 5, "expected a multiple of 4"),
        (("learning_rate: 1e-4", "learning_rate: fast"), 8, "learning_rate"),
        (("learning_rate: 1e-4", "learning_rates: 1"), 8, "there is no such setting"),
        (("base: tiny\n", ""), 1, "either base"),
        (("base: tiny", "base: tiny\narchitecture: small"), 1, "not both"),
        (("base: tiny", "architecture: small"), 1, "no normaliser to keep"),
        (("name: mine", "name: mine\nmixture: {policy: 0, forward_dynamics: 0, inverse_dynamics: 0}"), 3, "all shares"),
        (("optimizer:", "adaptation: {kind: some}\noptimizer:"), 7, "kind"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(written, change, line, told):
    with pytest.raises(UsageError) as error:
        read_settings(written(RIGHT.replace(*change)))
    assert f"line {line}:" in str(error.value) and told in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("steps", "name=value"),
        ("steps=-1", "--set steps"),
        ("datasets.7.path=x", "there is no item 7"),
        ("steps.more=1", "has no settings inside"),
        ("stepz=1", "there is no such setting"),
    ],
)
def test_a_wrong_override_is_told(written, override, told):
    with pytest.raises(UsageError, match=told):
        read_settings(written(RIGHT), [override])


def test_a_file_that_is_none(written, tmp_path):
    with pytest.raises(UsageError, match="There is no training configuration"):
        read_settings(tmp_path / "other.yaml")
    with pytest.raises(UsageError, match="line 3 is no YAML"):
        read_settings(written("base: tiny\nname: [\n"))
    with pytest.raises(UsageError, match="holds no settings"):
        read_settings(written("- 1\n"))
