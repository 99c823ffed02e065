// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// What the library of optional functions has; see OptionalFunctions.h.

#ifndef DLRT_DEVICE_CPU_HOST_OPTIONAL_FUNCTIONS_H
#define DLRT_DEVICE_CPU_HOST_OPTIONAL_FUNCTIONS_H

#include "runtime/device/cpu/host/HostFunctions.h"

namespace dlrt {

/// As string_case, whose arguments it has, by Unicode's rules, with ICU: text
/// may grow, and what is no UTF-8 becomes U+FFFD.
extern const HostFunction kUnicodeCaseFunction;

/// dl.string_match, with RE2. Arguments: strings and bools. Attribute: the
/// pattern's number.
extern const HostFunction kStringMatchFunction;

/// dl.image_size and dl.decode_image, with Leptonica. Arguments: the file, and
/// the sizes or the pixels. Attribute of decode_image: 0 for RGB, 1 for BGR, 2
/// for gray.
extern const HostFunction kImageSizeFunction;
extern const HostFunction kDecodeImageFunction;

} // namespace dlrt

#endif // DLRT_DEVICE_CPU_HOST_OPTIONAL_FUNCTIONS_H
