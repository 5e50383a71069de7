"""The doctor looks at everything a run needs, sends no content, changes nothing, and says what to ask for."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests_mock
import trustme
from paper_backend import BASE_URL, PaperBackend, Reply, Spoil, profile, said

from zdr_audit.catalogue.load import load_catalogue
from zdr_audit.catalogue.select import select
from zdr_audit.cli import main
from zdr_audit.run.doctor import Check, Diagnosis, diagnose
from zdr_audit.run.options import Options
from zdr_audit.run.progress import Reporter

CONTROLS = ("ZDR-RET-01", "ZDR-BLK-03", "ZDR-ADM-06")
Examine = Callable[..., Diagnosis]


@pytest.fixture
def examined(tmp_path) -> Examine:
    """The doctor's findings on the backend on paper. Whatever it asks changes nothing and carries nothing."""

    def run(spoil: Spoil | None = None, edit: Callable[[str], str] = str, environment: dict[str, str] | None = None) -> Diagnosis:
        path = profile(tmp_path)
        path.write_text(edit(path.read_text()))
        backend = PaperBackend(tmp_path, spoil)
        options = Options(target=str(path), base_url=BASE_URL, report_dir=tmp_path / "report", controls=CONTROLS)
        catalogue = load_catalogue()
        with requests_mock.Mocker() as mocker:
            backend.mount(mocker)
            found = diagnose(options, catalogue, select(catalogue, CONTROLS), Reporter(), environment or {})
        assert {(a.method, a.body) for a in backend.asked} <= {("GET", b"")}
        assert not (tmp_path / "report").exists()
        assert "sample-key" not in found.model_dump_json()
        return found

    return run


def known(asked, reply: Reply) -> Reply | None:
    """What the paper backend does not know, of its interface."""
    if asked.path.endswith("/users") and asked.method == "GET":
        return said({"data": []})
    if asked.path in ("/operator/exceptions",):
        return said({"data": []})
    return None


def of(found: Diagnosis, about: str) -> dict[str, Check]:
    return {check.name: check for check in found.checks if check.about == about}


def test_a_target_that_has_everything_is_ready(examined, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "app.log").write_text("hello")
    found = examined(known)
    assert found.exit_status == 0, found
    assert (found.tested, found.not_tested, found.asks) == (CONTROLS, {}, ())
    assert {check.state for check in found.checks} == {"ok", "note"}
    assert of(found, "address")[BASE_URL].said == "target: answers (GET / gave 401)"
    assert of(found, "credential")["subject.member"].said == "models.list gave 200"
    assert of(found, "credential")["control.admin"].said == "users.list gave 200"
    assert of(found, "organization")["subject"].said == "org_subject: ZDR is enabled"
    assert re.match(r"1 file, 5 bytes, last written \d{4}-", of(found, "evidence")["log"].said)


