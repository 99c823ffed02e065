# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def version() -> str: ...
def compile(
    input: bytes,
    output: bytes,
    emit: str | None,
    stop_after: str | None,
    cpu: str,
    precision: str,
    dims: list[str],
    threads: int,
    cache: bytes | None,
) -> tuple[int, str]: ...
