"""Products of whole numbers, of queries and codes: as the codes lie, or laid out for whoever asks often."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int8]
Multiply = Callable[[Codes], NDArray[Any]]

MANY = 1_000
"""Queries after which ONNX Runtime is worth loading: it saves .2 ms of each, and takes a third of a second."""
_MOST_BYTES = 2**28
"""Codes of more are not copied for it: while they are laid out there are four copies of them."""
_NARROW = 256
"""Codes of more numbers are compared with one query as they lie, which waits for the memory either way."""
_ZERO = 128


class Products:
    """Products of queries and the codes of a collection. Thread-safe.

    Args:
        codes: `[num_rows, dimension]`.
        many: queries after which they are laid out for ONNX Runtime, where it is installed.
    """

    def __init__(self, codes: Codes, many: int = MANY) -> None:
        self._codes = codes
        self._many = many
        self._num_queries = 0
        self._laid_out: Multiply | None = None
        self._better: threading.Thread | None = None

    def __call__(self, queries: Codes) -> NDArray[Any]:
        """Whole numbers, `[num_queries, num_rows]`.

        The first scan reads the codes as they lie, because to lay them out takes as long as eight scans.
        """
        is_first = self._num_queries == 0
        self._num_queries += len(queries)
        if is_first or (len(queries) == 1 and queries.shape[1] > _NARROW):
            return products_of(queries, self._codes)
        if self._laid_out is None:
            self._laid_out = _packed(self._codes)
        if self._better is None and self._num_queries >= self._many:
            self._better = threading.Thread(target=self._lay_out_for_many, name="lay-out", daemon=True)
            self._better.start()
        return self._laid_out(queries)

    def _lay_out_for_many(self) -> None:
        if self._codes.nbytes <= _MOST_BYTES and find_spec("onnx") and find_spec("onnxruntime"):
            self._laid_out = _by_onnx(self._codes)


def products_of(queries: Codes, codes: Codes) -> NDArray[Any]:
    """Whole numbers, `[num_queries, num_codes]`, from codes as they lie."""
    import numkong

    return np.asarray(numkong.cdist(queries, codes, metric="dot", out_dtype="float32"))


def _packed(codes: Codes) -> Multiply:
    """By NumKong, which lays them out once."""
    import numkong

    packed = numkong.dots_pack(codes)
    return lambda queries: np.asarray(numkong.dots_packed(queries, packed))


def _by_onnx(codes: Codes) -> Multiply:
    """By ONNX Runtime. Of bytes without a sign, because those with one it may clip where a processor has no VNNI."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    zero = numpy_helper.from_array(np.array(_ZERO, np.uint8), "zero")
    laid_out = numpy_helper.from_array(np.ascontiguousarray(_without_sign(codes).T), "codes")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["queries", "codes", "zero", "zero"], ["products"])],
        "products",
        [helper.make_tensor_value_info("queries", TensorProto.UINT8, [None, codes.shape[1]])],
        [helper.make_tensor_value_info("products", TensorProto.INT32, [None, len(codes)])],
        [laid_out, zero],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def multiply(queries: Codes) -> NDArray[Any]:
        products: NDArray[Any] = session.run(None, {"queries": _without_sign(queries)})[0]
        return products

    return multiply


def _without_sign(codes: Codes) -> NDArray[np.uint8]:
    """The same numbers counted from `_ZERO`."""
    return codes.view(np.uint8) ^ np.uint8(_ZERO)
