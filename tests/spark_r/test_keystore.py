"""Java's key store: its bytes, and what Java itself makes of them."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import struct
import subprocess
from pathlib import Path

import pytest

from envcatalog.image.additions import system_layers
from envcatalog.image.keystore import KEYSTORE, PASSWORD, keystore
from envcatalog.model.errors import Refusal
from support.debs import make_deb
from support.layers import contents, layer_bytes_of, locked_deb

# The first bytes of any certificate would do for the format; Java's own check needs a whole one.
PEM = ssl.DER_cert_to_PEM_cert(b"0\x03\x02\x01\x01").encode()


def test_bytes_are_those_of_the_format() -> None:
    found = keystore({"Some_Root.crt": PEM})
    body, seal = found[:-20], found[-20:]
    alias, kind, data = b"debian:some_root.pem", b"X.509", b"0\x03\x02\x01\x01"
    assert body == (
        struct.pack(">IIII", 0xFEEDFEED, 2, 1, 2)
        + struct.pack(">H", len(alias))
        + alias
        + struct.pack(">q", 315532800000)
        + struct.pack(">H", len(kind))
        + kind
        + struct.pack(">I", len(data))
        + data
    )
    assert seal == hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def test_order_is_that_of_the_names() -> None:
    names = {"b.crt": PEM, "a.crt": PEM, "C.crt": PEM}
    found = keystore(names)
    assert found == keystore(dict(reversed(names.items())))
    assert found.index(b"debian:a.pem") < found.index(b"debian:b.pem") < found.index(b"debian:c.pem")


@pytest.mark.parametrize("text", [b"", b"hello", PEM.replace(b"BEGIN", b"BEGUN"), PEM.replace(b"MA", b"*!")])
def test_what_is_no_certificate_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        keystore({"a.crt": text})
    assert caught.value.message == "`a.crt` of the Debian package `ca-certificates` holds no certificate"


def test_the_layer_holds_the_certificates_of_the_package(tmp_path: Path) -> None:
    made = [
        make_deb(
            tmp_path,
            "ca-certificates",
            files={
                "usr/share/ca-certificates/mozilla/A.crt": PEM,
                "usr/share/ca-certificates/notes.txt": b"x",
            },
        ),
        make_deb(tmp_path, "ca-certificates-java", files={"etc/default/cacerts": b""}),
    ]
    for path in made:
        path.rename(tmp_path / path.name)
    (layer,) = system_layers(tuple(locked_deb(path) for path in made), None, "linux/amd64")
    assert contents(layer_bytes_of(layer, tmp_path)) == {KEYSTORE: keystore({"A.crt": PEM})}


def test_java_reads_it(tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None or shutil.which("openssl") is None:
        pytest.skip(
            "needs keytool of a Java runtime, and openssl; the check of curated-spark asks the image's own"
        )
    pem = tmp_path / "root.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-subj", "/CN=Example", "-days", "9", "-keyout", str(tmp_path / "key"), "-out", str(pem)]
    subprocess.run(made, check=True, capture_output=True)
    store = tmp_path / "cacerts"
    store.write_bytes(keystore({"Example.crt": pem.read_bytes()}))
    listed = [keytool, "-list", "-rfc", "-keystore", str(store), "-storepass", PASSWORD]
    done = subprocess.run(listed, capture_output=True, text=True, check=True)
    assert "Alias name: debian:example.pem" in done.stdout
    assert "".join(pem.read_text().split()) in "".join(done.stdout.split())
