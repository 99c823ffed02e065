// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/values/Npy.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>

using namespace dl::values;

namespace {

/// A file of version 1 with this header text and data.
std::string file(const std::string &header, const std::string &data,
                 int version = 1) {
  std::string bytes("\x93NUMPY", 6);
  bytes +=
      {char(version), 0, char(header.size() & 0xff), char(header.size() >> 8)};
  if (version > 1)
    bytes += {char(0), char(0)};
  return bytes + header + data;
}

std::string dictionary(const std::string &descr, const std::string &shape,
                       const std::string &fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }\n";
}

Value parse(const std::string &bytes) {
  return parseNpy("x.npy",
                  reinterpret_cast<const unsigned char *>(bytes.data()),
                  bytes.size());
}

std::string failure(const std::string &bytes) {
  try {
    parse(bytes);
  } catch (const Failure &failure) {
    return failure.what();
  }
  return "";
}

TEST(Npy, WhatIsWrittenIsRead) {
  for (const std::vector<int64_t> &dims :
       {std::vector<int64_t>{}, {3}, {2, 0, 5}, {2, 3, 4}}) {
    size_t bytes = byteSize("", DLRT_FLOAT32, dims);
    std::string data(bytes, '\x5a');
    std::string header = npyHeader(DLRT_FLOAT32, dims);
    EXPECT_EQ(header.size() % 64, 0u);
    Value value = parse(header + data);
    EXPECT_EQ(value.type, DLRT_FLOAT32);
    EXPECT_EQ(value.dims, dims);
    EXPECT_EQ(value.data.size(), bytes);
  }
  EXPECT_EQ(npyHeader(DLRT_BOOL, {4}).substr(10, 55),
            "{'descr': '|b1', 'fortran_order': False, 'shape': (4,),");
}

