# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

# Writes the page INPUT as the C++ source OUTPUT, which defines getPageTemplate.
file(READ ${INPUT} page)
file(WRITE ${OUTPUT} "// Made from ${INPUT}.
#include \"tools/explain/Page.h\"

const char *dl::tools::getPageTemplate() { return R\"page(${page})page\"; }
")
