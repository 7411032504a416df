import io
from fractions import Fraction

import av
import httpx
import numpy as np
import pytest

from messaging.sandbox import RunningSandbox
from messaging.sandbox.errors import Invalid
from messaging.sandbox.media import kind_of, tidy_name, to_ogg, type_of
from tests.messaging.sandbox.receiver import Receiver


def recording(seconds: float, container: str = "webm", codec: str = "libopus") -> bytes:
    """A tone as a browser would record it."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as sink:
        track = sink.add_stream(codec, rate=48000, layout="mono")
        time = np.arange(int(48000 * seconds), dtype=np.float32) / 48000
        tone = np.sin(2 * np.pi * 440 * time) * 0.3
        frame = av.AudioFrame.from_ndarray(tone[np.newaxis, :], format="flt", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), 0
        for packet in [*track.encode(frame), *track.encode(None)]:
            sink.mux(packet)
    return out.getvalue()


def samples(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as source:
        return np.concatenate([frame.to_ndarray()[0] for frame in source.decode(audio=0)])


def test_a_webm_recording_becomes_an_ogg_file_with_the_same_sound() -> None:
    webm = recording(1.5)
    ogg = to_ogg(webm)
    assert ogg.startswith(b"OggS")
    assert b"OpusHead" in ogg[:100]
    before, after = samples(webm), samples(ogg)
    assert abs(len(before) - len(after)) <= 960
    assert np.sqrt(np.mean(after[4800:-4800] ** 2)) == pytest.approx(
        np.sqrt(np.mean(before[4800:-4800] ** 2)), rel=0.02
    )


@pytest.mark.parametrize("data", [b"", b"\x1a\x45\xdf\xa3" + b"0" * 100, b"plain text"])
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        to_ogg(data)


def test_a_recording_of_another_codec_is_refused() -> None:
    with pytest.raises(Invalid, match="not Opus"):
        to_ogg(recording(0.2, "matroska", "flac"))


async def test_a_recorded_note_reaches_the_agent_as_an_ogg_attachment(
    sandbox: RunningSandbox, control: httpx.AsyncClient, receiver: Receiver
) -> None:
    sandbox.send_webhooks_to(receiver.url, "s")
    headers = {"Content-Type": "audio/webm"}
    answer = await control.post("/contacts/1/files?name=voice-note.webm", content=recording(0.5), headers=headers)
    assert answer.status_code == 200
    (body,) = await receiver.wait_for("message.received")
    attachment = body["message"]["message"]["attachment"]
    assert body["message"]["message"]["type"] == "attachment"
    assert (
        attachment
        | {
            "type": "audio",
            "fileName": "voice-note.ogg",
            "mimeType": "audio/ogg",
            "ext": "ogg",
            "isPending": False,
        }
        == attachment
    )
    async with httpx.AsyncClient(trust_env=False) as agent:
        fetched = await agent.get(attachment["url"], headers={"Host": "sandbox.docker"})
        part = await agent.get(attachment["url"], headers={"Range": "bytes=0-3"})
        wrong = await agent.get(attachment["url"].replace("media/", "media/x"))
    assert fetched.headers["content-type"] == "audio/ogg"
    assert len(fetched.content) == int(attachment["size"])
    assert (part.status_code, part.content, part.headers["content-range"][:10]) == (206, b"OggS", "bytes 0-3/")
    assert wrong.status_code == 404


async def test_a_picture_with_a_caption_keeps_both(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    answer = await control.post("/contacts/1/files?name=Bukti Transfer.png&caption=sudah ya", content=png)
    item = answer.json()
    assert (item["text"], item["file"]["name"]) == ("sudah ya", "Bukti-Transfer.png")
    assert item["message"]["attachment"]["type"] == "image"


@pytest.mark.parametrize(("path", "data", "status"), [("", b"", 400), ("?channel=x", b"a", 400)])
async def test_a_wrong_upload_is_refused(control: httpx.AsyncClient, path: str, data: bytes, status: int) -> None:
    assert (await control.post(f"/contacts/1/files{path}", content=data)).status_code == status


async def test_an_upload_over_25_mib_is_refused(control: httpx.AsyncClient) -> None:
    answer = await control.post("/contacts/1/files?name=a.bin", content=bytes(25 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, 413)


async def test_a_page_that_was_uploaded_does_not_run(control: httpx.AsyncClient, sandbox: RunningSandbox) -> None:
    headers = {"Content-Type": "text/html"}
    item = (await control.post("/contacts/1/files?name=x.html", content=b"<script>", headers=headers)).json()
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        served = await client.get(item["file"]["url"])
    assert served.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in served.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "data", "claimed", "mime_type", "kind"),
    [
        ("a", b"OggS....", "text/plain", "audio/ogg", "audio"),
        ("a.webm", b"\x1a\x45\xdf\xa3..", "video/webm", "video/webm", "video"),
        ("a", b"\xff\xd8\xff\xe0", None, "image/jpeg", "image"),
        ("a", b"RIFF1234WEBP", None, "image/webp", "image"),
        ("a", b"RIFF1234WAVE", None, "audio/wav", "audio"),
        ("a", b"....ftypM4A ", None, "audio/mp4", "audio"),
        ("a", b"....ftypisom", None, "video/mp4", "video"),
        ("a.pdf", b"%PDF-1.7", None, "application/pdf", "file"),
        ("a.csv", b"a,b", None, "text/csv", "file"),
        ("a.csv", b"a,b", "text/plain; charset=utf-8", "text/plain", "file"),
        ("a", b"?", "application/octet-stream", "application/octet-stream", "file"),
    ],
)
def test_the_type_of_a_file_is_read_off_its_bytes_first(
    name: str, data: bytes, claimed: str | None, mime_type: str, kind: str
) -> None:
    assert type_of(name, data, claimed) == mime_type
    assert kind_of(mime_type) == kind


@pytest.mark.parametrize(
    ("name", "mime_type", "tidy"),
    [
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ('a";b.ogg', "audio/ogg", "a-b.ogg"),
        ("", "image/png", "file.png"),
        ("laporan.xlsx", "application/x-excel", "laporan.xlsx"),
    ],
)
def test_a_file_name_is_safe_in_a_url(name: str, mime_type: str, tidy: str) -> None:
    assert tidy_name(name, mime_type) == tidy
