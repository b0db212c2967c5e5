"""A token (FIDO authenticator) without a token: keys and signatures as PROTOCOL.u2f of OpenSSH has them."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

TOUCHED, VERIFIED = 1, 4


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


class Token:
    """One key on it; `kind` is `ed25519` or `ecdsa`."""

    def __init__(self, kind: str, application: bytes = b"ssh:") -> None:
        self.key = (
            ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())
        )
        self.name = b"sk-ssh-ed25519@openssh.com" if kind == "ed25519" else b"sk-ecdsa-sha2-nistp256@openssh.com"
        self.application = application

    @property
    def parts(self) -> bytes:
        """The public key, and what it is for."""
        raw, x962 = serialization.Encoding.Raw, serialization.Encoding.X962
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            found = string(self.key.public_key().public_bytes(raw, serialization.PublicFormat.Raw))
        else:
            point = self.key.public_key().public_bytes(x962, serialization.PublicFormat.UncompressedPoint)
            found = string(b"nistp256") + string(point)
        return found + string(self.application)

    @property
    def public(self) -> str:
        """`sk-ssh-ed25519@openssh.com AAAA...`."""
        return f"{self.name.decode()} {base64.b64encode(string(self.name) + self.parts).decode()}"

    def answer(self, message: bytes, flags: int, counter: int) -> bytes:
        """What SSH makes of the token's answer: kind, signature, flags, counter."""
        end = bytes([flags]) + counter.to_bytes(4, "big")
        told = hashlib.sha256(self.application).digest() + end + hashlib.sha256(message).digest()
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            value = self.key.sign(told)
        else:
            numbers = decode_dss_signature(self.key.sign(told, ec.ECDSA(hashes.SHA256())))
            value = b"".join(string(number.to_bytes(number.bit_length() // 8 + 1, "big")) for number in numbers)
        return string(self.name) + string(value) + end

    def sign(self, text: bytes, namespace: str, flags: int = TOUCHED, counter: int = 7) -> str:
        """As `ssh-keygen -Y sign` would with it."""
        head = string(namespace.encode()) + string(b"") + string(b"sha512")
        answer = self.answer(b"SSHSIG" + head + string(hashlib.sha512(text).digest()), flags, counter)
        return armored(b"SSHSIG\0\0\0\1" + string(string(self.name) + self.parts) + head + string(answer))

    def write(self, path: Path) -> None:
        """The private key's file (PROTOCOL.key): it holds only how the token finds its key."""
        check, handle = os.urandom(4), bytes([TOUCHED]) + string(b"handle") + string(b"")
        private = check * 2 + string(self.name) + self.parts + handle + string(b"token")
        private += bytes(range(1, 8 - len(private) % 8 + 1)) if len(private) % 8 else b""
        head = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + (1).to_bytes(4, "big")
        encoded = base64.encodebytes(head + string(string(self.name) + self.parts) + string(private)).decode()
        path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{encoded}-----END OPENSSH PRIVATE KEY-----\n")
        path.chmod(0o600)
        path.with_name(f"{path.name}.pub").write_text(f"{self.public} token\n")


def armored(data: bytes) -> str:
    encoded = base64.b64encode(data).decode()
    lines = "\n".join(encoded[at : at + 70] for at in range(0, len(encoded), 70))
    return f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n"
