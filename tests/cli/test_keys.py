import json
from pathlib import Path

import pytest


def test_made_listed_revoked(muslin, tmp_path: Path) -> None:
    made = muslin("keys", "create", "web", "--state", "state", "--scope", "recs:read,items:write")
    assert made.status == 0
    text = made.out.strip()
    kid = text.split("_")[1]
    assert text.startswith("mus_")
    assert "not shown again" in made.err
    listed = muslin("keys", "list", "--state", "state", "--json", "-")
    (row,) = json.loads(listed.out)
    assert (row["kid"], row["name"], row["scopes"]) == (kid, "web", ["items:write", "recs:read"])
    assert text.split("_", 2)[2] not in listed.out + listed.err
    assert muslin("keys", "revoke", kid, "--state", "state").out == f"revoked web {kid}\n"
    assert json.loads(muslin("keys", "list", "--state", "state", "--json", "-").out)[0]["revoked"]
    again = muslin("keys", "revoke", kid, "--state", "state")
    assert (again.status, "code: unknown_key" in again.err) == (2, True)


def test_browser_key(muslin) -> None:
    command = ("keys", "create", "page", "--state", "state", "--origin", "https://shop.example", "--json", "-")
    made = json.loads(muslin(*command, "--scope", "events:write").out)
    assert made["origins"] == ["https://shop.example"]
    assert made["key"].startswith(f"mus_{made['kid']}_")
    assert "code: browser_scope" in muslin(*command, "--scope", "recs:read").err


@pytest.mark.parametrize(
    ("arguments", "code"), [(["create", "a", "--scope", "x"], "unknown_scope"), (["lst"], "unknown_command")]
)
def test_wrong_use(muslin, arguments: list[str], code: str) -> None:
    found = muslin("keys", *arguments, "--state", "state")
    assert (found.status, f"code: {code}" in found.err) == (2, True)
