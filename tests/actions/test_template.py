"""The question before an action."""

from actions.template import question
from tests.actions.conftest import context
from tests.actions.http.declared import declared


async def test_the_question_shows_the_values_that_will_be_used_and_no_secret(client: object) -> None:
    from actions.http.action import HttpAction
    from actions.redaction import Redactor
    from tests.actions.conftest import NOW

    settings = declared(
        parameters={
            "order_id": {"from": "conversation"},
            "phone": {"from": "contact.phone"},
            "key": {"from": "secret", "value": "hunter2!"},
        },
        confirm={"text": "Batalkan {order_id} untuk {phone}{key}?", "expires": "5m"},
        request={"method": "POST", "url": "https://x.example/{order_id}", "query": {"p": "{phone}", "k": "{key}"}},
    )
    action = HttpAction(settings, client, Redactor(), lambda: NOW)  # type: ignore[arg-type]
    asked = question(action, {"order_id": "KS-1"}, context(said=["batalkan ks-1"]))
    assert asked == "Batalkan KS-1 untuk +6281234567890?"
    assert action.confirm_expires.total_seconds() == 300
