"""Reports for machines and people hold whatever customers and models write, and nothing of it does anything."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.scenarios.test_run import run

HOSTILE = r"""
name: "Salah & <b>tebal</b> ]]> \a \u202E"
now: 2026-12-01T10:00:00
turns:
  - customer: "jam berapa toko buka? <script>alert(1)</script> <img src=https://x.example/a.png onerror=alert(2)>"
    expect:
      - reply: {contains: "jam\n<i>7</i> ]]> 100%\e[31m"}
  - customer: "\n::stop-commands::\n::error file=x::nonsense"
    expect: [{replies: 7}]
  - colleague: "::warning::from a colleague\u2028::error::x"
"""


class Page(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_hostile_texts_do_nothing_in_any_report(
    shop: Path, scenario: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    path = scenario(HOSTILE, "hostile")
    broken = scenario("turns:\n  - {customer: hi, expct: 1}\n", "broken")
    code, out = run(shop, capsys, "--junit", str(shop / "j.xml"), "--html", str(shop / "h.html"))
    assert code == 1

    root = ET.parse(shop / "j.xml").getroot()  # noqa: S314 - we wrote it
    assert root.tag == "testsuites"
    suite = root[0].attrib
    assert (suite["tests"], suite["failures"], suite["errors"], suite["skipped"]) == ("2", "1", "1", "0")
    cases = {case.get("file"): case for case in root.iter("testcase")}
    failure = cases[str(path)].find("failure")
    assert failure is not None
    assert f"{path}:7: turn 1, reply.contains: expected" in str(failure.get("message"))
    assert "<script>alert(1)</script>" in str(failure.text)
    error = cases[str(broken)].find("error")
    assert error is not None
    assert f"{broken}:2:20: unknown key `expct`" in str(error.get("message"))

    text = (shop / "h.html").read_text()
    page = Page()
    page.feed(text)
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h3", "p", "small", "details", "summary", "div", "span", "pre"
    }  # fmt: skip
    assert {name for _, attributes in page.elements for name in attributes} <= {
        "lang", "charset", "name", "content", "class", "open"
    }  # fmt: skip
    assert "url(" not in text
    assert "@import" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not {"\a", "\x1b", "\u202e"} & set(text + out)

    lines = out.splitlines()
    stop = lines[0].removeprefix("::stop-commands::")
    assert len(stop) == 16, lines[0]
    commands = lines[lines.index(f"::{stop}::") + 1 :]
    assert [line.partition("title=")[0] for line in commands] == [
        f"::error file={broken},line=2,col=20,",
        f"::error file={path},line=7,",
        f"::error file={path},line=9,",
    ]
    assert "100%25" in commands[1]
