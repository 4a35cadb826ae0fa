"""Templates: plain data in, text out."""

from quorate.templating.template import Plain, Template, TemplateError

__all__ = ["Plain", "Template", "TemplateError"]
