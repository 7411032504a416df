"""Whether the platform would send a message template that one of our files declares."""

from collections.abc import Sequence

from agent.config.texts import TemplateSettings
from messaging.types import ChannelTemplate


def template_problem(template: TemplateSettings, listed: Sequence[ChannelTemplate]) -> str | None:
    """Why the platform, which has `listed`, would not send this template."""
    from messaging.aelyst.templates import fill
    from messaging.errors import Invalid

    same_name = [one for one in listed if one.name == template.name]
    found = next((one for one in same_name if one.language == template.language), None)
    if found is None:
        languages = ", ".join(sorted(str(one.language) for one in same_name))
        there = f"; it is there in {languages}" if languages else ""
        return f"the platform has no template {template.name!r} in {template.language!r}{there}"
    if found.status is not None and found.status.lower() != "approved":
        return f"the template {template.name!r} is {found.status}, so it cannot be sent"
    try:
        fill(found, template.parameters)
    except Invalid as error:
        return error.message
    return None
