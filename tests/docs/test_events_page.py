"""The page on events: its way of checking a signature is right, in both languages."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.config import examine_text
from agent.config.workflows import Workflow
from agent.workflows.hooks import read_hook
from agent.workflows.sender import signature

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "events.md").read_text(encoding="utf-8")
BODY = b'{"event":"payment.paid","data":{"note":"kopi \xe2\x98\x95"}}'
RIGHT = signature("rahasia", BODY)


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(one for one in blocks if containing in one)


def test_the_python_example_takes_the_right_signature_and_no_other() -> None:
    names: dict[str, object] = {}
    exec(block("python", "is_genuine"), names)  # noqa: S102 - the page's own example
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    assert is_genuine("rahasia", BODY, RIGHT)
    assert not is_genuine("rahasia", BODY + b" ", RIGHT)
    assert not is_genuine("lain", BODY, RIGHT)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_example_takes_the_right_signature_and_no_other(tmp_path: Path) -> None:
    script = tmp_path / "check.js"
    body = f"Buffer.from('{BODY.hex()}', 'hex')"
    calls = [f"isGenuine('rahasia', {body}, '{RIGHT}')", f"isGenuine('lain', {body}, '{RIGHT}')"]
    script.write_text(block("js", "isGenuine") + f"\nconsole.log({', '.join(calls)})\n", encoding="utf-8")
    answer = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "true false"


def shipped() -> Workflow:
    """The workflow of the page."""
    text = f"name: Melati\ninstructions: Halo.\n{block('yaml', 'name: shipped')}"
    config = examine_text(text, environment={"SHIPPED_TOKEN": "a-long-token"}).config
    assert config is not None
    return config.workflows[0]


def under(heading: str) -> str:
    return PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("system", ["Zapier", "Pabbly Connect"])
def test_what_zapier_and_pabbly_send_finds_the_contact_once(system: str) -> None:
    (body,) = re.findall(r"```json\n(.*?)```", under(system), re.DOTALL)
    hook = read_hook(shipped(), {"content-type": "application/json"}, body.encode())
    assert hook.address == {"phone": "+6281234567801"}
    assert (hook.identity, hook.data["number"]) == (json.loads(body)["event_id"], "KS-10234")


def test_the_curl_example_is_taken() -> None:
    (body,) = re.findall(r"-d '(.*?)'", block("sh", "curl"))
    hook = read_hook(shipped(), {}, body.encode())
    assert (hook.identity, hook.address) == ("e-1", {"phone": "+6281234567801"})


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_of_google_forms_sends_what_is_taken(tmp_path: Path) -> None:
    stubs = """
    const item = (title, answer) => ({ getItem: () => ({ getTitle: () => title }), getResponse: () => answer })
    const answers = [item('Nomor WhatsApp', '0812-3456-7801'), item('Ukuran', ['S', 'M'])]
    const response = { getId: () => '2_ABaOnue', getItemResponses: () => answers }
    const UrlFetchApp = { fetch: (url, options) => console.log(JSON.stringify({ url, ...options })) }
    """
    script = tmp_path / "form.js"
    script.write_text(f"{stubs}\n{block('js', 'onSubmit')}\nonSubmit({{ response }})\n", encoding="utf-8")
    answer = subprocess.run(["node", str(script)], capture_output=True, text=True, check=True)
    sent = json.loads(answer.stdout)
    headers = {name.lower(): value for name, value in sent["headers"].items()} | {"content-type": sent["contentType"]}
    hook = read_hook(shipped(), headers, sent["payload"].encode())
    assert (sent["method"], sent["url"].endswith("/api/v1/hooks/form")) == ("post", True)
    assert headers["authorization"].startswith("Bearer ")
    assert (hook.identity, hook.address) == ("2_ABaOnue", {"phone": "+6281234567801"})
    assert hook.data["Ukuran"] == ["S", "M"]


@pytest.mark.parametrize("page", ["events.md", "workflows.md"])
def test_the_examples_of_agent_yaml_are_right(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found
    environment = {"SHIPPED_TOKEN": "a-long-token", "CRM_SECRET": "a-long-secret"}
    for example in found:
        looked = examine_text(f"name: Melati\ninstructions: Halo.\n{example}", environment=environment)
        assert [str(error) for error in looked.errors] == []
