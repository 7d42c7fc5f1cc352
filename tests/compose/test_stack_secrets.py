"""Key files: the user's own, stand-ins, and what is never written."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelwatch.compose import keys
from modelwatch.compose.state import Folder, StackError
from modelwatch.model.addresses import Addresses
from modelwatch.model.types import Receiver

PAGER = Receiver("pager", "pagerduty", key_file="secrets/pager.key")
CHAT = Receiver("chat", "slack", url_file="secrets/chat.url", channel="#x")
HOOK = Receiver("triage", "webhook", url="http://127.0.0.1:8089/webhooks/triage")
KEY = "0123456789abcdef0123456789abcdef"


def settle(root: Path, *receivers: Receiver, runtime="native", **environ: str) -> keys.RuntimeSecrets:
    folder = Folder.of(root)
    folder.make()
    return keys.settle(receivers, folder, environ=environ, addresses=Addresses(), runtime=runtime)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_keys_everything_leads_to_the_double_and_says_so(tmp_path):
    found = settle(tmp_path, PAGER, CHAT, HOOK)
    assert found.doubles == {
        "pager": "http://127.0.0.1:8089/v2/enqueue",
        "chat": "http://127.0.0.1:8089/webhooks/chat",
    }
    first, second = found.notes
    assert first == (
        "No PagerDuty key in secrets/pager.key (pager): pages go to the local double at http://127.0.0.1:8089"
    )
    assert "secrets/chat.url" in second


def test_a_stand_in_is_a_routing_key_that_only_the_user_reads_and_that_stays(tmp_path):
    settle(tmp_path, PAGER)
    path = tmp_path / ".modelwatch/config/alertmanager/secrets/pager.key"
    key = path.read_text()
    assert len(key) == 32
    assert mode(path) == 0o600
    settle(tmp_path, PAGER)
    assert path.read_text() == key


def test_two_stacks_have_different_stand_ins(tmp_path):
    found = []
    for name in ("a", "b"):
        settle(tmp_path / name, PAGER)
        found.append((tmp_path / name / ".modelwatch/config/alertmanager/secrets/pager.key").read_text())
    assert found[0] != found[1]


def test_a_real_key_leads_to_pagerduty_and_is_not_told(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pager.key").write_text(KEY + "\n")
    found = settle(tmp_path, PAGER)
    assert found.pagerduty_url("pager") is None
    assert (tmp_path / ".modelwatch/config/alertmanager/secrets/pager.key").read_text() == KEY
    assert KEY not in repr(found)
    assert found.notes == ("secrets/pager.key (pager): pages go to the real PagerDuty",)


def test_a_key_of_the_wrong_length_is_told_without_showing_it(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pager.key").write_text("abc")
    assert "it has 3 characters; integration keys have 32" in settle(tmp_path, PAGER).notes[0]


def test_taking_the_real_key_away_brings_the_stand_in_back(tmp_path):
    (tmp_path / "secrets").mkdir()
    real = tmp_path / "secrets/pager.key"
    real.write_text(KEY)
    settle(tmp_path, PAGER)
    real.unlink()
    assert "pager" in settle(tmp_path, PAGER).doubles
    assert KEY not in (tmp_path / ".modelwatch/config/alertmanager/secrets/pager.key").read_text()


def test_secrets_may_be_kept_elsewhere(tmp_path):
    elsewhere = tmp_path / "vault"
    elsewhere.mkdir()
    (elsewhere / "pager.key").write_text(KEY)
    assert settle(tmp_path / "root", PAGER, MODELWATCH_SECRETS_DIR=str(elsewhere)).doubles == {}


def test_containers_read_the_files_behind_a_folder_that_only_the_user_enters(tmp_path):
    settle(tmp_path, PAGER, runtime="containers")
    assert mode(tmp_path / ".modelwatch/config/alertmanager/secrets/pager.key") == 0o644
    assert mode(tmp_path / ".modelwatch") == 0o700


def test_a_receiver_that_went_leaves_no_key_behind(tmp_path):
    settle(tmp_path, PAGER, CHAT)
    settle(tmp_path, CHAT)
    assert not (tmp_path / ".modelwatch/config/alertmanager/secrets/pager.key").exists()


@pytest.mark.parametrize("path", ["/etc/pager.key", "secrets/../../x", "keys/pager.key", "secrets"])
def test_a_key_outside_secrets_is_refused_with_the_way_to_write_it(tmp_path, path):
    with pytest.raises(StackError, match=r"receiver pager: .* write secrets/"):
        settle(tmp_path, Receiver("pager", "pagerduty", key_file=path))


def test_an_empty_key_file_is_refused(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/pager.key").write_text(" \n")
    with pytest.raises(StackError, match="is empty"):
        settle(tmp_path, PAGER)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(st.sampled_from("ab/. "), min_size=1, max_size=12))
def test_no_path_of_a_spec_is_written_outside_the_secrets_folder(tmp_path, path):
    folder = Folder.of(tmp_path)
    before = {found for found in tmp_path.rglob("*") if found.is_file()}
    try:
        settle(tmp_path, Receiver("pager", "pagerduty", key_file=f"secrets/{path}"))
    except (StackError, OSError):
        return
    new = {found for found in folder.root.rglob("*") if found.is_file()} - before
    assert all(found.is_relative_to(folder.secrets) or found.is_relative_to(folder.home / "standins") for found in new)
