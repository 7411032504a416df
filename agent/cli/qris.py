"""`balas qris`: read and make payment codes, and look after payments."""

import csv
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from agent.cli.options import ConfigFile, in_ledger
from agent.errors import InputError, UsageError

app = typer.Typer(no_args_is_help=True, help="Read and make QRIS payment codes, and look after payments.")

T = TypeVar("T")
_DEFAULT = Path("agent.yaml")
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_STATES = (
    "open",
    "paid",
    "paid_late",
    "partial",
    "overpaid",
    "paid_twice",
    "expired",
    "cancelled",
    "failed",
    "refunded",
)


@app.command("show")
def show(
    code: Annotated[
        str, typer.Argument(help="A payment code's text, or an image file with one; - reads standard input.")
    ],
    as_json: Json = False,
) -> None:
    """Whom a code pays, how much, and whether it is sound. Exit code 1 when it cannot be used."""
    from actions.qris.code import parse

    payload = parse(_read_code(code))
    if as_json:
        print(json.dumps(_as_json(payload), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_described(payload)))
    if payload.errors:
        raise typer.Exit(1)


@app.command("make")
def make(
    amount: Annotated[str, typer.Argument(help="As people write it: 50000, 50.000, 50rb, 1,5jt.")],
    payload: Annotated[
        str | None, typer.Option(help="The static code, or an image file with it; else agent.yaml's.")
    ] = None,
    ref: Annotated[str | None, typer.Option("--ref", help="The reference on the card, e.g. an invoice number.")] = None,
    label: Annotated[
        bool, typer.Option("--label/--no-label", help="Write the reference into the code (62/05) too.")
    ] = True,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A .png or .jpg (card), .svg (bare code) or .txt; else the terminal."),
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="A PNG of the bare code, without the card.")] = False,
    language: Annotated[str, typer.Option(help="The card's language: id or en.")] = "id",
    as_json: Json = False,
    config: ConfigFile = _DEFAULT,
) -> None:
    """Put an amount into a static code: a picture, or a code in the terminal."""
    from actions.qris.code import with_amount
    from actions.qris.money import format_rupiah

    static = _read_code(payload) if payload is not None else _configured_code(config)
    rupiah = _amount(amount)
    code = with_amount(static, rupiah, ref if label else None)
    if code.fee:
        print(f"warning: the payer's app adds {code.fee} to {format_rupiah(rupiah)}", file=sys.stderr)
    facts = f"{format_rupiah(rupiah)} to {code.merchant.name}, NMID {code.merchant.nmid or 'none'}"
    if output is not None:
        output.write_bytes(_bare(output, code.text) if bare else _drawn(output, code, rupiah, ref, language))
        facts += f": {output}"
    if as_json:
        print(json.dumps(_as_json(code) | {"file": str(output) if output else None}, ensure_ascii=False, indent=2))
    elif output is not None:
        print(facts)
    else:
        from actions.qris.picture import blocks, terminal

        print(terminal(code.text) if sys.stdout.isatty() else blocks(code.text))
        print(f"{code.text}\n{facts}")


