"""What can be run in, and asked of, a simulated container: a few commands, and a page for its ports."""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sensei_tui.rehearsal.objects import Object

_NOT_FOUND = (
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "{}": executable file not found '
    "in $PATH"
)


@dataclass
class Done:
    """A command that has ended; `failure` says why it could not be started."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""
    failure: str = ""


async def run(command: list[str], container: Object, pod: str, stdin: AsyncIterator[bytes]) -> Done:
    """Run `true`, `false`, `echo`, `env`, `hostname`, `cat` or `sh -c` with one of these or `exit N`."""
    if not command:
        return Done(failure="you must specify at least 1 command for the container")
    name, *arguments = command
    if name in ("sh", "/bin/sh", "bash") and arguments[:1] == ["-c"]:
        return await _shell(" ".join(arguments[1:2]), container, pod, stdin)
    if name == "cat" and not arguments:
        return Done(out=b"".join([part async for part in stdin]))
    outputs = {
        "true": "", "hostname": f"{pod}\n", "echo": f"{' '.join(arguments)}\n",
        "env": "".join(f"{item['name']}={item.get('value', '')}\n" for item in container.get("env") or ()),
    }  # fmt: skip
    base = name.rpartition("/")[2]
    if base == "false":
        return Done(code=1)
    return Done(out=outputs[base].encode()) if base in outputs else Done(failure=_NOT_FOUND.format(name))


async def _shell(script: str, container: Object, pod: str, stdin: AsyncIterator[bytes]) -> Done:
    words = shlex.split(script)
    if words[:1] == ["exit"]:
        return Done(code=int(words[1]) if len(words) > 1 and words[1].isdigit() else 0)
    done = await run(words, container, pod, stdin)
    if done.failure:
        return Done(code=127, err=f"sh: 1: {words[0] if words else ''}: not found\n".encode())
    return done


def page(request: bytes, container: Object, pod: str) -> bytes:
    """The answer to an HTTP request on one of the container's ports; it says that nothing real answers."""
    line = request.split(b"\r\n", 1)[0].decode(errors="replace")
    text = (
        f"<!doctype html><title>{container['name']}</title>"
        f"<p>{container['name']} in pod {pod} is simulated: no process runs here.</p>\n"
    )
    method, _, _ = line.partition(" ")
    body = b"" if method == "HEAD" else text.encode()
    known = method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
    status = "200 OK" if known else "400 Bad Request"
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(text.encode())}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
