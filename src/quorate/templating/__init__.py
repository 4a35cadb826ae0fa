"""Templates: plain data in, text out."""

from quorate.templating.template import Template, TemplateError

__all__ = ["Template", "TemplateError"]
