// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/api/Support.h"

#include "runtime/artifact/ElementTypes.h"
#include "runtime/artifact/Format.h"
#include "runtime/device/Device.h"
#include "runtime/device/cpu/ThreadPool.h"

using namespace dlrt;

static_assert(int(Code::Internal) == DLRT_INTERNAL &&
                  int(Code::DeviceLost) == DLRT_DEVICE_LOST &&
                  int(Code::Mismatch) == DLRT_MISMATCH &&
                  int(Code::NotBound) == DLRT_NOT_BOUND,
              "the codes are those of dlrt_status");
static_assert(int(fb::ElementType_String) == DLRT_STRING &&
                  int(fb::ElementType_Bool) == DLRT_BOOL,
              "the types are those of dlrt_type");

dlrt_status api::report(const Status &status, dlrt_error *error) {
  auto code = static_cast<dlrt_status>(status.code());
  if (!error || error->struct_size < sizeof(dlrt_error))
    return code;
  error->status = code;
  const char *text = status.message().c_str();
  if (!*text && code != DLRT_OK)
    text = dlrt_status_text(code);
  size_t length = std::min(strlen(text), sizeof(error->message) - 1);
  memcpy(error->message, text, length);
  error->message[length] = '\0';
  return code;
}

const char *dlrt_status_text(dlrt_status status) {
  switch (status) {
  case DLRT_OK:
    return "success";
  case DLRT_INVALID_ARGUMENT:
    return "invalid argument";
  case DLRT_NOT_FOUND:
    return "not found";
  case DLRT_IO_ERROR:
    return "input or output error";
  case DLRT_BAD_MODULE:
    return "not a sound module";
  case DLRT_NEWER_FORMAT:
    return "the module's format is newer than the runtime";
  case DLRT_UNSUPPORTED:
    return "not supported on this machine";
  case DLRT_MISMATCH:
    return "a value is not as declared";
  case DLRT_OUT_OF_MEMORY:
    return "out of memory";
  case DLRT_CANCELLED:
    return "cancelled";
  case DLRT_BUSY:
    return "the session is in use";
  case DLRT_NOT_BOUND:
    return "an input is not bound";
  case DLRT_INTERNAL:
    return "internal error";
  case DLRT_DEVICE_LOST:
    return "the device is lost";
  }
  return "unknown status";
}

const char *dlrt_version(void) { return DLRT_VERSION_TEXT; }

uint32_t dlrt_format_version(void) { return kFormatVersion; }

void dlrt_list_devices(void (*visit)(void *context, const char *target,
                                     const char *name),
                       void *context) {
  if (!visit)
    return;
  try {
    std::string cpus = std::to_string(dlrt_available_cpus()) + " CPUs";
    visit(context, "cpu", cpus.c_str());
    for (const auto &[target, name] : listDevices())
      visit(context, target.c_str(), name.c_str());
  } catch (...) {
    // No memory for names: what is left has none.
  }
}

int32_t dlrt_available_cpus(void) {
  // Reading the control groups needs memory for paths.
  try {
    return availableCpus();
  } catch (const std::exception &) {
    return 1;
  }
}

const char *dlrt_type_name(dlrt_type type) { return elementTypeName(type); }

int32_t dlrt_type_bits(dlrt_type type) { return elementTypeBits(type); }