@app.command("list")
def list_payments(
    config: ConfigFile = _DEFAULT,
    state: Annotated[list[str] | None, typer.Option(help=f"Only these: {', '.join(_STATES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Payments, newest first."""
    from agent.ledger import payments

    if as_csv and as_json:
        raise UsageError("--csv and --json are mutually exclusive")
    for one in state or ():
        if one not in _STATES:
            raise InputError(f"{one!r} is not a state of payments; there is {', '.join(_STATES)}")
    states: Any = tuple(state or ())
    found = in_ledger(config, lambda database: database.read(lambda c: payments.newest(c, states=states, limit=limit)))
    rows = [_row(payment) for payment in found]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif as_csv:
        print(_csv(rows), end="")
    else:
        _table(rows, _zone(config))


@app.command("mark-paid")
def mark_paid(
    payment: Annotated[str, typer.Argument(help="The payment's id or reference, as `balas qris list` shows it.")],
    amount: Annotated[str | None, typer.Option(help="What really arrived, when it is another amount.")] = None,
    by: Annotated[str, typer.Option(help="Who has seen the money.")] = "operator",
    config: ConfigFile = _DEFAULT,
) -> None:
    """Record that a payment has arrived, after you saw it on your account. The customer is told."""
    from actions.qris.money import format_rupiah
    from agent.ledger import payments
    from settings.clock import now

    rupiah = None if amount is None else _amount(amount)
    found = in_ledger(config, lambda database: database.read(lambda c: payments.find(c, payment)))
    open_ones = [one for one in found if one.state in ("open", "expired", "partial")] or found
    if not open_ones:
        raise InputError(f"there is no payment {payment!r}; `balas qris list` shows them")
    if len(open_ones) > 1:
        raise InputError(
            f"{payment!r} names {len(open_ones)} payments; give an id: {', '.join(one.id for one in open_ones)}"
        )
    target = open_ones[0].id
    settled = in_ledger(
        config, lambda database: database.write(lambda c: payments.mark_paid(c, target, by, now(), rupiah))
    )
    one = settled.payment
    word = "is now" if settled.changed else "was already"
    print(f"{one.reference} {word} {one.state}: {format_rupiah(one.paid_amount)} of {format_rupiah(one.amount)}")


@app.command("simulate")
def simulate(
    agent: Annotated[
        str, typer.Option(help="Where the agent listens; notifications go there.")
    ] = "http://127.0.0.1:8080",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8795,
) -> None:
    """Play the payment gateways on this machine: try payments without an account. Stops on Ctrl-C."""
    import httpx
    import uvicorn

    from actions.qris.simulator import Keys, examples, simulator

    address = f"http://127.0.0.1:{port}"
    print(f"charges and a button that pays them: {address}/\nIn agent.yaml, instead of payments.qris.payload, one of:")
    print("\n".join(f"  gateway: {example}" for example in examples(Keys(), address)))
    client = httpx.AsyncClient(timeout=10)
    uvicorn.run(simulator(agent, client), host="127.0.0.1", port=port, log_level="warning")


def _read_code(text: str) -> str:
    """The code itself, or the one in an image file."""
    from actions.qris.errors import ImageError, PayloadError
    from actions.qris.picture import read_image

    if text == "-":
        return sys.stdin.read()
    try:
        is_file = len(text) < 4096 and Path(text).is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        if Path(text).suffix.lower() in (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"):
            raise FileNotFoundError(2, "there is no such image", text)
        return text
    data = Path(text).read_bytes()
    if data.startswith(b"0002"):
        return data.decode()
    found = read_image(data)
    if not found:
        raise ImageError(f"{text}: no QR code could be read; take a sharper or straighter picture")
    for one in found:
        if one.startswith("0002"):
            return one
    raise PayloadError(f"{text} holds a QR code, but not for paying: {found[0][:60]!r}")


def _configured_code(path: Path) -> str:
    from agent.config import load

    qris = load(path).payments.qris
    if qris is None or qris.payload is None:
        raise InputError(f"{path} has no payments.qris.payload; give --payload with a static code or a picture of it")
    return qris.payload


def _amount(text: str) -> int:
    """Whole rupiah, or an error that says how to write it."""
    from actions.qris.money import Ambiguous, NotAnAmount, format_rupiah, parse_amount

    found = parse_amount(text)
    if isinstance(found, NotAnAmount):
        raise InputError(f"{text!r} is not an amount: {found.reason}")
    if isinstance(found, Ambiguous):
        readings = " or ".join(format_rupiah(reading) for reading in found.readings)
        raise InputError(f"{text!r} is ambiguous ({readings}?); write it in full, e.g. 50.000")
    if found.confirm:
        print(f"note: {text!r} is read as {format_rupiah(found)}", file=sys.stderr)
    return int(found)


def _bare(path: Path, payload: str) -> bytes:
    """The code alone, in the form that the file's name asks for."""
    from actions.qris.picture import jpeg, png, svg

    match path.suffix.lower():
        case ".png":
            return png(payload)
        case ".jpg" | ".jpeg":
            return jpeg(png(payload), payload)
        case ".svg":
            return svg(payload).encode()
        case ".txt":
            return f"{payload}\n".encode()
        case _:
            raise InputError(f"{path} should end in .png, .jpg, .svg or .txt")


def _drawn(path: Path, code: Any, amount: int, reference: str | None, language: str) -> bytes:
    """The card as a picture; other forms hold the code alone."""
    from actions.qris.picture import Card, jpeg, render
    from actions.qris.texts import language_of

    kind = path.suffix.lower()
    if kind not in (".png", ".jpg", ".jpeg"):
        return _bare(path, code.text)
    who = code.merchant
    card = render(
        Card(code.text, amount, who.name or "", reference, who.nmid, who.city, language=language_of(language))
    )
    return card if kind == ".png" else jpeg(card, code.text)


def _as_json(payload: Any) -> dict[str, Any]:
    merchant = payload.merchant
    return {
        "payload": payload.text,
        "crc_ok": payload.crc_ok,
        "errors": list(payload.errors),
        "warnings": list(payload.warnings),
        "scheme": payload.scheme,
        "kind": payload.kind,
        "dynamic": payload.is_dynamic,
        "amount": None if payload.amount is None else _number(payload.amount),
        "currency": payload.currency,
        "fee": payload.fee,
        "merchant": {
            "name": merchant.name,
            "city": merchant.city,
            "postal": merchant.postal,
            "country": merchant.country,
            "mcc": merchant.mcc,
            "nmid": merchant.nmid,
            "criteria": merchant.criteria,
        },
        "accounts": [
            {"id": one.id, "guid": one.guid, "pan": one.pan, "merchant_id": one.merchant_id, "criteria": one.criteria}
            for one in payload.accounts
        ],
        "additional": dict(payload.additional),
        "items": [list(item) for item in payload.items],
    }


def _number(amount: Any) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _described(payload: Any) -> list[str]:
    from actions.qris.money import format_rupiah
    from actions.qris.rules import CRITERIA

    merchant = payload.merchant
    amount = "the payer enters it"
    if payload.amount is not None:
        whole = payload.currency == "360" and payload.amount == payload.amount.to_integral_value()
        amount = format_rupiah(int(payload.amount)) if whole else f"{payload.amount} (currency {payload.currency})"
    criteria = f"{merchant.criteria} ({CRITERIA.get(merchant.criteria, 'unknown')})" if merchant.criteria else None
    facts = {
        "code": f"{payload.scheme.upper()}, {payload.kind}, {'for one payment' if payload.is_dynamic else 'static'}",
        "merchant": merchant.name,
        "place": ", ".join(part for part in (merchant.city, merchant.postal, merchant.country) if part),
        "NMID": merchant.nmid,
        "size": criteria,
        "amount": amount,
        "fee": f"the payer's app adds {payload.fee}" if payload.fee else None,
        "reference": payload.reference,
        "accounts": ", ".join(f"{one.id}: {one.guid or one.value}" for one in payload.accounts),
        "CRC": "right" if payload.crc_ok else "wrong",
    }
    lines = [f"{name:<10} {value}" for name, value in facts.items() if value]
    lines += [f"{'error':<10} {error}" for error in payload.errors]
    return lines + [f"{'warning':<10} {warning}" for warning in payload.warnings]


def _zone(config: Path) -> Any:
    from agent.config import load

    return load(config).zone


def _row(payment: Any) -> dict[str, Any]:
    def iso(at: datetime | None) -> str | None:
        return at.isoformat(timespec="seconds") if at else None

    return {
        "id": payment.id,
        "reference": payment.reference,
        "contact": str(payment.contact),
        "amount": payment.amount,
        "state": payment.state,
        "paid_amount": payment.paid_amount,
        "provider": payment.provider,
        "order": payment.order,
        "created_at": iso(payment.created_at),
        "expires_at": iso(payment.expires_at),
        "paid_at": iso(payment.paid_at),
        "payer": payment.payer,
        "marked_by": payment.marked_by,
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    """Spreadsheets run a cell that begins like a formula; such text gets a quote before it. A bare CR would begin another row."""
    names = list(_row_names())
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _inert(value) for name, value in row.items()})
    return buffer.getvalue()


def _inert(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    quote = "'" if value.startswith(tuple("=+-@＝＋－＠\t\r\n")) else ""
    return quote + value.replace("\r", " ")


def _row_names() -> tuple[str, ...]:
    return (
        "id", "reference", "contact", "amount", "state", "paid_amount", "provider", "order", "created_at", "expires_at", "paid_at",
        "payer", "marked_by",
    )  # fmt: skip


def _table(rows: list[dict[str, Any]], zone: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from actions.qris.money import format_rupiah

    if not rows:
        print("no payments yet")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("created", "reference", "contact", "amount", "state", "arrived", "id"):
        table.add_column(name, justify="right" if name in ("amount", "arrived") else "left", overflow="fold")
    for row in rows:
        created = datetime.fromisoformat(row["created_at"]).astimezone(zone)
        arrived = format_rupiah(row["paid_amount"]) if row["paid_amount"] else ""
        table.add_row(
            f"{created:%d %b %H:%M}",
            row["reference"],
            row["contact"],
            format_rupiah(row["amount"]),
            row["state"],
            arrived,
            row["id"],
        )
    Console(highlight=False, markup=False, emoji=False).print(table)
