"""Where a database is, as the configuration says it."""

import re
from typing import Annotated

from pydantic import Field, PlainSerializer

#: A password may hold any character that is not escaped as it should be: it ends at the last `@`.
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):.*(?=@)", re.DOTALL)
_PASSWORD_OPTION = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*")


def without_password(url: str) -> str:
    """Return the URL for people: `***` for each password in it."""
    return _PASSWORD_OPTION.sub(r"\1=***", _PASSWORD.sub(r"\1:***", url))


#: `sqlite:///path` or `postgresql://...`, or a reference to it. A configuration is shown without its password.
DatabaseUrl = Annotated[str, Field(min_length=1, max_length=2000), PlainSerializer(without_password, return_type=str)]
