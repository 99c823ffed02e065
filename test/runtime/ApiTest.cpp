// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C functions by themselves: null pointers, structs of other versions,
// texts.

#include "runtime/api/dlrt.h"
#include "test/runtime/Testing.h"

#include <cstring>

using namespace dltest;

namespace {

dlrt_error newError() {
  dlrt_error error = {};
  error.struct_size = sizeof(error);
  return error;
}

TEST(Api, NullPointersAreRefused) {
  dlrt_error error = newError();
  dlrt_module *module = nullptr;
  dlrt_session *session = nullptr;
  uint32_t index = 0;
  EXPECT_EQ(dlrt_module_open_file(nullptr, &module, &error),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(error.status, DLRT_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "the path or the result is null");
  EXPECT_EQ(dlrt_module_open_file("x", nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_open_memory(nullptr, 5, &module, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_verify(nullptr, nullptr), DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_get_info(nullptr, nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_find_entry(nullptr, "main", &index, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_entry_name(nullptr, 0), nullptr);
  EXPECT_EQ(dlrt_module_entry_target(nullptr, 0, 0), nullptr);
  EXPECT_EQ(dlrt_module_input_count(nullptr, 0), 0u);
  EXPECT_EQ(dlrt_session_create(nullptr, nullptr, &session, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_run(nullptr, nullptr), DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_prepare(nullptr, nullptr), DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_bind_input(nullptr, 0, nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_bind_output(nullptr, 0, nullptr, 0, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_output(nullptr, 0, nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_find_input(nullptr, "x", &index, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_session_profile_event(nullptr, 0, nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
  size_t bytes = 1;
  EXPECT_EQ(dlrt_module_debug_info(nullptr, &bytes), nullptr);
  EXPECT_EQ(bytes, 0u);
  EXPECT_EQ(dlrt_module_debug_info(nullptr, nullptr), nullptr);
  EXPECT_EQ(dlrt_session_profile_count(nullptr), 0u);
  EXPECT_EQ(dlrt_session_arena_bytes(nullptr), 0u);
  EXPECT_EQ(dlrt_session_flops(nullptr), 0);
  EXPECT_EQ(dlrt_session_threads(nullptr), 0);
  dlrt_session_cancel(nullptr);
  dlrt_session_destroy(nullptr);
  dlrt_module_close(nullptr);
}

class ApiWithModule : public testing::Test {
protected:
  void SetUp() override {
    buildDouble(builder);
    builder.finish();
    ASSERT_EQ(dlrt_module_open_memory(builder.data(), builder.size(), &module,
                                      nullptr),
              DLRT_OK);
    ASSERT_EQ(dlrt_session_create(module, nullptr, &session, nullptr), DLRT_OK);
  }
  void TearDown() override {
    dlrt_session_destroy(session);
    dlrt_module_close(module);
  }

  ModuleBuilder builder;
  dlrt_module *module = nullptr;
  dlrt_session *session = nullptr;
};

TEST_F(ApiWithModule, IndicesOutOfRangeAreRefused) {
  dlrt_value_info value = {sizeof(value), nullptr, DLRT_NONE, 0};
  int64_t size = 0;
  char text[8];
  EXPECT_EQ(dlrt_module_input(module, 0, 1, &value, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_output(module, 1, 0, &value, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_input_dim(module, 0, 0, 1, &size, text, 8, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_input_dim(module, 0, 0, -1, &size, text, 8, nullptr),
            DLRT_INVALID_ARGUMENT);
  EXPECT_EQ(dlrt_module_entry_name(module, 1), nullptr);
  EXPECT_EQ(dlrt_module_entry_target(module, 0, 1), nullptr);
  EXPECT_EQ(dlrt_module_arena(module, 0, "vulkan", &size, text, 8, nullptr),
            DLRT_UNSUPPORTED);
  EXPECT_EQ(dlrt_session_profile_event(session, 0, nullptr, nullptr),
            DLRT_INVALID_ARGUMENT);
}

TEST_F(ApiWithModule, TextIsCutToItsRoom) {
  char text[2] = {'?', '?'};
  int64_t size = 0;
  ASSERT_EQ(dlrt_module_input_dim(module, 0, 0, 0, &size, text, 1, nullptr),
            DLRT_OK);
  EXPECT_EQ(text[0], '\0');
  EXPECT_EQ(text[1], '?');
  EXPECT_EQ(size, -1);
  ASSERT_EQ(dlrt_module_input_dim(module, 0, 0, 0, nullptr, text, 2, nullptr),
            DLRT_OK);
  EXPECT_STREQ(text, "N");
}

TEST_F(ApiWithModule, StructsOfOtherVersions) {
  // A caller that knows fewer members gets these alone.
  dlrt_value_info info;
  memset(&info, 0x55, sizeof(info));
  info.struct_size = offsetof(dlrt_value_info, type);
  ASSERT_EQ(dlrt_module_input(module, 0, 0, &info, nullptr), DLRT_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(int(info.type), 0x55555555);
  EXPECT_EQ(info.struct_size, offsetof(dlrt_value_info, type));
  info.struct_size = 0;
  dlrt_error error = newError();
  EXPECT_EQ(dlrt_module_input(module, 0, 0, &info, &error),
            DLRT_INVALID_ARGUMENT);
  EXPECT_STREQ(error.message, "a struct is null or has no struct_size");
  // A caller that knows more finds zeros in what this version does not know.
  struct Later {
    dlrt_session_options now;
    void *later[4];
  } options = {};
  options.now.struct_size = sizeof(options);
  dlrt_session *other = nullptr;
  EXPECT_EQ(dlrt_session_create(module, &options.now, &other, nullptr),
            DLRT_OK);
  dlrt_session_destroy(other);
  // An error struct of another version is left alone.
  error.struct_size = 8;
  error.status = DLRT_OK;
  EXPECT_EQ(dlrt_session_run(session, &error), DLRT_NOT_BOUND);
  EXPECT_EQ(error.status, DLRT_OK);
}

TEST_F(ApiWithModule, BytesOfAnInputAreChecked) {
  float values[4] = {};
  int64_t dims[1] = {4};
  dlrt_tensor tensor = {sizeof(tensor), DLRT_FLOAT32, 1, dims, values, 12};
  dlrt_error error = newError();
  EXPECT_EQ(dlrt_session_bind_input(session, 0, &tensor, &error),
            DLRT_MISMATCH);
  EXPECT_STREQ(error.message,
               "input 0: has 12 bytes, expected 16 for its type and sizes");
  tensor.bytes = 16;
  EXPECT_EQ(dlrt_session_bind_input(session, 0, &tensor, &error), DLRT_OK);
  EXPECT_EQ(error.status, DLRT_OK);
  EXPECT_STREQ(error.message, "");
  tensor.dims = nullptr;
  EXPECT_EQ(dlrt_session_bind_input(session, 0, &tensor, &error),
            DLRT_INVALID_ARGUMENT);
}

TEST(Api, TextsAndTypes) {
  EXPECT_STREQ(dlrt_status_text(DLRT_OUT_OF_MEMORY), "out of memory");
  EXPECT_STREQ(dlrt_status_text(static_cast<dlrt_status>(99)),
               "unknown status");
  EXPECT_STREQ(dlrt_type_name(DLRT_BFLOAT16), "bfloat16");
  EXPECT_STREQ(dlrt_type_name(DLRT_STRING), "string");
  EXPECT_STREQ(dlrt_type_name(static_cast<dlrt_type>(99)), "none");
  EXPECT_EQ(dlrt_type_bits(DLRT_COMPLEX128), 128);
  EXPECT_EQ(dlrt_type_bits(DLRT_INT4), 4);
  EXPECT_EQ(dlrt_type_bits(DLRT_STRING), 8 * int(sizeof(dlrt_string)));
  EXPECT_NE(strchr(dlrt_version(), '.'), nullptr);
  EXPECT_GE(dlrt_format_version(), 1u);
}

} // namespace
