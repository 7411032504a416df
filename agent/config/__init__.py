"""agent.yaml: read, checked, typed.

config = load("agent.yaml")    # AgentConfig, or ConfigErrors with every error at its line and column
"""

from agent.config.config import AgentConfig
from agent.config.document import ConfigError, ConfigErrors
from agent.config.load import FILE, Examination, examine, examine_text, load, loads
from agent.config.syntax import Mark

__all__ = [
    "FILE",
    "AgentConfig",
    "ConfigError",
    "ConfigErrors",
    "Examination",
    "Mark",
    "examine",
    "examine_text",
    "load",
    "loads",
]
