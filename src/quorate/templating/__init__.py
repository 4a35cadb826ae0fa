"""Templates: plain data in, text out.

What flows need, an environment that compiles their values and a pool for their functions, is imported from
`quorate.templating.environment` and `quorate.templating.functions`: it is ten times as much, and few programs need it.
"""

from quorate.templating.template import Plain, Template, TemplateError

__all__ = ["Plain", "Template", "TemplateError"]
