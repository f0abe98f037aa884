"""The small jobs of docker-compose.yml around a cluster: certificates, the password of Kibana, our views in it.

    setup.py certificates FOLDER NAME ...     an authority, and a certificate for each name, where they are missing
    setup.py passwords https://HOST:9200      what Kibana logs in with
    setup.py views http://HOST:5601 FILE      import a file of saved objects

Each may run any number of times. Needs Python, and openssl for the first; passwords come from the environment.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

SECRETS = ("ELASTIC_PASSWORD", "KIBANA_PASSWORD")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
DAYS = 1095
SOON = 30 * 86400
"""Seconds before its end at which a certificate is made anew."""
PATIENCE = 300.0
"""Seconds that a server may take to answer."""


class Failed(Exception):
    """A line that says what is wrong and what to do."""


def certificates(folder: Path, names: list[str]) -> None:
    """Make what is missing: FOLDER/ca/ca.crt and ca.key, FOLDER/NAME/NAME.crt and NAME.key, all in PEM."""
    missing = [name for name in SECRETS if not os.environ.get(name)]
    if missing:
        raise Failed(f"{' and '.join(missing)} not set: run make cluster-env, which writes .env")
    authority = folder / "ca"
    if _is_good(authority / "ca.crt", authority / "ca.crt"):
        print("the authority is there")
    else:
        _put(authority, _make_authority)
    for name in names:
        if _is_good(folder / name / f"{name}.crt", authority / "ca.crt"):
            print(f"the certificate of {name} is there")
        else:
            _put(folder / name, lambda place, name=name: _make_certificate(place, name, authority))


def _make_authority(place: Path) -> None:
    _openssl(
        *("req", "-x509", *KEY, "-nodes", "-days", str(DAYS), "-subj", "/CN=sl cluster"),
        *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", place / "ca.key", "-out", place / "ca.crt"),
    )


def _make_certificate(place: Path, name: str, authority: Path) -> None:
    request, extensions = place / "request", place / "extensions"
    extensions.write_text(
        f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"
        "basicConstraints=CA:FALSE\n"
    )
    _openssl(
        *("req", *KEY, "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", place / f"{name}.key", "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", authority / "ca.crt", "-CAkey", authority / "ca.key"),
        *("-CAcreateserial", "-days", str(DAYS), "-extfile", extensions, "-out", place / f"{name}.crt"),
    )
    request.unlink()
    extensions.unlink()


def _is_good(certificate: Path, authority: Path) -> bool:
    """Whether it is there, signed by that authority, and lasts a while."""
    if not certificate.exists() or not certificate.with_suffix(".key").exists():
        return False
    signed = ["openssl", "verify", "-CAfile", str(authority), str(certificate)]
    lasts = ["openssl", "x509", "-checkend", str(SOON), "-noout", "-in", str(certificate)]
    return all(subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in (signed, lasts))


def _put(folder: Path, make: Callable[[Path], None]) -> None:
    """A folder as a whole or not at all."""
    work = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    make(work)
    # Whoever uses the cluster reads certificates; keys are for those who run as this user.
    work.chmod(0o755)
    for file in work.iterdir():
        file.chmod(0o600 if file.suffix == ".key" else 0o644)
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)
    print(f"made {folder}")


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"openssl {arguments[0]} failed: {done.stderr.strip()[-300:]}")


def passwords(url: str) -> None:
    """Give the user kibana_system its password."""
    body = json.dumps({"password": os.environ["KIBANA_PASSWORD"]}).encode()
    _send(f"{url}/_security/user/kibana_system/_password", body, "application/json")
    print("the password of kibana_system is set")


def views(url: str, file: Path) -> None:
    """Import saved objects, over those of an import before."""
    border = base64.b16encode(os.urandom(16)).decode()
    head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
    body = head.encode() + file.read_bytes() + f"\r\n--{border}--\r\n".encode()
    kind = f"multipart/form-data; boundary={border}"
    found = _send(f"{url}/api/saved_objects/_import?overwrite=true", body, kind)
    if not found.get("success"):
        raise Failed(f"{url} did not import {file.name}: {json.dumps(found)[:300]}")
    print(f"imported {found.get('successCount')} objects")


def _send(url: str, body: bytes, kind: str) -> dict[str, object]:
    """POST it as the user elastic; a server that is not ready yet is asked again."""
    headers = {"Content-Type": kind, "kbn-xsrf": "true"}
    if password := os.environ.get("ELASTIC_PASSWORD"):
        headers["Authorization"] = "Basic " + base64.b64encode(f"elastic:{password}".encode()).decode()
    authority = os.environ.get("ES_CA_CERT")
    context = ssl.create_default_context(cafile=authority) if authority else None
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, body, headers, method="POST"), timeout=60, context=context
            ) as answer:
                return dict(json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise Failed(f"{url} answers {error.code}: {error.read().decode(errors='replace')[:300]}") from None
            reason: object = error
        except (OSError, ValueError) as error:
            if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
                raise Failed(f"no secure connection to {url}: {error}") from None
            reason = error
        if time.monotonic() > deadline:
            raise Failed(f"{url} is not ready after {PATIENCE:.0f} s: {reason}")
        time.sleep(1)


def main(arguments: list[str]) -> int:
    """Do one of the jobs."""
    try:
        match arguments:
            case ["certificates", folder, *names] if names:
                certificates(Path(folder), names)
            case ["passwords", url]:
                passwords(url)
            case ["views", url, file]:
                views(url, Path(file))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except Failed as failed:
        print(f"setup: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
