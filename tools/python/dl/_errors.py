# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the package raises."""

# As numbered in runtime/api/dlrt.h.
_STATUS = (
    "ok",
    "invalid_argument",
    "not_found",
    "io_error",
    "bad_module",
    "newer_format",
    "unsupported",
    "mismatch",
    "out_of_memory",
    "cancelled",
    "busy",
    "not_bound",
    "internal",
)


class Error(Exception):
    """A call that failed: the text names the place and what is wrong there.

    `status` tells the kind: "failed" where a model cannot be compiled, else one of
    "invalid_argument", "not_found", "io_error", "bad_module", "newer_format",
    "unsupported", "mismatch", "out_of_memory", "cancelled", "busy", "not_bound" and
    "internal".
    """

    status: str

    def __init__(self, message: str, status: "str | int" = "failed"):
        super().__init__(message)
        if isinstance(status, int):
            status = _STATUS[status] if 0 <= status < len(_STATUS) else "internal"
        self.status = status
