"""What a valid agent.yaml comes to, in a few lines."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from agent.config.config import AgentConfig
from agent.config.model import OFFLINE, OPENAI
from knowledge.settings import AUTO, EndpointSettings, FolderSettings, KnowledgeSettings
from messaging.settings import MessagingSettings


def summarise(config: AgentConfig) -> str:
    """Who answers, where, from what: one line for each part. Holds no secret."""
    rows = list(_rows(config))
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{config.name}: agent.yaml is fine", *(f"  {name:<{width}}  {what}" for name, what in rows)])


def _rows(config: AgentConfig) -> Iterator[tuple[str, str]]:
    yield "model", _model(config)
    for entry in config.platforms:
        yield "messaging", _messaging(entry)
    yield "knowledge", _knowledge(config)
    yield "actions", ", ".join(action.label for action in config.actions) or "none"
    qris = config.payments.qris
    yield "payments", f"QRIS: {qris.describe()}" if qris else "none"
    voice = config.voice.model
    spoken = f"Whisper {voice}" if isinstance(voice, str) else f"{voice.model} at {voice.url}"
    yield "voice", "voice notes go to humans" if voice == "none" else spoken
    yield "storage", _storage(config)
    yield "server", _server(config)


def _server(config: AgentConfig) -> str:
    server = config.server
    return server.public_url or f"http://{server.host}:{server.port}"


def _model(config: AgentConfig) -> str:
    model = config.model
    if model.name == OFFLINE:
        return "offline: answers without a language model"
    if model.offline:
        return f"offline: answers without a language model, because {model.name} has no api_key and no base_url"
    fallbacks = [each if isinstance(each, str) else each.name for each in model.fallbacks]
    return f"{model.name} at {model.base_url or 'OpenAI'}" + (f", then {', '.join(fallbacks)}" if fallbacks else "")


def _messaging(messaging: MessagingSettings) -> str:
    address = messaging.effective_base_url
    if messaging.effective_platform == messaging.platform:
        called = f"{messaging.name}: " if messaging.name else ""
        return f"{called}{messaging.platform}" + (f" at {address}" if address else "")
    return f"sandbox at {address}, because messaging.token is empty; {messaging.platform} is not used"


def _knowledge(config: AgentConfig) -> str:
    knowledge = config.knowledge
    if not knowledge.sources:
        return "no sources; the agent knows its instructions only"
    embeddings = with_embeddings(config).embeddings
    if isinstance(embeddings, EndpointSettings):
        meaning = f"keywords and {embeddings.model}"
    elif isinstance(embeddings, FolderSettings):
        meaning = f"keywords and {embeddings.path}"
    elif embeddings == "auto" and (config.folder / AUTO).is_dir():
        meaning = f"keywords and {AUTO}"
    else:
        meaning = "keywords"
    return f"{', '.join(source.id for source in knowledge.sources)}; found by {meaning}"


def with_embeddings(config: AgentConfig) -> KnowledgeSettings:
    """Choose the embeddings that `auto` stands for: a local model that was pulled, else OpenAI's own when the chat model is theirs.

    Args:
        config: the agent's.

    Returns:
        Its settings of the knowledge base, with the endpoint written out when that is what it is.
    """
    knowledge, model = config.knowledge, config.model
    pulled = (config.folder / AUTO).is_dir()
    openai = bool(model.key) and model.base_url is None and model.provider == OPENAI and model.name != OFFLINE
    if knowledge.embeddings != "auto" or pulled or not openai:
        return knowledge
    return knowledge.model_copy(
        update={"embeddings": EndpointSettings(model="text-embedding-3-small", api_key=model.api_key)}
    )


def with_vectors(config: AgentConfig) -> KnowledgeSettings | None:
    """The settings of a knowledge base in which vectors take part, with what `auto` stands for; `None` where they do not."""
    settings = with_embeddings(config)
    return settings if settings.sources and settings.embeddings != "none" else None


def _storage(config: AgentConfig) -> str:
    url = config.storage_url
    if url.startswith("sqlite"):
        return f"SQLite {url.removeprefix('sqlite:///')}"
    parts = urlsplit(url)
    user = f"{parts.username}:***@" if parts.password else f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.hostname or ''}{parts.path}"
