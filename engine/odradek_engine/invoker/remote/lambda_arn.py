"""Where a function on AWS Lambda is: its ARN with a version or an alias, taken apart."""

from __future__ import annotations

from typing import Final, NamedTuple

PREFIX: Final = "arn:"
_PARTS: Final = 8
_UNQUALIFIED_PARTS: Final = 7


class BadArn(ValueError):
    """The text is no ARN of a function's version. Says why."""


class LambdaArn(NamedTuple):
    """`arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER`."""

    text: str
    region: str

    def __str__(self) -> str:
        return self.text


def is_arn(text: str) -> bool:
    """Whether a deployment's address is one, rather than a URI."""
    return text.startswith(PREFIX)


def parse_arn(text: str) -> LambdaArn:
    """Raises `BadArn` unless `text` names one version, or an alias, of a function."""
    parts = text.split(":")
    if len(parts) == _UNQUALIFIED_PARTS or (len(parts) == _PARTS and not parts[-1]):
        raise BadArn(f"{text} names no version: put one behind it, or an alias, or $LATEST (in quotes in a shell)")
    if len(parts) != _PARTS or not all(parts) or not (text.isascii() and text.isprintable()):
        raise BadArn(f"{text} is not arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:VERSION")
    first, _, service, region, _, resource, _, _ = parts
    if (first, service, resource) != ("arn", "lambda", "function"):
        raise BadArn(f"{text} is not the ARN of a function on Lambda")
    return LambdaArn(text, region)
