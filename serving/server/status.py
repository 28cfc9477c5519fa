"""Errors as TensorFlow Serving sends them: TensorFlow's, whose codes are also gRPC's."""

import grpc
import tensorflow as tf

CODES = {code.value[0]: code for code in grpc.StatusCode}


def invalid(text: str) -> tf.errors.InvalidArgumentError:
    return tf.errors.InvalidArgumentError(None, None, text)


def not_found(text: str) -> tf.errors.NotFoundError:
    return tf.errors.NotFoundError(None, None, text)


def failed_precondition(text: str) -> tf.errors.FailedPreconditionError:
    return tf.errors.FailedPreconditionError(None, None, text)


def exhausted(text: str) -> tf.errors.ResourceExhaustedError:
    return tf.errors.ResourceExhaustedError(None, None, text)


def unavailable(text: str) -> tf.errors.UnavailableError:
    return tf.errors.UnavailableError(None, None, text)


def unimplemented(text: str) -> tf.errors.UnimplementedError:
    return tf.errors.UnimplementedError(None, None, text)


def code_of(error: BaseException) -> grpc.StatusCode:
    """What an error that ends a request is called on the wire."""
    if isinstance(error, tf.errors.OpError):
        return CODES.get(error.error_code, grpc.StatusCode.UNKNOWN)
    return grpc.StatusCode.INTERNAL


def text_of(error: BaseException) -> str:
    if isinstance(error, tf.errors.OpError):
        return str(error.message)
    return f"{type(error).__name__}: {error}"
