// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/Cache.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using namespace dl::cpu;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

class CacheTest : public testing::Test {
protected:
  CacheTest() {
    std::string pattern = fs::temp_directory_path() / "dl-cache-test-XXXXXX";
    base = mkdtemp(pattern.data());
    options.directory = base / "parent" / "cache";
  }
  ~CacheTest() override { fs::remove_all(base); }

  fs::path entry(const std::string &key) {
    return fs::path(options.directory) / (key + ".o");
  }

  fs::path base;
  CacheOptions options;
};

TEST_F(CacheTest, KeepsEntriesInPrivateFolder) {
  {
    Cache cache(options);
    EXPECT_EQ(cache.whyClosed(), "");
    EXPECT_FALSE(cache.load("a"));
    cache.store("a", "bytes");
  }
  Cache cache(options);
  EXPECT_EQ(cache.load("a"), "bytes");
  struct stat status;
  ASSERT_EQ(stat(options.directory.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(CacheTest, DoesNothingWithoutFolder) {
  Cache cache(CacheOptions{});
  EXPECT_EQ(cache.whyClosed(), "");
  cache.store("a", "bytes");
  EXPECT_FALSE(cache.load("a"));
}

TEST_F(CacheTest, DropsDamagedEntries) {
  Cache cache(options);
  for (int damage : {0, 1, 2}) {
    cache.store("a", "bytes");
    if (damage == 0) { // one byte changed
      std::fstream file(entry("a"), std::ios::in | std::ios::out);
      file.seekp(-1, std::ios::end);
      file.put('x');
    } else if (damage == 1) { // cut short
      fs::resize_file(entry("a"), fs::file_size(entry("a")) - 1);
    } else { // not even a header
      fs::resize_file(entry("a"), 3);
    }
    EXPECT_FALSE(cache.load("a"));
    EXPECT_FALSE(fs::exists(entry("a")));
  }
}

TEST_F(CacheTest, EvictsWhatWasUsedLongestAgo) {
  options.maxBytes = 10000;
  std::string bytes(3000, 'b');
  Cache cache(options);
  for (const char *key : {"a", "b", "c", "d"}) {
    cache.store(key, bytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(cache.load("a")); // used now
  cache.evict();
  EXPECT_TRUE(cache.load("a"));
  EXPECT_FALSE(cache.load("b"));
  EXPECT_FALSE(cache.load("c"));
  EXPECT_TRUE(cache.load("d"));
}

TEST_F(CacheTest, RefusesFolderThatOthersMayWrite) {
  fs::create_directories(options.directory);
  chmod(options.directory.c_str(), 0777);
  Cache cache(options);
  EXPECT_THAT(
      cache.whyClosed().str(),
      HasSubstr("the cache is not used: other users may write into it"));
  cache.store("a", "bytes");
  EXPECT_FALSE(fs::exists(entry("a")));
}

TEST_F(CacheTest, RefusesFolderOfAnotherUser) {
  fs::create_directories(options.directory);
  chmod(options.directory.c_str(), 0755);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(options.directory.c_str(), 12345, 12345), 0);
  } else {
    options.directory = "/";
  }
  Cache cache(options);
  EXPECT_THAT(cache.whyClosed().str(),
              HasSubstr("the cache is not used: it belongs to another user"));
}

TEST_F(CacheTest, SaysWhyFolderCannotBeUsed) {
  std::ofstream(base / "file").put('x');
  options.directory = base / "file" / "cache";
  Cache cache(options);
  EXPECT_THAT(cache.whyClosed().str(), HasSubstr("the cache cannot be used: "));
}

TEST_F(CacheTest, MayBeUsedByManyThreads) {
  Cache cache(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        std::string key = std::to_string(i), bytes(100 + i, 'x');
        cache.store(key, bytes);
        std::optional<std::string> loaded = cache.load(key);
        EXPECT_TRUE(!loaded || *loaded == bytes);
        if (t == 0)
          cache.evict();
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(CacheTest, ReadsEnvironment) {
  std::string error;
  setenv("DL_CACHE_DIR", "/some/folder", 1);
  setenv("DL_CACHE_SIZE", "3M", 1);
  auto found = getDefaultCacheOptions(error);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->directory, "/some/folder");
  EXPECT_EQ(found->maxBytes, 3u << 20);
  setenv("DL_CACHE_SIZE", "much", 1);
  EXPECT_FALSE(getDefaultCacheOptions(error));
  EXPECT_THAT(error, HasSubstr("DL_CACHE_SIZE: expected a number of bytes"));
  unsetenv("DL_CACHE_SIZE");
  unsetenv("DL_CACHE_DIR");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(getDefaultCacheOptions(error)->directory, "/xdg/dl-compile");
  unsetenv("XDG_CACHE_HOME");
}

} // namespace
