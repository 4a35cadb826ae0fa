"""Which models are offered for a provider whose key is found in the environment."""

#: Preset -> model ids, the one that stands for the provider first: current, general, and not the dearest. Names and
#: prices as of November 2026; a test holds them against the price list.
DEFAULT_MODELS: dict[str, tuple[str, ...]] = {
    "openai": ("gpt-6.1-terra", "gpt-6-luna"),
    "anthropic": ("claude-sonnet-5-5", "claude-haiku-5-5"),
    "gemini": ("gemini-3.8-flash", "gemini-3.5-flash-lite"),
    "mistral": ("mistral-large-4", "mistral-small-latest"),
    "deepseek": ("deepseek-v4-pro", "deepseek-flash"),
    "groq": ("openai/gpt-oss-120b", "qwen/qwen3.8-27b", "openai/gpt-oss-20b"),
    "xai": ("grok-4.7",),
    "together": ("deepseek-ai/DeepSeek-V4.1-Flash", "openai/gpt-oss-120b"),
    "cerebras": ("gpt-oss-120b", "qwen-3.8-27b"),
    "openrouter": ("openai/gpt-6-luna", "anthropic/claude-haiku-5.5", "google/gemini-3.8-flash"),
}
