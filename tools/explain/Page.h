// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_TOOLS_EXPLAIN_PAGE_H
#define DL_TOOLS_EXPLAIN_PAGE_H

namespace dl::tools {

/// The text of report.html, in which @REPORT@ stands for the report's JSON.
const char *getPageTemplate();

} // namespace dl::tools

#endif // DL_TOOLS_EXPLAIN_PAGE_H
