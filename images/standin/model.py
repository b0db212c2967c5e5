"""In place of the server of a local model: its health, and an answer that names itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from standin.serve import JSON, TEXT, Reply, serve


def model(arguments: list[str]) -> int:
    """Serve as vLLM would with these arguments; those that mean nothing here are passed over."""
    given = dict(item.removeprefix("--").split("=", 1) for item in arguments if item.startswith("--") and "=" in item)
    place = Path(given["model"])
    if not place.is_dir() or not any(place.iterdir()):
        sys.stderr.write(f"stand-in: there is no model in {place}\n")
        return 1
    name = given.get("served-model-name", place.name)

    def answer(path: str) -> Reply:
        if path == "/health":
            return 200, TEXT, ""
        if path == "/v1/models":
            return 200, JSON, json.dumps({"object": "list", "data": [{"id": name, "object": "model"}]})
        return 404, TEXT, "not found\n"

    def post(path: str, body: bytes) -> Reply:
        if path != "/v1/chat/completions":
            return 404, TEXT, "not found\n"
        asked = json.loads(body)
        if asked.get("model") != name:
            return 404, JSON, json.dumps({"message": f"The model {asked.get('model')} does not exist."})
        message = {"role": "assistant", "content": "I am a stand-in."}
        return (
            200,
            JSON,
            json.dumps({"object": "chat.completion", "model": name, "choices": [{"index": 0, "message": message}]}),
        )

    serve(answer, int(given.get("port", 8000)), lambda: None, post)
    return 0
