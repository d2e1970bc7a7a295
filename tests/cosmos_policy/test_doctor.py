"""What the doctor says of parts that are absent, whole or broken."""

import importlib.util
from importlib import metadata

import pytest

from cosmos_policy import doctor


@pytest.fixture
def installed(monkeypatch):
    """Pretend that flash-attn-4 of this version is installed (None: not), without some modules."""

    def pretend(version, without=()):
        real_version, real_spec = metadata.version, importlib.util.find_spec

        def find_version(name):
            if name == "flash-attn-4" and version is None:
                raise metadata.PackageNotFoundError(name)
            return version if name == "flash-attn-4" else real_version(name)

        def find_spec(name):
            if name in ("flash_attn", "cutlass"):
                return None if name in without else object()
            return real_spec(name)

        monkeypatch.setattr(metadata, "version", find_version)
        monkeypatch.setattr(importlib.util, "find_spec", find_spec)

    return pretend


def fast_attention():
    return next(finding for finding in doctor.examine() if finding.subject == "fast attention [gpu]")


def test_fast_attention_that_is_absent_has_a_cure(installed):
    installed(None)
    finding = fast_attention()
    assert finding.works is not True
    assert "cosmos-policy[gpu]" in finding.cure


def test_fast_attention_that_is_there_is_told_with_its_version(installed):
    installed("4.0.0b99")
    assert (fast_attention().works, fast_attention().found) == (True, "flash-attn-4 4.0.0b99")


def test_fast_attention_that_is_half_there_is_missing(installed):
    installed("4.0.0b99", without=("cutlass",))
    finding = fast_attention()
    assert finding.works is False
    assert "lacks cutlass" in finding.found and finding.cure
