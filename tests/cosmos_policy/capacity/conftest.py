"""Files that bench might have written."""

import json

import pytest

pytest.importorskip("simpy", reason="simpy is not installed (extra 'capacity')")


@pytest.fixture
def bench_file(tmp_path):
    """lines -> a file of bench's."""

    def write(*lines):
        path = tmp_path / "bench.json"
        path.write_text(json.dumps({"device": "a test", "dtype": "float32", "lines": list(lines)}))
        return path

    return write
