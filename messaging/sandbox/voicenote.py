"""A recording of the phone page becomes what WhatsApp delivers: Opus in an Ogg file."""

import io

from messaging.sandbox.errors import Invalid


def to_ogg(data: bytes) -> bytes:
    """Move the Opus packets of a WebM recording into an Ogg file; nothing is decoded, so nothing is lost.

    Raises:
        Invalid: the bytes are no WebM file with an Opus track.
    """
    import av

    target = io.BytesIO()
    try:
        with av.open(io.BytesIO(data), "r", format="matroska") as source, av.open(target, "w", format="ogg") as sink:
            track = source.streams.audio[0]
            if track.codec_context.name not in {"opus", "libopus"}:
                raise Invalid(f"file: the recording is {track.codec_context.name}, not Opus")
            out = sink.add_stream_from_template(track)
            for packet in source.demux(track):
                if packet.dts is not None:
                    packet.stream = out
                    sink.mux(packet)
    except (av.FFmpegError, IndexError) as error:
        raise Invalid(f"file: the recording cannot be read: {error}") from error
    return target.getvalue()