TEST(Npy, AllVersionsAndSpellings) {
  for (int version : {1, 2, 3})
    EXPECT_EQ(parse(file(dictionary("<i2", "(2,)"), "abcd", version)).type,
              DLRT_INT16);
  EXPECT_EQ(parse(file("{\"shape\":(2L , 1),\"descr\":\"|u1\","
                       "\"fortran_order\":True}",
                       "ab"))
                .dims,
            (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(parse(file(dictionary("=f8", "()"), "12345678")).type,
            DLRT_FLOAT64);
}

TEST(Npy, BigEndianAndColumnMajorAreConverted) {
  Value big = parse(file(dictionary(">i2", "(2,)"), "abcd"));
  EXPECT_EQ(std::string(big.data.begin(), big.data.end()), "badc");
  Value complex = parse(file(dictionary(">c8", "(1,)"), "abcdefgh"));
  EXPECT_EQ(std::string(complex.data.begin(), complex.data.end()), "dcbahgfe");
  // Columns of a 2 by 3 array.
  Value columns = parse(file(dictionary("|u1", "(2, 3)", "True"), "adbecf"));
  EXPECT_EQ(std::string(columns.data.begin(), columns.data.end()), "abcdef");
  Value deep = parse(file(dictionary("|u1", "(2, 2, 2)", "True"), "aecgbfdh"));
  EXPECT_EQ(std::string(deep.data.begin(), deep.data.end()), "abcdefgh");
}

TEST(Npy, BoolsBecomeZeroOrOne) {
  Value value =
      parse(file(dictionary("|b1", "(3,)"), std::string("\0\1\7", 3)));
  EXPECT_EQ(std::string(value.data.begin(), value.data.end()),
            std::string("\0\1\1", 3));
}

TEST(Npy, RefusalsNameTheReason) {
  const std::string start = "x.npy: not a sound .npy file: ";
  EXPECT_EQ(failure(""), start + "it does not start with numpy's mark");
  EXPECT_EQ(failure("PK\3\4 an archive of arrays"),
            start + "it does not start with numpy's mark");
  EXPECT_EQ(failure(file("", "", 9)), start + "its version 9 is not known");
  std::string whole = file(dictionary("<f4", "(2,)"), "12345678");
  EXPECT_EQ(failure(whole.substr(0, whole.size() - 1)),
            start + "it has 7 bytes of data, expected 8 for float32 [2]");
  EXPECT_EQ(failure(whole + "9"),
            start + "it has 9 bytes of data, expected 8 for float32 [2]");
  EXPECT_EQ(failure(whole.substr(0, 40)), start + "its header is cut short");
  for (const char *type : {"<U5", "|O", "|S3", "<M8", "|V2", "<f16", "f4", ""})
    EXPECT_EQ(failure(file(dictionary(type, "(1,)"), "1234")),
              "x.npy: elements of numpy's type '" + std::string(type) +
                  "' are not supported in .npy files");
  EXPECT_EQ(failure(file("{'descr': [('a', '<f4')], 'fortran_order': False, "
                         "'shape': (1,)}",
                         "1234")),
            start + "structured elements are not supported");
}

TEST(Npy, HostileHeadersAreRefused) {
  const std::string start = "x.npy: not a sound .npy file: ";
  EXPECT_EQ(failure(file("", "")),
            start + "the header has no '{' where one is due");
  EXPECT_EQ(failure(file("{'descr': '<f4", "")),
            start + "the header has a string without end");
  EXPECT_EQ(failure(file("{'descr': '<f4'}", "")),
            start + "the header lacks a key or has one twice");
  EXPECT_EQ(failure(file("{'descr': '<f4', 'descr': '<f4', "
                         "'fortran_order': False, 'shape': ()}",
                         "1234")),
            start + "the header lacks a key or has one twice");
  EXPECT_EQ(failure(file("{'code': 'import os'}", "")),
            start + "the header has an unknown key");
  EXPECT_EQ(failure(file(dictionary("<f4", "(-1,)"), "")),
            start + "the shape has a size that is no number");
  EXPECT_EQ(failure(file(dictionary("<f4", "(1 2)"), "")),
            start + "the shape is not well formed");
  EXPECT_EQ(failure(file(dictionary("<f4", "(99999999999999999999,)"), "")),
            start + "the shape has a size that is too large");
  EXPECT_EQ(failure(file(dictionary("<f4", "(4294967296, 4294967296)"), "")),
            "x.npy: the shape is too large");
  EXPECT_EQ(failure(file(dictionary("<f4", "(1,)", "Maybe"), "")),
            start + "fortran_order is neither True nor False");
  std::string many = "(";
  for (int i = 0; i < 65; ++i)
    many += "1,";
  EXPECT_EQ(failure(file(dictionary("<f4", many + ")"), "1234")),
            start + "the shape has too many dimensions");
}

TEST(Npy, RowsAreReadByThemselves) {
  std::string path = testing::TempDir() + "rows.npy";
  auto write = [&](const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  auto numbers = [](const Value &value) {
    return std::vector<int>(value.data.begin(), value.data.end());
  };
  write(file(dictionary("|u1", "(3, 2)"), std::string("\1\2\3\4\5\6")));
  {
    NpyFile rows(path);
    EXPECT_EQ(rows.type(), DLRT_UINT8);
    EXPECT_EQ(rows.dims(), (std::vector<int64_t>{3, 2}));
    Value last = rows.read(1, 2);
    EXPECT_EQ(last.dims, (std::vector<int64_t>{2, 2}));
    EXPECT_EQ(numbers(last), (std::vector<int>{3, 4, 5, 6}));
    EXPECT_EQ(numbers(rows.read(0, 3)).size(), 6u);
  }
  write(file(dictionary("|u1", "(3, 2)", "True"), std::string("\1\3\5\2\4\6")));
  EXPECT_EQ(numbers(NpyFile(path).read(1, 1)), (std::vector<int>{3, 4}));
  write(file(dictionary(">u2", "(2,)"), std::string("\0\1\0\2", 4)));
  EXPECT_EQ(numbers(NpyFile(path).read(1, 1)), (std::vector<int>{2, 0}));
  write(file(dictionary("|u1", "()"), "\7"));
  EXPECT_EQ(numbers(NpyFile(path).read(0, 1)), (std::vector<int>{7}));

  auto failure = [&](const std::string &bytes) -> std::string {
    write(bytes);
    try {
      NpyFile rows(path);
    } catch (const Failure &failure) {
      return failure.what();
    }
    return "";
  };
  const std::string start = path + ": not a sound .npy file: ";
  EXPECT_EQ(failure("short"), start + "it does not start with numpy's mark");
  std::string whole = file(dictionary("<f4", "(2,)"), "12345678");
  EXPECT_EQ(failure(whole.substr(0, 40)), start + "its header is cut short");
  EXPECT_EQ(failure(whole.substr(0, whole.size() - 1)),
            start + "it has 7 bytes of data, expected 8 for float32 [2]");
  std::filesystem::remove(path);
  EXPECT_THROW(NpyFile{path}, Failure);
}

TEST(Npy, RandomBytesNeverCrash) {
  std::mt19937 generator(3);
  std::string sound =
      file(dictionary("<f4", "(2, 3)", "True"), std::string(24, 'x'));
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = sound;
    for (unsigned change = 0; change <= generator() % 4; ++change)
      bytes[generator() % bytes.size()] = char(generator());
    bytes.resize(bytes.size() - generator() % 8);
    failure(bytes);
  }
}

} // namespace
