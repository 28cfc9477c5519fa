"""The errors that end a request, against gRPC's codes."""

import grpc
import pytest

from bitpipe.errors import ServingError
from serving import status
from serving.status import Code, InvalidArgumentError, StatusError


def test_codes_are_grpcs_by_name_and_number() -> None:
    assert {code.name: code.value for code in Code} == {
        code.name: code.value[0] for code in grpc.StatusCode
    }


@pytest.mark.parametrize("code", Code)
def test_an_error_made_from_a_code_has_it(code: Code) -> None:
    error = status.of(code.value, "the text")
    assert isinstance(error, StatusError)
    assert isinstance(error, ServingError)
    assert (status.code_of(error), status.text_of(error)) == (code, "the text")


def test_a_code_with_a_class_of_its_own_is_caught_by_it() -> None:
    assert type(status.of(3, "x")) is InvalidArgumentError
    assert type(status.of(1, "x")) is StatusError


def test_a_number_that_is_no_code_is_unknown() -> None:
    assert status.of(99, "x").code is Code.UNKNOWN


def test_what_nobody_foresaw_is_internal_and_named() -> None:
    error = KeyError("weights")
    assert status.code_of(error) is Code.INTERNAL
    assert status.text_of(error) == "KeyError: 'weights'"
