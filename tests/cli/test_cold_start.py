"""What `balas chat` loads on the offline path: a fixed list instead of seconds, which differ between machines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.frame import run

ROOT = Path(__file__).parents[2]
HEAVY = (
    "alembic av chromadb cryptography ctranslate2 fastapi faster_whisper huggingface_hub jsonpath jsonschema "
    "langchain langchain_mcp_adapters langchain_openai langsmith langgraph lxml mcp onnxruntime openai pdfplumber "
    "PIL procrastinate prometheus_client prompt_toolkit psycopg pycountry pypdfium2 qrcode uvloop websockets "
    "zxingcpp"
).split()
"""Packages that an offline answer in a terminal needs none of; together they take several seconds of CPU to import."""

SCRIPT = f"""
import json, os, sys
from agent.cli.frame import run
code = run(["chat"])
json.dump([code, [name for name in {HEAVY!r} if name in sys.modules]], open(os.environ["REPORT"], "w"))
"""


@pytest.mark.parametrize("text", ["halo", "jam berapa toko buka?"])
def test_an_offline_answer_loads_no_package_that_it_does_not_need(tmp_path: Path, text: str) -> None:
    run(["init", str(tmp_path / "shop")])
    report = tmp_path / "report.json"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path / "shop",
        env={**os.environ, "PYTHONPATH": str(ROOT), "REPORT": str(report), "OPENAI_API_KEY": "", "AELYST_TOKEN": ""},
        input=f"{text}\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    assert ended.stdout.strip()
    assert json.loads(report.read_text()) == [0, []]
