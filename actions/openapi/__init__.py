"""From an OpenAPI document to declarations for agent.yaml, and a list of what was left out."""

from actions.openapi.document import Document, read_document
from actions.openapi.importing import Imported, import_openapi

__all__ = ["Document", "Imported", "import_openapi", "read_document"]
