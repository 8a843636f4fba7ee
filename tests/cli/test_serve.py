import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


def test_a_model_answers_until_interrupted(model: Path) -> None:
    command = [sys.executable, "-m", "muslin.cli", "serve", model, "--port", "0", "--admin-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = json.loads(process.stderr.readline())["url"]
        request = urllib.request.Request(
            f"{url}/v1/recommendations",
            json.dumps({"context_items": ["g0000"], "n": 3}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert [item["rank"] for item in json.load(answer)["items"]] == [1, 2, 3]
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["nowhere"], 4, "not_a_model"),
        (["MODEL", "--host", "0.0.0.0"], 2, "needs_key"),
        (["MODEL", "--host", "no such host"], 2, "bad_host"),
    ],
)
def test_what_cannot_be_served(muslin, model, arguments, status, code) -> None:
    found = muslin("serve", *[model if a == "MODEL" else a for a in arguments], "--port", 0, "--admin-port", 0)
    assert found.status == status
    assert f"code: {code}\n" in found.err
