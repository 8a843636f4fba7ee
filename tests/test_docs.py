"""The documentation says what the code does."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(p for p in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TRANSLATED = (
    "README",
    "docs/benchmark",
    "docs/data",
    "docs/evaluation",
    "docs/features",
    "docs/meta",
    "docs/operations",
    "docs/peers",
    "docs/reliability",
    "docs/service",
    "docs/transfer",
)


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


@pytest.mark.parametrize("name", ["methods.md", "commands.md"])
def test_generated_pages_are_current(generated, name) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generated[name], "run `make docs`"


def test_every_method_and_option_is_documented(generated) -> None:
    assert "| `temperature` | 0.1 | Starting softmax temperature" in generated["methods.md"]
    assert "## `muslin evaluate`" in generated["commands.md"]
    assert "`--max-users`" in generated["commands.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("stem", TRANSLATED)
def test_pages_for_users_exist_in_both_languages(stem) -> None:
    english = (ROOT / f"{stem}.md").read_text(encoding="utf-8")
    chinese = (ROOT / f"{stem}.zh-CN.md").read_text(encoding="utf-8")
    assert english.count("\n## ") == chinese.count("\n## "), "sections differ"
    assert len(re.findall(r"```\w*\n", english)) == len(re.findall(r"```\w*\n", chinese)), "examples differ"


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_docs_exist(page, generated) -> None:
    known = set(re.findall(r"## `muslin ([a-z-]+)`", generated["commands.md"]))
    said = re.findall(r"^(?:\S+/)?muslin ([a-z]+(?:-[a-z]+)*)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(said) <= known


def test_makefile_targets_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", (ROOT / "README.md").read_text())) <= targets
