"""The API of AWS Lambda, by boto3, which is an extra of its own: `pip install 'odradek[lambda]'`.

Everything here blocks. Endpoints, credentials and proxies come from where boto3 looks for them: environment, files,
the machine's role (`AWS_ENDPOINT_URL_LAMBDA` names a stand-in).
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from odradek.remote.aws_lambda import ZSTD, find_zstd
from odradek_engine.invoker.remote.lambda_arn import LambdaArn
from odradek_engine.invoker.remote.transport import RequestHead

ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
"""What an answer may become when its compression is undone."""
ANSWER_SECONDS_MAX: Final = 16 * 60
"""A function may run for 15 minutes."""
CONNECTIONS_MAX: Final = 128
NOT_INSTALLED: Final = "functions on AWS Lambda need the extra: pip install 'odradek[lambda]'"
_SESSION_NAME: Final = "odradek"
_TOLD_BY_STATUS: Final = (413, 429, 503)
"""Answers of the API itself that say what an endpoint would say by them."""
_COMPLAINT_CHARACTERS: Final = 2000


class FunctionTerms(NamedTuple):
    """What holds for all functions of a node."""

    compressed_from_bytes: int = 4 * 1024 * 1024
    """A larger request body is compressed, if the function takes that: 6 MB with Base64 is the most for an event."""
    external_id: str = ""
    """Told to roles that are assumed; those of others may ask for it."""
    connect_seconds: float = 10.0


class Answer(NamedTuple):
    """Of the function."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class InvokeFailed(Exception):
    """The function has not answered as an endpoint does. Says why."""


class _AnswerEvent(msgspec.Struct, rename="camel"):
    status_code: int
    headers: dict[str, str] = {}
    body: str = ""
    is_base64_encoded: bool = False


def is_installed() -> bool:
    """Whether the extra is there."""
    return importlib.util.find_spec("boto3") is not None


class LambdaClient:
    """Invokes one function. `assume_role_arn`: the role to do that in; empty: the node's own. `compression`: what the
    function takes, `zstd` or nothing."""

    def __init__(self, arn: LambdaArn, assume_role_arn: str, compression: str, terms: FunctionTerms) -> None:
        self._arn = arn
        self._assume_role_arn = assume_role_arn
        self._zstd = find_zstd() if compression == ZSTD else None
        self._terms = terms
        self._client: Any = None

    def invoke(self, head: RequestHead, body: bytes) -> Answer:
        """One request, and its answer. Raises `InvokeFailed`."""
        if not is_installed():
            raise InvokeFailed(NOT_INSTALLED)
        errors = importlib.import_module("botocore.exceptions")
        try:
            if self._client is None:
                self._client = self._make_client()
            response = self._client.invoke(FunctionName=self._arn.text, Payload=self._event(head, body))
            payload = response["Payload"].read()
        except errors.ClientError as error:
            return _api_error(error.response)
        except errors.BotoCoreError as error:
            raise InvokeFailed(str(error)) from error
        if response.get("FunctionError"):
            text = payload.decode(errors="replace")[:_COMPLAINT_CHARACTERS]
            raise InvokeFailed(f"the function failed: {text}")
        return _read_answer(payload)

    def _event(self, head: RequestHead, body: bytes) -> bytes:
        headers = dict(head.headers)
        if self._zstd is not None:
            headers["accept-encoding"] = ZSTD
            if len(body) > self._terms.compressed_from_bytes:
                headers["content-encoding"] = ZSTD
                body = self._zstd.compress(body)
        return msgspec.json.encode(
            {
                "path": head.path,
                "httpMethod": head.method,
                "headers": headers,
                "body": base64.b64encode(body).decode(),
                "isBase64Encoded": True,
            }
        )

    def _make_client(self) -> Any:
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=self._terms.connect_seconds,
            read_timeout=ANSWER_SECONDS_MAX,
            max_pool_connections=CONNECTIONS_MAX,
            retries={"total_max_attempts": 1},
        )
        session = boto3.Session(region_name=self._arn.region)
        if self._assume_role_arn:
            session = self._in_role(session)
        return session.client("lambda", config=config)

    def _in_role(self, session: Any) -> Any:
        """A session with the credentials of the role, which are renewed before they run out."""
        credentials = importlib.import_module("botocore.credentials")
        inner = importlib.import_module("botocore.session").get_session()
        own = session.get_credentials()
        if own is None:
            raise InvokeFailed("there are no AWS credentials to assume the role with")
        logging.getLogger("botocore.credentials").setLevel(logging.ERROR)  # what it warns of fails the request, too
        told = {"RoleSessionName": _SESSION_NAME}
        if self._terms.external_id:
            told["ExternalId"] = self._terms.external_id
        fetcher = credentials.AssumeRoleCredentialFetcher(
            client_creator=session._session.create_client,
            source_credentials=own,
            role_arn=self._assume_role_arn,
            extra_args=told,
        )
        inner._credentials = credentials.DeferredRefreshableCredentials(
            refresh_using=fetcher.fetch_credentials, method="assume-role"
        )
        return importlib.import_module("boto3").Session(botocore_session=inner, region_name=self._arn.region)


def _api_error(response: Any) -> Answer:
    """What the API itself answers, as an endpoint would say it where there is such a way. Raises `InvokeFailed`."""
    about = response.get("ResponseMetadata", {})
    status = about.get("HTTPStatusCode", 0)
    if status in _TOLD_BY_STATUS:
        return Answer(status, {name.lower(): value for name, value in about.get("HTTPHeaders", {}).items()}, b"")
    error = response.get("Error", {})
    raise InvokeFailed(f"AWS refused: {error.get('Code', status)}: {error.get('Message') or 'without a reason'}")


def _read_answer(payload: bytes) -> Answer:
    try:
        event = msgspec.json.decode(payload, type=_AnswerEvent)
        body = base64.b64decode(event.body, validate=True) if event.is_base64_encoded else event.body.encode()
    except ValueError as error:
        raise InvokeFailed(f"the function's answer is none of an endpoint: {error}") from error
    headers = {name.lower(): value for name, value in event.headers.items()}
    if headers.get("content-encoding") == ZSTD:
        body = _decompressed(body)
    return Answer(event.status_code, headers, body)


def _decompressed(body: bytes) -> bytes:
    zstd = find_zstd()
    if zstd is None:
        raise InvokeFailed("the function's answer is compressed, which was not asked for")
    try:
        return bytes(zstd.ZstdDecompressor().decompress(body, ANSWER_BYTES_MAX))
    except zstd.ZstdError as error:
        raise InvokeFailed(f"the function's answer cannot be decompressed: {error}") from error
