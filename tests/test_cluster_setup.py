"""deploy/cluster/setup.py: certificates by openssl as the container makes them; passwords and views by HTTP."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.commands import ROOT, Answer
from tests.required import program

NAMES = ("es01", "es02", "es03")
SECRETS = {"ELASTIC_PASSWORD": "elastic-secret", "KIBANA_PASSWORD": "kibana-secret"}


def setup(*arguments: str | Path, **variables: str) -> Answer:
    """As the container runs it: any Python, nothing installed."""
    program("openssl")
    script = str(ROOT / "deploy" / "cluster" / "setup.py")
    done = subprocess.run(
        [sys.executable, "-S", script, *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certs")
    answer = setup("certificates", folder, *NAMES, **SECRETS)
    assert answer.code == 0, answer
    return folder


def greet(certificates: Path, node: str, name: str, authority: Path) -> None:
    """A handshake with that node under that name."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates / node / f"{node}.crt", certificates / node / f"{node}.key")
    client = ssl.create_default_context(cafile=str(authority))
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("node", NAMES)
def test_a_node_is_known_by_its_name_and_on_this_machine(certificates: Path, node: str) -> None:
    authority = certificates / "ca" / "ca.crt"
    for name in (node, "localhost", "127.0.0.1"):
        greet(certificates, node, name, authority)
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(certificates, node, "es09", authority)


def test_keys_are_for_their_owner_and_certificates_for_everybody(certificates: Path) -> None:
    for path in certificates.rglob("*.*"):
        assert path.stat().st_mode & 0o777 == (0o600 if path.suffix == ".key" else 0o644), path
    assert b"BEGIN PRIVATE KEY" in (certificates / "es01" / "es01.key").read_bytes(), (
        "PKCS 8, as Elasticsearch reads it"
    )
    files = {f"{name}/{name}{end}" for name in ("ca", *NAMES) for end in (".crt", ".key")}
    assert files <= set(contents(certificates)) <= {*files, "ca/ca.srl"}


def test_a_second_run_changes_nothing_and_a_lost_certificate_is_made_again_by_the_same_authority(
    certificates: Path,
) -> None:
    before = contents(certificates)
    assert setup("certificates", certificates, *NAMES, **SECRETS).code == 0
    assert contents(certificates) == before
    (certificates / "es02" / "es02.crt").unlink()
    (certificates / ".es02.new").mkdir()  # of a run that was killed
    answer = setup("certificates", certificates, *NAMES, **SECRETS)
    assert answer.code == 0
    after = contents(certificates)
    assert {name for name in before if before[name] != after[name]} - {"ca/ca.srl"} == {
        "es02/es02.crt",
        "es02/es02.key",
    }
    greet(certificates, "es02", "es02", certificates / "ca" / "ca.crt")


def test_certificates_of_another_authority_are_made_anew(certificates: Path, tmp_path: Path) -> None:
    assert setup("certificates", tmp_path, "es01", **SECRETS).code == 0
    with pytest.raises(ssl.SSLCertVerificationError):
        greet(certificates, "es01", "es01", tmp_path / "ca" / "ca.crt")
    for name in ("es01.crt", "es01.key"):
        (tmp_path / "es01" / name).write_bytes((certificates / "es01" / name).read_bytes())
    assert setup("certificates", tmp_path, "es01", **SECRETS).code == 0
    greet(tmp_path, "es01", "es01", tmp_path / "ca" / "ca.crt")


@pytest.mark.parametrize("name", SECRETS)
def test_without_passwords_nothing_is_made_and_a_line_says_what_to_do(name: str, tmp_path: Path) -> None:
    answer = setup("certificates", tmp_path / "new", "es01", **{**SECRETS, name: ""})
    assert (answer.code, answer.err) == (1, f"setup: {name} not set: run make cluster-env, which writes .env\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("arguments", [(), ("certificates", "/tmp/nowhere"), ("passwords",), ("other", "x")])
def test_what_it_does_not_know_is_answered_with_its_usage(arguments: tuple[str, ...]) -> None:
    answer = setup(*arguments, **SECRETS)
    assert answer.code == 2
    assert "setup.py certificates FOLDER NAME" in answer.err


# --- by HTTP ---------------------------------------------------------------------------------------


class Server:
    """A server behind the certificate of es01 that answers as it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, object]] = []
        self.asked: list[tuple[str, str | None, bytes]] = []
        self.url = ""


@contextmanager
def listening(certificates: Path | None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.asked.append((self.path, self.headers["Authorization"], body))
            assert self.headers["kbn-xsrf"]
            status, said = server.answers.pop(0)
            answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificates:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "es01" / "es01.crt", certificates / "es01" / "es01.key")
        http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server.url = f"{'https' if certificates else 'http'}://localhost:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


ELASTIC = "Basic " + base64.b64encode(b"elastic:elastic-secret").decode()


def test_the_password_of_kibana_is_set_once_the_cluster_is_ready(certificates: Path) -> None:
    with listening(certificates) as server:
        server.answers = [(503, {}), (200, {})]
        answer = setup("passwords", server.url, ES_CA_CERT=str(certificates / "ca" / "ca.crt"), **SECRETS)
    assert answer.code == 0, answer
    body = json.dumps({"password": "kibana-secret"}).encode()
    assert server.asked == [("/_security/user/kibana_system/_password", ELASTIC, body)] * 2
    assert "secret" not in answer.out + answer.err


def test_a_cluster_that_nobody_vouches_for_is_not_told_the_password(certificates: Path, tmp_path: Path) -> None:
    assert setup("certificates", tmp_path, "es01", **SECRETS).code == 0
    with listening(certificates) as server:
        answer = setup("passwords", server.url, ES_CA_CERT=str(tmp_path / "ca" / "ca.crt"), **SECRETS)
    assert answer.code == 1
    assert re.fullmatch(r"setup: no secure connection to https://localhost:\d+/_security.*CERTIFICATE.*\n", answer.err)
    assert server.asked == []


def test_a_wrong_password_is_one_line(certificates: Path) -> None:
    with listening(certificates) as server:
        server.answers = [(401, {"error": "who are you"})]
        answer = setup("passwords", server.url, ES_CA_CERT=str(certificates / "ca" / "ca.crt"), **SECRETS)
    assert answer.code == 1
    assert 'answers 401: {"error": "who are you"}' in answer.err
    assert len(answer.err.splitlines()) == 1


def test_our_views_are_imported_as_a_file(tmp_path: Path) -> None:
    file = ROOT / "deploy" / "kibana" / "sl.ndjson"
    with listening(None) as server:
        server.answers = [(200, {"success": True, "successCount": 14})]
        answer = setup("views", server.url, file, **SECRETS)
        assert (answer.code, answer.out) == (0, "imported 14 objects\n")
        server.answers = [(200, {"success": False, "errors": [{"id": "sl-logs"}]})]
        refused = setup("views", server.url, file)
    assert refused.code == 1
    assert "did not import sl.ndjson" in refused.err
    (path, who, body), (_, nobody, _) = server.asked
    assert (path, who, nobody) == ("/api/saved_objects/_import?overwrite=true", ELASTIC, None)
    assert file.read_bytes() in body
    border = body.split(b"\r\n", 1)[0]
    assert body.endswith(border + b"--\r\n")
