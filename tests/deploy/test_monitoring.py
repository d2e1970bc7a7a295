"""Dashboard and alerts ask for metrics that the real server exports, in queries that are PromQL."""

import json
import re

import httpx
import numpy as np
import promql_parser
import pytest
from server_helpers import connected, scripted_server, sighting

from cosmos_policy.client import ServerRefusal

#: Prometheus's own.
BUILT_IN = {"up"}
#: What Grafana puts in before a query is sent.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
SUFFIXES = ("_bucket", "_sum", "_count", "_total")


@pytest.fixture(scope="module")
def exported():
    """name -> label values, of a server that has answered, and refused, a robot."""
    with scripted_server() as server:
        seen = sighting(size=(36, 64))
        with connected(server, deadline_ms=2000) as model:
            model.policy(seen, "go", embodiment="droid_joint", seed=1)
            model.policy(seen, "sleep 0.3", embodiment="droid_joint", seed=1)
        with connected(server, deadline_ms=2) as model, pytest.raises(ServerRefusal):
            model.policy(seen, "go", embodiment="droid_joint", seed=1)
        text = ""
        while 'outcome="stale"' not in text:  # an answer leaves first, then it is counted
            text = httpx.get(f"{server.http}/metrics", trust_env=False).text
    names = dict.fromkeys(re.findall(r"^# TYPE (\S+)", text, re.M), "")
    for name, labels in re.findall(r"^(\w+)(\{[^}]*\})? ", text, re.M):
        names[name] = names.get(name, "") + labels
    return names


def queries(deploy, read_all):
    """(where, PromQL) of every panel, variable and rule."""
    dashboard = json.loads((deploy / "monitoring/grafana/dashboards/cosmos-policy.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], re.search(r"label_values\((\w+),", variable["definition"])[1]
    for group in read_all("monitoring/alerts.yaml")[0]["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def selectors(node):
    """Every vector selector in a parsed query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


def test_every_query_is_promql_about_metrics_that_are_exported(deploy, read_all, exported):
    asked = set()
    for where, query in queries(deploy, read_all):
        for variable, value in VARIABLES.items():
            query = query.replace(variable, value)
        found = list(selectors(promql_parser.parse(query)))
        assert found, (where, query)
        for selector in found:
            assert selector.name in exported or selector.name in BUILT_IN, (where, selector.name)
            for matcher in selector.matchers.matchers:
                if matcher.name not in ("instance", "job"):
                    assert f"{matcher.name}=" in exported[selector.name], (where, selector.name, matcher.name)
            asked.add(selector.name)
    bare = {re.sub("|".join(f"{suffix}$" for suffix in SUFFIXES), "", name) for name in asked - BUILT_IN}
    shown = {re.sub("_total$", "", name) for name in exported if name.startswith("cosmos_policy_")}
    shown = {re.sub("_(created|bucket|sum|count)$", "", name) for name in shown}
    assert shown - bare == set(), "exported, and on no panel"


def test_the_values_that_queries_select_occur(deploy, read_all, exported):
    everything = " ".join(query for _, query in queries(deploy, read_all))
    assert 'outcome="ok"' in everything and 'outcome="ok"' in exported["cosmos_policy_requests_total"]
    assert 'call="policy"' in exported["cosmos_policy_request_seconds_bucket"]
    assert 'reason=~"stale|overloaded"' in everything and 'reason="stale"' in exported["cosmos_policy_dropped_total"]


def test_panels_do_not_lie_on_each_other(deploy):
    dashboard = json.loads((deploy / "monitoring/grafana/dashboards/cosmos-policy.json").read_text())
    taken = np.zeros((60, 24), int)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        taken[place["y"] : place["y"] + place["h"], place["x"] : place["x"] + place["w"]] += 1
        assert place["x"] + place["w"] <= 24
    assert taken.max() == 1
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_prometheus_and_grafana_find_their_files(deploy, read_all):
    prometheus = read_all("monitoring/prometheus.yaml")[0]
    for name in prometheus["rule_files"]:
        assert (deploy / "monitoring" / name).is_file()
    target = prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0]
    services = read_all("compose.yaml")[0]["services"]
    assert target == "server:8000" and "8000:8000" in services["server"]["ports"]
    source = read_all("monitoring/grafana/provisioning/datasources/prometheus.yaml")[0]["datasources"][0]
    dashboard = json.loads((deploy / "monitoring/grafana/dashboards/cosmos-policy.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
