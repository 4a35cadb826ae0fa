"""Templates: plain data in, text or plain data out."""

from quorate.templating.environment import Environment
from quorate.templating.function_check import FunctionProblem, check_functions
from quorate.templating.functions import FunctionPool
from quorate.templating.template import Plain, Template, TemplateError
from quorate.templating.value import Reference, Scope, Value

__all__ = [
    "Environment",
    "FunctionPool",
    "FunctionProblem",
    "Plain",
    "Reference",
    "Scope",
    "Template",
    "TemplateError",
    "Value",
    "check_functions",
]
