// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ChoiceStore.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace dl::cpu;
using mlir::dl::cpu::KernelChoice;
using mlir::dl::cpu::parseChoice;
using mlir::dl::cpu::printChoice;
using testing::HasSubstr;
namespace fs = std::filesystem;

namespace {

std::string reprint(const std::string &text) {
  std::string error;
  std::optional<KernelChoice> choice = parseChoice(text, error);
  return choice ? printChoice(*choice) : "error: " + error;
}

TEST(KernelChoice, IsTextInOneOrder) {
  EXPECT_EQ(reprint(""), "");
  EXPECT_EQ(reprint("unroll=8,range=0,block=12x2"),
            "block=12x2,range=0,unroll=8");
  std::string all = "block=1x8,winograd=1,range=7,depth=64,panels=2,prefetch=0,"
                    "unroll=1,lanes=512,flat=0";
  EXPECT_EQ(reprint(all), all);
}

TEST(KernelChoice, RefusesOtherText) {
  for (const char *text :
       {"block", "block=", "block=6", "block=6x", "block=0x4", "block=6x9",
        "block=6x4x2", "range", "range=-1", "range=x", "range=99999999999",
        "winograd=2", "unroll=0", "prefetch=65", "colour=3", ",", "range=1,",
        " range=1", "range=1 "})
    EXPECT_THAT(reprint(text), HasSubstr("error: expected ")) << text;
}

TEST(KernelChoice, TakesOverWhatIsSet) {
  std::string error;
  KernelChoice choice = *parseChoice("block=6x4,range=24", error);
  choice.override(*parseChoice("range=12,unroll=2", error));
  EXPECT_EQ(printChoice(choice), "block=6x4,range=12,unroll=2");
  choice.override(*parseChoice("block=8x3", error));
  EXPECT_EQ(printChoice(choice), "block=8x3,range=12,unroll=2");
  EXPECT_FALSE(choice.isEmpty());
  EXPECT_TRUE(KernelChoice().isEmpty());
}

StoredChoice makeStored() {
  std::string error;
  StoredChoice stored;
  stored.choice = *parseChoice("block=8x3,range=24", error);
  stored.seconds = 0.00125;
  stored.modelSeconds = 0.0015;
  stored.tried = {"block=8x3", "block=8x3,range=24"};
  return stored;
}

TEST(StoredChoice, IsTextForPeople) {
  StoredChoice stored = makeStored();
  EXPECT_EQ(printStoredChoice(stored), "dl-choice 1\n"
                                       "choice: block=8x3,range=24\n"
                                       "seconds: 0.001250000 0.001500000\n"
                                       "tried: block=8x3\n"
                                       "tried: block=8x3,range=24\n"
                                       "end\n");
  stored.isComplete = true;
  auto read = parseStoredChoice(printStoredChoice(stored));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->choice, stored.choice);
  EXPECT_EQ(read->tried, stored.tried);
  EXPECT_TRUE(read->isComplete);
  EXPECT_DOUBLE_EQ(read->seconds, stored.seconds);
}

TEST(StoredChoice, IsIgnoredWhereItIsDamaged) {
  std::string text = printStoredChoice(makeStored());
  ASSERT_TRUE(parseStoredChoice(text));
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(parseStoredChoice(text.substr(0, size))) << size;
  EXPECT_FALSE(parseStoredChoice("dl-choice 2" + text.substr(11)));
  EXPECT_FALSE(parseStoredChoice(text + "\n"));
  EXPECT_FALSE(parseStoredChoice("dl-choice 1\nend\n"));
  EXPECT_FALSE(parseStoredChoice("dl-choice 1\nchoice: \nwhat\nend\n"));
  EXPECT_FALSE(parseStoredChoice("dl-choice 1\nchoice: x=1\ncomplete\nend\n"));
  EXPECT_TRUE(parseStoredChoice("dl-choice 1\nchoice: \ncomplete\nend\n"));
}

TEST(ChoiceStore, KeepsEntriesInTheCache) {
  std::string pattern = fs::temp_directory_path() / "dl-choice-test-XXXXXX";
  fs::path base = mkdtemp(pattern.data());
  CacheOptions options;
  options.directory = base / "cache";
  std::vector<CpuTarget> targets{getNativeTarget()};
  {
    ChoiceStore store(options, targets, {});
    EXPECT_FALSE(store.load("choice_1.txt"));
    store.store("choice_1.txt", makeStored());
    StoredChoice other = makeStored();
    other.choice = {};
    store.store("choice_1.txt", other);
  }
  ChoiceStore store(options, targets, {});
  auto found = store.load("choice_1.txt");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->choice.isEmpty());
  EXPECT_EQ(found->tried.size(), 2u);
  // Nothing else is left, no half-written file.
  auto files = fs::directory_iterator(options.directory);
  EXPECT_EQ(std::count_if(begin(files), end(files),
                          [](const fs::directory_entry &entry) {
                            return entry.path().filename() != "lock";
                          }),
            1);
  fs::remove_all(base);
}

TEST(ChoiceStore, KeepsNothingWithoutFolder) {
  ChoiceStore store({}, {getNativeTarget()}, {});
  store.store("choice_1.txt", makeStored());
  EXPECT_FALSE(store.load("choice_1.txt"));
}

} // namespace
