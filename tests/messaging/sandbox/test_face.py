"""The sandbox plays any platform that a face describes: here one with its own key, paths, words, webhooks and variables."""

import json
from collections.abc import Mapping

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from messaging.sandbox import RunningSandbox
from messaging.sandbox.errors import ApiError, Unauthorized
from messaging.sandbox.events import Event, MessageReceived
from messaging.sandbox.faults import Verdict
from messaging.sandbox.records import Contact, Content, Json, Sender, SenderKind
from messaging.sandbox.requests import sandbox_of
from messaging.sandbox.workspace import Workspace
from tests.messaging.sandbox.conftest import QUICK
from tests.messaging.sandbox.receiver import Receiver


class Pigeon:
    """A platform that takes `{"to", "say"}` at `/send` and reports `{"event_type", "from", "said"}`."""

    name = "pigeon"
    prefixes: tuple[str, ...] = ("/pigeon",)

    def routes(self) -> list[BaseRoute]:
        return [Route("/send", self.send, methods=["POST"])]

    async def send(self, request: Request) -> JSONResponse:
        sandbox, body = sandbox_of(request), await request.json()
        contact, channel = sandbox.contacts.find(f"phone:{body['to']}"), sandbox.workspace.channels[0]
        content = {"type": "text", "text": body["say"]}
        return JSONResponse({"ref": str(sandbox.messages.send(contact, channel, content, Sender(SenderKind.API)).id)})

    def authorize(self, headers: Headers, token: str) -> None:
        if headers.get("x-pigeon-key") != token:
            raise Unauthorized("who are you?")

    def is_send(self, method: str, path: str) -> bool:
        return path == "/send"

    def is_open(self, method: str, path: str) -> bool:
        return False

    def is_queued(self, method: str, path: str) -> bool:
        return False

    def refusal(self, error: ApiError) -> Response:
        return JSONResponse({"coo": error.message}, error.status)

    def limit_headers(self, verdict: Verdict) -> Mapping[str, str]:
        return {"X-Pigeons-Left": str(verdict.remaining)}

    def fill_in(self, content: Content, contact: Contact) -> Content:
        return {**content, "text": str(content["text"]).replace("%NAME%", contact.first_name)}

    def webhook(self, event: Event, event_id: str, workspace: Workspace) -> Json:
        said = event.message.text if isinstance(event, MessageReceived) else None
        return {"event_type": event.type, "from": event.contact.phone, "said": said}

    def sign(self, secret: str, body: bytes) -> Mapping[str, str]:
        return {"x-pigeon-secret": secret}


async def test_a_message_goes_through_another_platforms_api_and_its_webhook() -> None:
    async with (
        RunningSandbox(QUICK, Pigeon()) as sandbox,
        Receiver() as receiver,
        httpx.AsyncClient(base_url=sandbox.api_url, headers={"X-Pigeon-Key": sandbox.token}) as api,
    ):
        sandbox.send_webhooks_to(receiver.url, "feather")
        budi = sandbox.phone("+6281234567802")
        sandbox.say(budi, "halo")
        (body,) = await receiver.wait_for("message.received")
        assert body == {"event_type": "message.received", "from": "+6281234567802", "said": "halo"}
        headers, raw = receiver.taken[0]
        assert (headers["x-pigeon-secret"], json.loads(raw)) == ("feather", receiver.bodies[0])

        answer = await api.post("/send", json={"to": budi.phone, "say": "Halo, %NAME%!"})
        (reply,) = await sandbox.replies(budi)
        assert (answer.json(), reply.text) == ({"ref": str(reply.id)}, "Halo, Budi!")


async def test_refusals_limits_and_faults_are_said_in_the_platforms_words() -> None:
    async with (
        RunningSandbox(face=Pigeon()) as sandbox,
        httpx.AsyncClient(base_url=sandbox.api_url, headers={"X-Pigeon-Key": sandbox.token}) as api,
    ):
        assert sandbox.api_url == f"{sandbox.url}/pigeon"
        stranger = await api.post("/send", headers={"X-Pigeon-Key": "wrong"})
        assert (stranger.status_code, stranger.json()) == (401, {"coo": "who are you?"})
        unknown = await api.post("/send", json={"to": "+6281999999999", "say": "halo"})
        assert (unknown.status_code, unknown.json()) == (404, {"coo": "Contact not found"})
        assert unknown.headers["X-Pigeons-Left"] == "4"
        assert (await api.get("/nowhere")).json() == {"coo": "Not Found"}
        sandbox.fault("server_error", only="sends", times=1)
        assert (await api.post("/send", json={})).status_code == 500

        state = (await api.get(f"{sandbox.url}/sandbox/state")).json()
        assert (state["apiUrl"], len(state["contacts"])) == (sandbox.api_url, 3)
