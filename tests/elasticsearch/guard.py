"""TLS, passwords and API keys in front of a node, by nginx: the node has none (x-pack is not on Maven Central).

Answers 401 and 403 as Elasticsearch's own security does: the same header, the same shape of JSON.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.elasticsearch import nginx

_HTTP = """
    access_log {access_log};
    client_max_body_size {max_body};
    map_hash_bucket_size 256;

    map $http_authorization $who {{
        default "";
        "Basic {basic}" all;
        "ApiKey {api_key}" all;
        "ApiKey {reader_key}" reader;
        "ApiKey {powerless_key}" none;
    }}
    map "$who $request_method $uri" $refused {{
        default 403;
        "~^all " 0;
        "~^reader (GET|HEAD) " 0;
        "~^reader POST /(.*/)?(_search|_msearch|_count|_field_caps|_pit)$" 0;
        "~^reader DELETE /_pit$" 0;
        "~^ " 401;
    }}
    upstream nodes {{ {servers} }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        error_page 413 @too_large;
        location / {{
            if ($refused = 401) {{
                add_header X-Elastic-Product Elasticsearch always;
                add_header WWW-Authenticate 'Basic realm="security", charset="UTF-8"' always;
                return 401 '{{"error":{{"type":"security_exception","reason":"unable to authenticate"}},"status":401}}';
            }}
            if ($refused = 403) {{
                add_header X-Elastic-Product Elasticsearch always;
                return 403 '{{"error":{{"type":"security_exception","reason":"action is unauthorized"}},"status":403}}';
            }}
            proxy_pass http://nodes;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "";
        }}
        location @too_large {{ return 413; }}
    }}
"""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@dataclass
class Guard:
    """What a client has to know to come in. API keys are in the encoded form that Elasticsearch hands out."""

    url: str
    ca_file: Path
    other_ca_file: Path  # of an authority that has not signed this certificate
    fingerprint: str  # SHA-256 of the authority's certificate, as Elasticsearch prints it at its first start
    certificate_fingerprint: str  # SHA-256 of the server's own
    access_log: Path
    user: str = "elastic"
    password: str = "correct horse: battery"
    api_key: str = field(default_factory=lambda: _encoded("everything:may-do-all"))
    reader_key: str = field(default_factory=lambda: _encoded("reader:may-only-read"))  # 403 to whatever writes
    powerless_key: str = field(default_factory=lambda: _encoded("powerless:known-but-may-nothing"))  # 403 to all

    def requests(self) -> list[str]:
        """The requests so far, as `METHOD PATH STATUS`."""
        lines = self.access_log.read_text().splitlines()
        return [f"{words[0]} {words[1]} {words[3]}" for words in (_request_of(line) for line in lines)]


def _request_of(line: str) -> list[str]:
    _, request, rest = line.split('"', 2)
    return [*request.split(), rest.split()[0]]


@contextlib.contextmanager
def guarded(nodes: Sequence[str], folder: Path, max_body: str = "100m") -> Iterator[Guard]:
    """nginx in front of these nodes, with a certificate of its own, until the block ends."""
    import trustme

    folder.mkdir(parents=True, exist_ok=True)
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "other_ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    own = certificate.cert_chain_pems[0].bytes()
    (folder / "chain.pem").write_bytes(own + authority.cert_pem.bytes())

    guard = Guard(
        url="",
        ca_file=folder / "ca.pem",
        other_ca_file=folder / "other_ca.pem",
        fingerprint=_fingerprint(authority.cert_pem.bytes()),
        certificate_fingerprint=_fingerprint(own),
        access_log=folder / "access.log",
    )
    with running(guard, folder / "chain.pem", folder / "key.pem", nodes, max_body):
        yield guard


@contextlib.contextmanager
def running(guard: Guard, certificate: Path, key: Path, nodes: Sequence[str], max_body: str = "100m") -> Iterator[None]:
    """nginx with that certificate, logging beside the guard's access log; sets the guard's URL."""

    def http(port: int) -> str:
        return _HTTP.format(
            access_log=guard.access_log,
            port=port,
            certificate=certificate,
            key=key,
            max_body=max_body,
            servers=" ".join(f"server {node.removeprefix('http://')};" for node in nodes),
            basic=_encoded(f"{guard.user}:{guard.password}"),
            api_key=guard.api_key,
            reader_key=guard.reader_key,
            powerless_key=guard.powerless_key,
        )

    with nginx.running(guard.access_log.parent, http) as port:
        guard.url = f"https://localhost:{port}"
        yield


def _fingerprint(pem: bytes) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
