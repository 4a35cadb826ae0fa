"""Known providers: where they are, which variable usually holds the key, which language they speak."""

from dataclasses import dataclass, field

from quorate.providers.anthropic import AnthropicDialect
from quorate.providers.dialect import Dialect
from quorate.providers.gemini import GeminiDialect
from quorate.providers.openai import KeyHeader, OpenAIDialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What need not be written down for a provider.

    `base_url` empty means that it must be given (`{resource}` shows its form in `base_url_form`). `key_variable` is the
    environment variable that the provider's own tools read; `None` if none is needed.
    """

    base_url: str = ""
    base_url_form: str = ""
    key_variable: str | None = None
    key_needed: bool = True
    dialect: Dialect = field(default_factory=OpenAIDialect)


#: Sends the usage of streams unasked, and refuses fields it does not know.
_NO_USAGE_OPTION = OpenAIDialect(include_usage=False)

PRESETS: dict[str, Preset] = {
    "openai": Preset(base_url="https://api.openai.com/v1", key_variable="OPENAI_API_KEY"),
    "anthropic": Preset(
        base_url="https://api.anthropic.com/v1", key_variable="ANTHROPIC_API_KEY", dialect=AnthropicDialect()
    ),
    "gemini": Preset(
        base_url="https://generativelanguage.googleapis.com/v1beta",
        key_variable="GEMINI_API_KEY",
        dialect=GeminiDialect(),
    ),
    "azure": Preset(
        base_url_form="https://{resource}.openai.azure.com/openai/v1",
        key_variable="AZURE_OPENAI_API_KEY",
        dialect=OpenAIDialect(key_header=KeyHeader.API_KEY),
    ),
    "cerebras": Preset(base_url="https://api.cerebras.ai/v1", key_variable="CEREBRAS_API_KEY"),
    "deepseek": Preset(base_url="https://api.deepseek.com/v1", key_variable="DEEPSEEK_API_KEY"),
    "fireworks": Preset(base_url="https://api.fireworks.ai/inference/v1", key_variable="FIREWORKS_API_KEY"),
    "groq": Preset(base_url="https://api.groq.com/openai/v1", key_variable="GROQ_API_KEY"),
    "mistral": Preset(base_url="https://api.mistral.ai/v1", key_variable="MISTRAL_API_KEY", dialect=_NO_USAGE_OPTION),
    "openrouter": Preset(base_url="https://openrouter.ai/api/v1", key_variable="OPENROUTER_API_KEY"),
    "together": Preset(base_url="https://api.together.xyz/v1", key_variable="TOGETHER_API_KEY"),
    "xai": Preset(base_url="https://api.x.ai/v1", key_variable="XAI_API_KEY"),
    "llamacpp": Preset(base_url="http://127.0.0.1:8080/v1", key_needed=False),
    "lmstudio": Preset(base_url="http://127.0.0.1:1234/v1", key_needed=False),
    "ollama": Preset(base_url="http://127.0.0.1:11434/v1", key_variable="OLLAMA_API_KEY", key_needed=False),
    "vllm": Preset(base_url="http://127.0.0.1:8000/v1", key_variable="VLLM_API_KEY", key_needed=False),
}
