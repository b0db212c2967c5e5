"""Signatures of OpenSSH: what `ssh-keygen -Y sign` writes and `ssh-keygen -Y verify` reads, without ssh-keygen.

https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig; keys on tokens (FIDO) by PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sensei_tui.bundle.signers import NAMESPACE, BadKey, BadSignature, Signature

_MAGIC, _VERSION = b"SSHSIG", 1
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_RSA: Mapping[str, hashes.HashAlgorithm] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}
_CURVES: Mapping[str, hashes.HashAlgorithm] = {
    "nistp256": hashes.SHA256(), "nistp384": hashes.SHA384(), "nistp521": hashes.SHA512(),
}  # fmt: skip
_RSA_BITS = 2048
"""At least, as NIST SP 800-131A Rev. 2 has it (table 2); ssh-keygen takes 1024."""
TOKENS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")


# The wire.


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _strings(data: bytes) -> Iterator[bytes]:
    while data:
        size = int.from_bytes(data[:4], "big")
        if len(data) < 4 + size:
            raise BadSignature("The signature is cut short.")
        yield data[4 : 4 + size]
        data = data[4 + size :]


def _signed(namespace: str, algorithm: str, text: bytes) -> bytes:
    digest = _HASHES[algorithm](text).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(algorithm.encode()) + _string(digest)


# Verifying.


def check(text: bytes, armored: str, namespace: str = NAMESPACE, where: str = "") -> Signature:
    """Whoever made it: that is for `signer_of` to say. Raises BadSignature, which names the file `where`."""
    try:
        return _checked(text, armored, namespace)
    except BadSignature as error:
        error.where, error.remedy = where, error.remedy or "Copy it again from its source, or have it signed again."
        raise


def _checked(text: bytes, armored: str, namespace: str) -> Signature:
    key, found, algorithm, signature = _parsed(armored)
    if found != namespace:
        raise BadSignature(
            "The signature is for another use.", why=f"its namespace is {found!r}, not {namespace!r}",
            remedy=f"Have it signed again: ssh-keygen -Y sign -n {namespace}, or sensei bundle sign.",
        )  # fmt: skip
    if algorithm not in _HASHES:
        raise BadSignature("The signature's hash is not understood.", why=algorithm)
    try:
        return Signature(key, _verify(key, signature, _signed(namespace, algorithm, text)))
    except InvalidSignature:
        raise BadSignature("The signature does not fit: the text is not the one that was signed.") from None
    except (ValueError, UnsupportedAlgorithm, NotImplementedError) as error:  # the last for points of other forms
        raise BadSignature("The signature's key is not understood.", why=str(error)) from None


def _parsed(armored: str) -> tuple[bytes, str, str, bytes]:
    """Key, namespace, hash algorithm, signature."""
    body = armored.strip()
    if not body.startswith(_BEGIN) or not body.endswith(_END):
        raise BadSignature("That is no SSH signature.")
    try:
        data = base64.b64decode("".join(body[len(_BEGIN) : -len(_END)].split()), validate=True)
    except ValueError:  # binascii.Error is one, and so is what is told of letters beyond ASCII
        raise BadSignature("The signature is damaged: it is no base64.") from None
    if data[:6] != _MAGIC or int.from_bytes(data[6:10], "big") != _VERSION:
        raise BadSignature("The signature is of a kind that is not understood.")
    parts = [*_strings(data[10:])]
    if len(parts) != 5:
        raise BadSignature("The signature is damaged: it has not its five parts.")
    key, namespace, _, algorithm, signature = parts
    return key, namespace.decode(errors="replace"), algorithm.decode(errors="replace"), signature


def _verify(key: bytes, signature: bytes, message: bytes) -> int | None:
    """Flags of the token, where the key is on one. Raises InvalidSignature, ValueError, BadSignature."""
    kind = next(_strings(key), b"").decode(errors="replace")
    if kind in TOKENS:
        return _verify_token(key, signature, message)
    name, value, *_ = (*_strings(signature), b"", b"")
    public = serialization.load_ssh_public_key(f"{kind} {base64.b64encode(key).decode()}".encode())
    algorithm = name.decode(errors="replace")
    if isinstance(public, ed25519.Ed25519PublicKey) and algorithm == kind:
        public.verify(value, message)
    elif isinstance(public, rsa.RSAPublicKey) and algorithm in _RSA:
        if public.key_size < _RSA_BITS:
            raise ValueError(_short(public.key_size))
        public.verify(value, message, padding.PKCS1v15(), _RSA[algorithm])
    elif isinstance(public, ec.EllipticCurvePublicKey) and algorithm == kind:
        public.verify(_der(value), message, ec.ECDSA(_CURVES[kind.rpartition("-")[2]]))
    else:
        raise ValueError(f"{kind} with {algorithm}")
    return None


def _short(bits: int) -> str:
    return f"RSA of {bits} bits can be forged: {_RSA_BITS} are needed"


def _verify_token(key: bytes, signature: bytes, message: bytes) -> int:
    """A token signs SHA-256 of the application (32 bytes), flags (1), counter (4), SHA-256 of the message (32)."""
    kind, *public, application = _strings(key)
    name, value = _strings(signature[:-5])
    if name != kind:
        raise ValueError(f"{kind.decode()} with {name.decode(errors='replace')}")
    signed = hashlib.sha256(application).digest() + signature[-5:] + hashlib.sha256(message).digest()
    if kind == TOKENS[0].encode():
        (raw,) = public
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(value, signed)
    else:
        curve, point = public
        if curve != b"nistp256":
            raise ValueError(f"{kind.decode()} on {curve.decode(errors='replace')}")
        on_curve = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        on_curve.verify(_der(value), signed, ec.ECDSA(hashes.SHA256()))
    return signature[-5]


def _der(value: bytes) -> bytes:
    """A signature of two numbers, as the library takes it. Raises ValueError, BadSignature."""
    first, second = (int.from_bytes(part, "big") for part in _strings(value))
    return encode_dss_signature(first, second)


# Signing.


def is_locked(key: Path) -> bool:
    """Whether a private key needs a passphrase of us. What else is wrong with it, `sign` says."""
    try:
        _refuse_token(key.read_bytes(), str(key))
        serialization.load_ssh_private_key(key.read_bytes(), None)
    except (TypeError, ValueError) as error:
        return "password" in str(error).lower() or "encrypted" in str(error).lower()
    except (OSError, UnsupportedAlgorithm, BadKey):
        return False
    return False


def sign(text: bytes, key: Path, passphrase: bytes | None = None, namespace: str = NAMESPACE) -> str:
    """The signature with a private key of OpenSSH. Raises BadKey, which says where a passphrase is needed."""
    try:
        content = key.read_bytes()
        _refuse_token(content, str(key))
        private = serialization.load_ssh_private_key(content, passphrase)
    except OSError as error:
        remedy = "Name the file of a private key of OpenSSH that you may read."
        raise BadKey("The key can't be read.", where=str(key), why=error.strerror or "", remedy=remedy) from None
    except (ValueError, UnsupportedAlgorithm, TypeError, InvalidTag) as error:
        raise _unusable(key, passphrase, error) from None
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size < _RSA_BITS:
        remedy = "Sign with a key of ssh-keygen -t ed25519."
        raise BadKey("The key can't be used.", where=str(key), why=_short(private.key_size), remedy=remedy)
    public = private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    blob = base64.b64decode(public.split()[1])
    message, kind = _signed(namespace, "sha512", text), public.split()[0].decode()
    if isinstance(private, ed25519.Ed25519PrivateKey):
        name, value = kind, private.sign(message)
    elif isinstance(private, rsa.RSAPrivateKey):
        name, value = "rsa-sha2-512", private.sign(message, padding.PKCS1v15(), hashes.SHA512())
    elif isinstance(private, ec.EllipticCurvePrivateKey):
        curve = _CURVES[kind.rpartition("-")[2]]
        name, value = kind, b"".join(map(_mpint, decode_dss_signature(private.sign(message, ec.ECDSA(curve)))))
    else:
        raise BadKey("The key can't be used.", where=str(key), why=f"{kind} is not supported: use ssh-ed25519")
    data = _MAGIC + _VERSION.to_bytes(4, "big") + _string(blob) + _string(namespace.encode()) + _string(b"")
    data += _string(b"sha512") + _string(_string(name.encode()) + _string(value))
    encoded = base64.b64encode(data).decode()
    return "\n".join([_BEGIN, *(encoded[at : at + 70] for at in range(0, len(encoded), 70)), _END, ""])


def _unusable(key: Path, passphrase: bytes | None, error: Exception) -> BadKey:
    # What the library finds where the passphrase decrypts to anything else.
    if passphrase is not None and ("checksum" in str(error) or isinstance(error, InvalidTag)):
        remedy = "Give the key's own passphrase; ssh-keygen -y -f KEY tells whether it is that."
        return BadKey("The key can't be used.", where=str(key), why="the passphrase is wrong", remedy=remedy)
    remedy = "Name a private key of OpenSSH, best one of ssh-keygen -t ed25519."
    return BadKey("The key can't be used.", where=str(key), why=str(error), remedy=remedy)


def _refuse_token(content: bytes, where: str) -> None:
    """Private and public keys name their kind in the clear, also under a passphrase."""
    body = b"".join(line for line in content.splitlines() if not line.startswith(b"-----"))
    with suppress(ValueError):
        body = base64.b64decode(body, validate=True)
    if any(content.startswith(name.encode()) or _string(name.encode()) in body for name in TOKENS):
        raise BadKey(
            "The key is on a token: ssh-keygen signs with it.", where=where,
            remedy="In three steps: sensei bundle sign FILE --text >SIGNED; "
            f"ssh-keygen -Y sign -f {where} -n {NAMESPACE} SIGNED; sensei bundle sign FILE --signature SIGNED.sig",
        )  # fmt: skip


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))
