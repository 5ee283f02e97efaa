"""What `registry add` costs a host: two requests per model, one more with `--headers`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from registry.demo.hub import RecordedHub
from tests.hubs import by_id, chain, recorded, safetensors

HubFactory = Callable[..., RecordedHub]
RunCli = Callable[..., Any]


def models_asked(hub: RecordedHub) -> Counter[str]:
    """Requests per model, whatever they were for."""
    paths = [line.path.removeprefix("/api/models") for line in hub.asked()]
    return Counter("/".join(path.split("/")[1:3]) for path in paths)


def test_one_model_costs_two_requests(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(by_id(recorded("lab/one", datasets=["corpus/text"])))
    assert run_cli("add", "lab/one", HF_ENDPOINT=hub.endpoint).code == 0
    assert models_asked(hub) == {"lab/one": 2}


def test_headers_of_a_sharded_model_cost_one_request_more(hub_factory: HubFactory, run_cli: RunCli) -> None:
    headers: dict[str, Any] = {}
    files = {"README.md": b"", "model.safetensors.index.json": b"{}"}
    for shard in range(1, 5):
        name = f"model-0000{shard}-of-00004.safetensors"
        files[name] = safetensors({f"w{shard}": ("BF16", [2, 8], bytes(32))})
        tensor = {"dtype": "BF16", "shape": [2, 8], "data_offsets": [0, 32]}
        headers[name] = {f"w{shard}": tensor, "__metadata__": {}}
    weight_map = {f"w{shard}": f"model-0000{shard}-of-00004.safetensors" for shard in range(1, 5)}
    answer = {"headers": headers, "index": {"metadata": {}, "weight_map": weight_map}}
    hub = hub_factory(by_id(recorded("lab/sharded", files=files, headers_answer=answer)))
    assert run_cli("add", "lab/sharded", "--headers", HF_ENDPOINT=hub.endpoint).code == 0
    assert models_asked(hub) == {"lab/sharded": 3}
    assert '"BF16": 64' in run_cli("show", "lab/sharded", "--json").out


def test_a_chain_of_depth_six_costs_two_requests_each(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(chain(7))
    done = run_cli("add", "lab/step-6", "-q", HF_ENDPOINT=hub.endpoint)
    assert sorted(done.out.split()) == sorted(chain(7))
    assert models_asked(hub) == dict.fromkeys(chain(7), 2)


def test_what_is_there_costs_nothing(hub_factory: HubFactory, run_cli: RunCli) -> None:
    hub = hub_factory(chain(7))
    run_cli("add", "lab/step-3", HF_ENDPOINT=hub.endpoint)
    hub.clear_log()
    run_cli("add", "lab/step-6", HF_ENDPOINT=hub.endpoint)
    assert models_asked(hub) == dict.fromkeys(("lab/step-4", "lab/step-5", "lab/step-6"), 2)
