"""The real Prometheus and Alertmanager under the supervisor, oldest and newest."""

from __future__ import annotations

import json
import re

import pytest

from modelwatch.compose import web
from modelwatch.compose.pages import CLASSIC, ui
from modelwatch.compose.parts.machine import Machine

PROMETHEUS = """\
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["rules/*.yaml"]
"""
ALERTMANAGER = """\
route: {receiver: pager}
receivers:
- name: pager
  pagerduty_configs: [{routing_key_file: secrets/pager.key}]
"""
RULES = "groups: [{name: a, rules: [{record: 'a:b', expr: 'vector(%s)'}]}]\n"


@pytest.mark.parametrize("age", ["oldest", "newest"])
@pytest.mark.real("prometheus")
def test_they_start_reload_what_changed_and_refuse_what_is_broken(fake_stack, part, patiently, age):
    for name in ("prometheus", "alertmanager", "promtool", "amtool"):
        fake_stack.environ[f"MODELWATCH_{name.upper()}"] = str(part(name, age))
    fake_stack.parts["prometheus"] = fake_stack.parts["alertmanager"] = {"real": True}
    fake_stack.files |= {
        "prometheus/prometheus.yaml": PROMETHEUS,
        "prometheus/rules/a.yaml": RULES % 1,
        "alertmanager/alertmanager.yaml": ALERTMANAGER,
    }
    fake_stack.up()
    prometheus = f"http://127.0.0.1:{fake_stack.ports['prometheus']}"
    alertmanager = f"http://127.0.0.1:{fake_stack.ports['alertmanager']}"

    def value() -> str:
        return web.ask(f"{prometheus}/api/v1/query?query=a:b").text

    patiently(lambda: '"1"]' in value())
    flags = web.ask(f"{prometheus}/api/v1/status/flags").text
    assert '"storage.tsdb.retention.time":"45d"' in flags
    assert '"enable-feature":"exemplar-storage"' in flags

    fake_stack.files["prometheus/rules/a.yaml"] = RULES % 2
    shown = fake_stack.up()
    assert "prometheus: reloaded" in shown
    assert "alertmanager" not in shown.partition("what ")[0]
    patiently(lambda: '"2"]' in value())

    fake_stack.files["alertmanager/alertmanager.yaml"] = ALERTMANAGER + "global: {resolve_timeout: 7m}\n"
    assert "alertmanager: reloaded" in fake_stack.up()
    assert "resolve_timeout: 7m" in web.ask(f"{alertmanager}/api/v2/status").text

    fake_stack.files["prometheus/rules/a.yaml"] = RULES % "1 +"
    done = fake_stack.run("up")
    assert done.returncode == 1
    assert "promtool refuses prometheus/prometheus.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert web.sample(web.ask(f"{prometheus}/metrics").text, "prometheus_config_last_reload_successful") == 1
    assert '"2"]' in value()


@pytest.mark.parametrize(
    ("age", "without"), [("oldest", "alertmanager"), ("newest", "prometheus")], ids=["oldest", "newest"]
)
@pytest.mark.real("prometheus")
def test_of_our_own_builds_one_of_each_age_has_no_web_ui_and_status_says_which(fake_stack, part, age, without):
    for name in ("prometheus", "alertmanager"):
        path = part(name, age)
        if not Machine.here().holds(path):
            pytest.skip(f"{path} is not ours: it may have its UI")
        fake_stack.environ[f"MODELWATCH_{name.upper()}"] = str(path)
        fake_stack.parts[name] = {"real": True}
    fake_stack.files |= {"prometheus/prometheus.yaml": "{}\n", "alertmanager/alertmanager.yaml": ALERTMANAGER}
    fake_stack.up()
    told = json.loads(fake_stack.run("status").stdout)["parts"]
    assert [one["part"] for one in told if one["api_only"]] == [without]
    if age == "oldest":
        # As in every notification: what an alert's own link is made of.
        base = f"http://127.0.0.1:{fake_stack.ports['prometheus']}"
        assert ui(f"{base}/graph?g0.expr=up&g0.tab=1") == f"{base}/classic/graph?g0.expr=up&g0.tab=1"
        [detail] = [one["detail"] for one in told if one["part"] == "prometheus"]
        assert detail == CLASSIC
        for path in re.findall(r"/classic/\S+", detail.replace(",", "")):
            assert ui(base + path) == base + path