def test_a_target_that_is_not_there_is_unusable_and_nobody_is_blamed_for_it(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main.main(args=["doctor", "--target", str(profile(tmp_path)), "--base-url", "http://127.0.0.1:9", "--json"], prog_name="zdr-audit")
    found = json.loads(capfd.readouterr().out)
    assert caught.value.code == 2
    assert found["schema"] == "zdr-audit/doctor/1"
    assert [(c["about"], c["state"], c["ask"]) for c in found["checks"] if c["about"] != "evidence"] == [
        ("address", "unusable", "a way to http://127.0.0.1:9 from here (connection refused)")
    ]


def test_every_address_of_the_command_line_is_looked_at(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    urls = ("http://127.0.0.1:9", "http://127.0.0.1:7")
    with pytest.raises(SystemExit):
        main.main(
            args=["doctor", "--target", str(profile(tmp_path)), "--base-url", urls[0], "--base-url", urls[1], "--json"],
            prog_name="zdr-audit",
        )
    found = json.loads(capfd.readouterr().out)
    assert tuple(c["name"] for c in found["checks"] if c["about"] == "address") == urls
    assert found["base_url"] == urls[0]


def refusing(credential_of: str, status: int) -> Spoil:
    def spoil(asked, reply: Reply) -> Reply | None:
        if asked.organization == credential_of and asked.path != "/":
            return said({"type": "error", "error": {"type": "authentication_error", "message": "no"}}, status)
        return known(asked, reply)

    return spoil


@pytest.mark.parametrize(
    ("organization", "status", "who", "state", "exit_status"),
    [
        ("org_subject", 401, "subject.member", "unusable", 2),
        ("org_neighbour", 401, "neighbour.admin", "missing", 3),
        ("org_neighbour", 403, "neighbour.admin", "missing", 3),
        ("org_neighbour", 404, "neighbour.admin", "missing", 3),
        ("org_neighbour", 500, "neighbour.admin", "missing", 3),
    ],
)
def test_a_credential_that_is_not_good_is_named(examined, organization, status, who, state, exit_status):
    found = examined(refusing(organization, status))
    check = of(found, "credential")[who]
    assert (check.state, found.exit_status) == (state, exit_status)
    assert f"gave {status}" in check.said
    assert check.ask in found.asks


def test_where_nothing_is_the_address_and_path_are_asked_for_once(examined):
    def nothing(asked, reply: Reply) -> Reply | None:
        return said({}, 404) if asked.path != "/" else None

    asks = [ask for ask in examined(nothing).asks if "models.list" in ask]
    where = f"GET {BASE_URL}/v1/models gave 404"
    assert asks == [f"the right address and path of 'models.list' ({where}), or leave for whoever is told that nothing is there"]


def test_a_role_without_credential_is_asked_for_with_its_variable(examined):
    path = re.compile(r'reviewer = \{ env = "ZDR_SIM_KEY_REVIEWER", sample = "[^"]+" \}')
    found = examined(known, lambda text: path.sub('reviewer = { env = "ZDR_SIM_KEY_REVIEWER" }', text))
    assert of(found, "credential")["staff.reviewer"].said == "the environment variable ZDR_SIM_KEY_REVIEWER is not set"
    assert found.exit_status == 3
    assert "a credential for staff.reviewer (ZDR_SIM_KEY_REVIEWER)" in found.asks
    assert found.not_tested == {"ZDR-ADM-06": "no credential for staff.reviewer, which 'zdr.enable' needs"}


def test_what_the_suites_read_of_an_answer_and_the_profile_does_not_is_asked_for(examined):
    found = examined(
        known,
        edit=lambda text: text.replace('organization = "/id", admin_key = "/admin/key"', 'organization = "/id"').replace(
            'secret = ["admin_key"]', ""
        ),
    )
    said = [check for check in found.checks if check.about == "answer"]
    assert {(check.name, check.state) for check in said} >= {("organization.create", "missing")}
    assert said[0].said == "'extract' gives no 'admin_key': what begins with it cannot be tried" and found.exit_status == 3
    assert not [check for check in examined(known).checks if check.about == "answer"]


def test_a_role_that_the_profile_does_not_name_is_asked_for(examined):
    found = examined(known, lambda text: re.sub(r"(?m)^operator = .*$", "", text))
    check = of(found, "credential")["staff.operator"]
    assert (check.state, check.ask) == ("missing", "a credential for the role operator")


@pytest.mark.parametrize(("subject", "control"), [("disabled", "disabled"), ("enabled", "enabled")])
def test_an_organization_with_the_wrong_status_makes_a_run_senseless(examined, subject, control):
    def spoil(asked, reply: Reply) -> Reply | None:
        return said({"status": subject if asked.subject else control}) if asked.path.endswith("/zdr") else known(asked, reply)

    found = examined(spoil)
    assert found.exit_status == 2
    (wrong,) = [c for c in of(found, "organization").values() if c.state == "unusable"]
    assert wrong.name == ("subject" if subject == "disabled" else "control")


def test_a_credential_that_the_target_gives_back_is_not_shown(examined):
    def spoil(asked, reply: Reply) -> Reply | None:
        return said({"status": "sample-key-subject-member"}) if asked.path.endswith("/zdr") else known(asked, reply)

    (wrong, *_) = [c for c in of(examined(spoil), "organization").values() if c.state == "unusable"]
    assert "ZDR is [credential], the profile needs it" in wrong.said


def test_a_clock_that_is_off_is_said(examined):
    def spoil(asked, reply: Reply) -> Reply:
        answer = known(asked, reply) or reply
        return Reply(
            answer.status, answer.body, answer.headers | {"date": format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)}
        )

    found = examined(spoil)
    check = of(found, "clock")[BASE_URL]
    assert (check.state, found.exit_status) == ("missing", 3)
    assert re.match(r"3(59|60)\d s ahead \(Date header\), the tolerance is 60 s", check.said)


def test_evidence_that_is_not_there_is_missing_and_an_empty_one_is_noted(examined, tmp_path):
    found = examined(known)
    assert of(found, "evidence")["log"].state == "note"
    shutil.rmtree(tmp_path / "log")

    def elsewhere(text: str) -> str:
        return text.replace(str(tmp_path / "log"), str(tmp_path / "not-there"))

    found = examined(known, elsewhere)
    check = of(found, "evidence")["log"]
    assert (check.state, check.ask, found.exit_status) == ("missing", "read access to log (log)", 3)


def test_an_interface_that_reads_back_is_tried_without_what_it_lists(examined):
    listing = '\n[[evidence]]\nid = "api"\nkind = "http"\nwhat = "stored sessions"\noperation = "sessions.list"\ndetail = "sessions.read"\n'

    def spoil(asked, reply: Reply) -> Reply | None:
        if asked.path.endswith("/sessions/local"):
            return said({"data": [{"id": "one"}, {"id": "two"}]})
        return known(asked, reply)

    found = examined(spoil, lambda text: text + listing)
    assert (of(found, "evidence")["api"].state, of(found, "evidence")["api"].said) == ("ok", "2 objects, 80 bytes")


def test_without_evidence_there_is_nothing_to_rest_on(examined):
    found = examined(known, lambda text: text.split("[[evidence]]")[0])
    assert of(found, "evidence")["(none)"].state == "missing"
    assert "ZDR-RET-01" in found.not_tested


def test_the_certificate_is_looked_at(tmp_path, capfd):
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = profile(tmp_path)
    text = path.read_text()
    words = ["doctor", "--target", str(path), "--base-url", f"https://127.0.0.1:{server.server_port}", "--json"]
    said_of = []
    try:
        for extra in (f'[tls]\nca = "{tmp_path / "ca.pem"}"\n', ""):
            path.write_text(text + extra)
            with pytest.raises(SystemExit):
                main.main(args=words, prog_name="zdr-audit")
            said_of.append(json.loads(capfd.readouterr().out)["checks"])
    finally:
        server.shutdown()
        server.server_close()
    trusted = next(c for c in said_of[0] if c["about"] == "tls")
    assert re.fullmatch(r"TLSv1\.\d, the certificate is accepted and good for \d+ more days", trusted["said"])
    assert (said_of[1][0]["state"], said_of[1][0]["said"]) == ("unusable", "target: TLS certificate not accepted")
