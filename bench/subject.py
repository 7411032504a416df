"""A system under test: started, fed with signed webhooks, its CPU and memory read from the operating system."""

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

SECRET = "bench-secret"
QUESTIONS = (
    "pesanan KS-{} sudah sampai mana?",
    "kak, boleh cek paket saya KS-{}",
    "kapan ya barang dengan nomor KS-{} tiba di Bandung?",
    "order saya KS-{} kok belum datang juga",
    "mau tanya status KS-{} dong, terima kasih",
    "kurirnya siapa untuk kiriman KS-{}? saya di rumah sampai sore",
    "halo selamat siang, tolong lihat KS-{}",
    "KS-{} statusnya apa?",
    "sudah dikirim belum yang KS-{}, soalnya mau dipakai besok",
    "where is my order KS-{}?",
    "please check whether KS-{} left the warehouse",
    "resi pengiriman KS-{} berapa ya min",
    "saya Budi, menunggu KS-{} dari hari Senin",
)
"""A prime number of sentences: a contact who says the same again and again is taken for a machine."""
_TICKS = os.sysconf("SC_CLK_TCK")

PEERS = Path(os.environ.get("BENCH_PEERS", "nowhere"))
"""Where other frameworks are installed, each in a folder of its own: `agno` is a virtual environment, `vercel` has node_modules."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Subject:
    """One running system. Times are seconds, sizes megabytes."""

    name: str
    url: str
    stub: str
    pid: int
    folder: Path
    client: httpx.AsyncClient
    _number: int = field(default_factory=lambda: int(time.time() * 1000))

    def cpu(self) -> float:
        """CPU seconds of the process and its children so far."""
        return cpu_seconds(self.pid)

    def peak_memory(self) -> float:
        peak = 0.0
        for pid in [self.pid, *children(self.pid)]:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    peak += int(line.split()[1]) / 1024
        return peak

    async def say(self, contact: int) -> float:
        """Post one webhook; how long the answer took."""
        self._number += 1
        body = json.dumps(
            {
                "event_type": "message.received",
                "event_id": str(self._number),
                "contact": {"id": contact, "firstName": "Budi", "phone": f"+62812{contact:08d}"},
                "message": {
                    "messageId": self._number,
                    "contactId": contact,
                    "channelId": 1,
                    "traffic": "incoming",
                    "timestamp": int(time.time() * 1000),
                    "message": {
                        "type": "text",
                        "text": QUESTIONS[self._number % len(QUESTIONS)].format(10000 + self._number % 90000),
                    },
                },
                "channel": {"id": 1, "name": "WhatsApp", "source": "whatsapp_cloud"},
            }
        ).encode()
        signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
        begun = time.perf_counter()
        status = await _post(self.url.removeprefix("http://"), "/webhooks/aelyst", body, signature)
        if status != 200:
            raise RuntimeError(f"{self.name} answered {status}")
        return time.perf_counter() - begun

    async def sent(self, after: int = 0) -> list[tuple[str, float]]:
        """Contact and time of every message that reached the platform since `reset`, without the first `after`."""
        rows = (await self.client.get(f"{self.stub}/sent", params={"after": after})).json()
        return [(str(contact), float(at)) for contact, at in rows]

    async def reset(self, delay: float = 0.0) -> None:
        await self.client.put(f"{self.stub}/settings", json={"delay": delay})


async def _post(host: str, path: str, body: bytes, signature: str) -> int:
    """The status of one POST on a connection of its own.

    A client library spends ten milliseconds of CPU on each of a thousand posts at once, on the cores that are measured.
    """
    address, _, port = host.partition(":")
    reader, writer = await asyncio.open_connection(address, int(port))
    try:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"X-Webhook-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its children, also those that have ended, have used so far."""
    ticks = 0
    for one in [*children(pid), pid]:  # the process last: what a child that ends meanwhile has used stands there
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            if one == pid:
                raise
        else:
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS


def children(pid: int) -> list[int]:
    """Return the ids of the processes that a process has started and that run."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = task / "children"
        if children.exists():
            found += [int(child) for child in children.read_text().split()]
    return found


def installed() -> list[str]:
    """Other frameworks with a floor of their own that are installed here, or below `PEERS`."""
    found = [name for name in ("agno",) if _python_of(name) is not None]
    return found + (["vercel"] if (PEERS / "vercel" / "node_modules" / "ai").is_dir() else [])


def _python_of(framework: str) -> str | None:
    """The interpreter that knows a framework."""
    if importlib.util.find_spec(framework) is not None:
        return sys.executable
    own = PEERS / framework / "bin" / "python"
    return str(own) if own.exists() else None


def _command(name: str, port: int, stub: str, folder: Path) -> list[str]:
    """What starts a system under test."""
    if name == "vercel":
        return ["node", str(Path(__file__).parent / "floors" / "vercel.mjs"), str(port), stub]
    if name == "balas":
        (folder / "agent.yaml").write_text(CONFIG.format(stub=stub, port=port))
        return [sys.executable, "-m", "agent", "--log-level", "warning", "serve", "-c", str(folder / "agent.yaml")]
    python = (_python_of(name) if name == "agno" else None) or sys.executable
    return [python, "-m", "bench.floors.program", name, str(port), stub, str(folder / "floor.db")]


@asynccontextmanager
async def subject(name: str) -> AsyncIterator[Subject]:
    """Start `balas`, or a floor (`raw`, `agent`, `agno`, `vercel`), with a stub of its own."""
    stub_port, port = free_port(), free_port()
    stub = f"http://127.0.0.1:{stub_port}"
    with tempfile.TemporaryDirectory(prefix="balas-bench-") as folder:
        stub_process = subprocess.Popen([sys.executable, "-m", "bench.stub", str(stub_port)])
        process = subprocess.Popen(_command(name, port, stub, Path(folder)))
        try:
            async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=2000)) as client:
                url = f"http://127.0.0.1:{port}"
                await ready(client, f"{url}/readyz", process)
                await ready(client, f"{stub}/sent", stub_process)
                yield Subject(name, url, stub, process.pid, Path(folder), client)
        finally:
            for each in (process, stub_process):
                each.terminate()
                each.wait(40)


async def ready(client: httpx.AsyncClient, url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until an address answers 200, at most a minute of tries."""
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            if (await client.get(url)).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(url)


CONFIG = """\
name: Melati
instructions: Kamu Melati.
model: {{name: stub, base_url: "{stub}/v1", fallbacks: []}}
messaging: {{token: x, base_url: "{stub}/v1", webhook_secret: bench-secret, rate: 1000/s}}
conversation: {{quiet_window: {{finished: 0s, unfinished: 0s, longest: 0s}}}}
limits: {{turns_per_contact_per_day: 1000000}}
actions:
  - name: get_order
    description: Status of an order.
    parameters: {{order_id: {{type: string, from: conversation}}}}
    request: {{method: GET, url: "{stub}/orders/{{order_id}}"}}
network: {{allow_private: [127.0.0.1]}}
voice: {{model: none}}
server: {{port: {port}}}
"""
