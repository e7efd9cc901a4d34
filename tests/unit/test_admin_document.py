"""The admin API's own OpenAPI document: all routes are in it, and every reference holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fakes_admin import ask_admin

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> Any:
    response, _ = ask_admin("GET", "/v3/openapi")
    assert response.status_code == 200
    return response.json()


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


@pytest.mark.row("L9")
def test_every_route_is_described_and_nothing_else(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    for path, item in document["paths"].items():
        assert set(item) <= set(METHODS)
        sample = re.sub(r"\{\w+\}", "x", path)
        for method in METHODS:
            response, _ = ask_admin(method.upper(), sample)
            assert (response.status_code == 405 and not response.content) is (method not in item), (method, path)


def test_what_an_operation_says(document: Any) -> None:
    register = document["paths"]["/deployments"]["post"]
    assert register["operationId"] == "post_deployments"
    assert register["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/RegisterBody"
    }
    assert list(register["responses"]) == ["200", "201", "default"]
    remove = document["paths"]["/deployments/{deployment}"]["delete"]
    assert [(each["name"], each["in"], each["required"]) for each in remove["parameters"]] == [
        ("deployment", "path", True),
        ("force", "query", False),
    ]
    shape = document["components"]["schemas"]["WholeState"]
    assert shape["required"] == ["object_key", "new_state"]


def test_names_are_unique_and_paths_name_their_parameters(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for path, _, operation in operations(document):
        in_path = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", path)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_holds(document: Any) -> None:
    found = set(references(document))
    assert "#/components/schemas/SentRecord" in found
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
