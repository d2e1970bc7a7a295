"""The same words on a GPU: recorded steps, shared memory, weights that wait on the host."""

import pytest
import torch

import cosmos_policy
from cosmos_policy.engine import graphs
from cosmos_policy.types import ReasonRequest, ReasonSampling

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
GREEDY = ReasonSampling(temperature=0, presence_penalty=0.0)


def requests(picture, **options):
    shown = [{"type": "image", "image": picture}, {"type": "text", "text": "What is red?"}]
    asked = [shown, "put the banana in the bowl", "hello"]
    return [
        ReasonRequest([{"role": "user", "content": content}], max_tokens=24 + 8 * place, seed=place, **options)
        for place, content in enumerate(asked)
    ]


@pytest.fixture(params=[None, "text", "layers"])
def on_gpu(request):
    with cosmos_policy.load("tiny", device="cuda", dtype="float32", offload=request.param) as model:
        yield model


def test_words_are_those_of_the_cpu(on_gpu, tiny, picture):
    wanted = tiny.reason(requests(picture, sampling=GREEDY))
    assert [reply.text for reply in on_gpu.reason(requests(picture, sampling=GREEDY))] == [r.text for r in wanted]


def test_a_list_is_drawn_as_each_alone(on_gpu, picture):
    together = on_gpu.reason(requests(picture))
    assert [reply.text for reply in together] == [on_gpu.reason(each).text for each in requests(picture)]


def test_steps_are_recorded(picture, monkeypatch):
    recorded = []
    record = graphs._Recording.__init__

    def count(self, *arguments):
        record(self, *arguments)
        recorded.append(self)

    monkeypatch.setattr(graphs._Recording, "__init__", count)
    with cosmos_policy.load("tiny", device="cuda") as model:
        assert model.reason(requests(picture))[0].completion_tokens > 1
    assert recorded, "every step was launched kernel by kernel"


def test_no_memory_is_left_behind_by_answers(picture):
    with cosmos_policy.load("tiny", device="cuda") as model:
        model.reason(requests(picture))
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        for _ in range(5):
            model.reason(requests(picture))
        torch.cuda.synchronize()
        assert torch.cuda.memory_allocated() <= before + (1 << 20)


def test_language_weights_are_in_memory_once():
    with cosmos_policy.load("tiny", device="cuda") as model:
        held = {parameter.untyped_storage().data_ptr() for parameter in model._engine.transformer.parameters()}
        network = model._reasoner().network
        shared = [*network.model.language_model.parameters(), *network.lm_head.parameters()]
        assert all(parameter.is_cuda and parameter.untyped_storage().data_ptr() in held for parameter in shared)
