// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Generated matrix products against the speed that the core can reach, measured
// in the same run: multiply-adds on registers alone.
//
//   matmul-bench                  the test, of one size
//   matmul-bench --sizes=default  a table of the sizes below
//   matmul-bench --sizes=MxNxK[:bf16|:u8s8|:vnni],...
//
// MxNxK: M x K times K x N. :vnni is :u8s8 without tile registers.

#include "test/codegen/LoadedImage.h"

#include "codegen/cpu/GenerateKernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/measure/Machine.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>

using namespace dl::cpu;
using dl::tools::Products;

namespace {

constexpr const char *kDefaultSizes =
    "512x512x512,1024x1024x1024,2048x2048x2048,1000x777x513,999x1001x1003,"
    "777x2049x300,512x512x512:bf16,1024x1024x1024:bf16,2048x2048x2048:bf16,"
    "512x512x512:u8s8,1024x1024x1024:u8s8,2048x2048x2048:u8s8,"
    "1024x1024x1024:vnni";

/// The time that this thread has run, so that another program's turn on the
/// core does not count.
double getSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

int64_t getConstant(mlir::Operation *kernel, const char *name) {
  auto map = kernel->getAttrOfType<mlir::AffineMapAttr>(name);
  EXPECT_TRUE(map && map.getValue().isSingleConstant()) << name;
  return map && map.getValue().isSingleConstant()
             ? map.getValue().getSingleConstantResult()
             : 0;
}

/// What is multiplied; bytes in tile registers, if there are any, or not.
enum class Factors { F32, Bf16, U8S8, U8S8InVectors };

mlir::dl::cpu::MachineModel getMachine(const CpuTarget &target,
                                       Factors factors) {
  using mlir::dl::cpu::NarrowProducts;
  mlir::dl::cpu::MachineModel machine;
  machine.vectorLanes = target.vectorBits() / 32;
  machine.vectorRegisters = target.has("avx512vl") ? 32 : 16;
  machine.l2Bytes = target.l2Bytes;
  if (target.has("amx-bf16") && target.has("amx-tile") && target.has("avx512f"))
    machine.narrowProducts = NarrowProducts::Tiles;
  else if (target.has("avx512bf16") && target.has("avx512vl"))
    machine.narrowProducts = NarrowProducts::Pairs;
  if (target.has("amx-int8") && target.has("amx-tile") &&
      target.has("avx512f") && factors != Factors::U8S8InVectors)
    machine.byteProducts = NarrowProducts::Tiles;
  else if (target.has("avx512vnni") && target.has("avx512vl"))
    machine.byteProducts = NarrowProducts::Quads;
  return machine;
}

/// A generated product of M x K by K x N in float32, of bf16 with sums in
/// float32, or of bytes with sums in i32. The second operand is a constant,
/// which is packed before it is run.
class Product {
public:
  Product(int64_t m, int64_t n, int64_t k, Factors factors)
      : m(m), n(n), k(k), factors(factors) {}

  /// Generates it; failure is the test's.
  void compile();

  double flops() const { return 2.0 * m * n * k; }
  Products products() const { return kind; }
  const std::string &cpu() const { return compiler.options.target.cpu; }
  std::string name() const {
    return std::to_string(m) + "x" + std::to_string(n) + "x" +
           std::to_string(k) +
           (factors == Factors::Bf16   ? ":bf16"
            : factors == Factors::U8S8 ? ":u8s8"
            : isInteger()              ? ":vnni"
                                       : "");
  }

  /// Arithmetic per second in 1e9, the best of the runs that fit.
  double measure(double seconds) {
    double best = 0;
    double end = getSeconds() + seconds;
    do {
      double start = getSeconds();
      image->get(0)(buffers, nullptr, 0, tiles, scratch, nullptr);
      // Busy machines have clocks that stand still for a while.
      if (double elapsed = getSeconds() - start; elapsed > 0)
        best = std::max(best, flops() / elapsed / 1e9);
    } while (getSeconds() < end);
    return best;
  }

  /// Each element of the result is its row's number K times: the second operand
  /// is ones.
  void check() const {
    const float *c = static_cast<const float *>(buffers[2]);
    const int32_t *sums = static_cast<const int32_t *>(buffers[2]);
    for (int64_t i = 0; i < m * n; i += 97)
      ASSERT_EQ(isInteger() ? sums[i] : c[i], rowNumber(i / n) * k) << name();
  }

private:
  bool isInteger() const {
    return factors == Factors::U8S8 || factors == Factors::U8S8InVectors;
  }
  int64_t bytes() const {
    return factors == Factors::F32 ? 4 : factors == Factors::Bf16 ? 2 : 1;
  }
  float rowNumber(int64_t row) const {
    return static_cast<float>(row % 9) - (isInteger() ? 0.0F : 4.0F);
  }

  /// Memory on a cache line, zero.
  void *allocate(int64_t bytes) {
    memory.emplace_back(bytes + 64);
    uintptr_t address = reinterpret_cast<uintptr_t>(memory.back().data());
    return reinterpret_cast<void *>((address + 63) & ~uintptr_t(63));
  }

  void fill(void *elements, int64_t i, float number) const {
    uint32_t bits;
    std::memcpy(&bits, &number, 4);
    if (isInteger())
      static_cast<int8_t *>(elements)[i] = static_cast<int8_t>(number);
    else if (factors == Factors::Bf16)
      static_cast<uint16_t *>(elements)[i] = static_cast<uint16_t>(bits >> 16);
    else
      static_cast<float *>(elements)[i] = number;
  }

  int64_t m, n, k;
  Factors factors;
  Products kind = Products::Float32;
  KernelCompiler compiler;
  std::unique_ptr<LoadedImage> image;
  std::vector<std::vector<char>> memory;
  void *buffers[3] = {}, *scratch = nullptr;
  int64_t tiles = 0;
};

void Product::compile() {
  auto tensor = [](int64_t rows, int64_t columns, const char *type) {
    return "tensor<" + std::to_string(rows) + "x" + std::to_string(columns) +
           "x" + type + ">";
  };
  const char *type = isInteger()                ? "i8"
                     : factors == Factors::Bf16 ? "bf16"
                                                : "f32";
  std::string sum = isInteger() ? "i32" : "f32";
  std::string a = tensor(m, k, type), b = tensor(k, n, type),
              c = tensor(m, n, sum.c_str());
  std::string product =
      isInteger()
          ? "linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, "
            "affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],"
            " iterator_types = [\"parallel\", \"parallel\", \"reduction\"]}"
          : std::string("linalg.matmul");
  std::string body = isInteger() ? " {\n  ^bb0(%x: i8, %y: i8, %z: i32):\n"
                                   "    %e = arith.extui %x : i8 to i32\n"
                                   "    %g = arith.extsi %y : i8 to i32\n"
                                   "    %p = arith.muli %e, %g : i32\n"
                                   "    %s = arith.addi %z, %p : i32\n"
                                   "    linalg.yield %s : i32\n  }"
                                 : "";
  std::string text = "func.func @matmul(%a: " + a + ", %b: " + b +
                     " {dl.constant}, %c: " + c + ") -> " + c +
                     " attributes {dl.kernel} {\n"
                     "  %zero = arith.constant " +
                     (isInteger() ? "0 : i32" : "0.0 : f32") +
                     "\n  %f = linalg.fill ins(%zero : " + sum +
                     ") outs(%c : " + c + ") -> " + c + "\n  %r = " + product +
                     " ins(%a, %b : " + a + ", " + b + ") outs(%f : " + c +
                     ")" + body + " -> " + c + "\n  return %r : " + c + "\n}\n";
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &compiler.context);
  ASSERT_TRUE(module) << compiler.messages;
  ASSERT_TRUE(mlir::succeeded(mlir::dl::cpu::generateKernels(
      *module, getMachine(compiler.options.target, factors))))
      << compiler.messages;
  auto compiled = emitCpuImage(*module, {"matmul"}, compiler.options);
  ASSERT_TRUE(mlir::succeeded(compiled)) << compiler.messages;
  image = std::make_unique<LoadedImage>(*compiled);

  mlir::Operation *kernel = module->lookupSymbol("matmul");
  if (auto name = kernel->getAttrOfType<mlir::StringAttr>("dl.products"))
    kind = dl::tools::parseProducts(name.str());
  tiles = getConstant(kernel, "dl.tiles");
  auto signature = mlir::cast<mlir::FunctionType>(
      kernel->getAttrOfType<mlir::TypeAttr>("dl.signature").getValue());
  int64_t packed = mlir::cast<mlir::RankedTensorType>(signature.getInput(1))
                       .getNumElements();
  buffers[0] = allocate(m * k * bytes());
  buffers[1] = allocate(packed * bytes());
  buffers[2] = allocate(m * n * 4);
  scratch = allocate(getConstant(kernel, "dl.scratch"));
  for (int64_t i = 0; i < m * k; ++i)
    fill(buffers[0], i, rowNumber(i / k));
  for (int64_t i = 0; i < packed; ++i)
    fill(buffers[1], i, 1);
}

/// Peaks and products in turns, so that a slow while of the machine meets both.
struct Speeds {
  std::map<Products, double> peaks; // GFLOP/s
  std::vector<double> products;
};

Speeds measure(llvm::ArrayRef<std::unique_ptr<Product>> list, int rounds,
               double seconds) {
  Speeds speeds;
  speeds.products.resize(list.size());
  for (const auto &product : list)
    speeds.peaks[product->products()] = 0;
  auto measurePeaks = [&] {
    for (auto &[products, peak] : speeds.peaks)
      peak = std::max(peak,
                      dl::tools::measurePeakFlops(1, seconds, products) / 1e9);
  };
  measurePeaks();
  for (int round = 0; round < rounds; ++round) {
    for (auto [i, product] : llvm::enumerate(list))
      speeds.products[i] =
          std::max(speeds.products[i], product->measure(seconds));
    measurePeaks();
  }
  return speeds;
}

/// The product of 1024 x 1024 x 1024 and its share of the core's peak.
void expectShare(Factors factors, double share) {
  std::vector<std::unique_ptr<Product>> list;
  list.push_back(std::make_unique<Product>(1024, 1024, 1024, factors));
  Product &product = *list.front();
  ASSERT_NO_FATAL_FAILURE(product.compile());
  Speeds speeds = measure(list, 4, 0.5);
  product.check();
  double peak = speeds.peaks[product.products()], speed = speeds.products[0];
  printf("%s: peak of %s %.1f GFLOP/s, %s product %.1f GFLOP/s, %.1f %%\n",
         product.cpu().c_str(), dl::tools::getName(product.products()), peak,
         product.name().c_str(), speed, 100 * speed / peak);
  EXPECT_GE(speed, share * peak);
}

TEST(MatmulBench, ReachesNinetyPercentOfOneCore) {
  expectShare(Factors::F32, 0.9);
}

TEST(MatmulBench, ReachesNinetyTwoPercentOfOneCoreInBytes) {
  if (dl::tools::measurePeakFlops(1, 0.01, Products::Quads) == 0)
    GTEST_SKIP() << "the CPU has no AVX512-VNNI";
  expectShare(Factors::U8S8InVectors, 0.92);
}

/// MxNxK, alone or with :bf16, :u8s8 or :vnni; null for anything else.
std::unique_ptr<Product> parse(llvm::StringRef text) {
  Factors factors = text.consume_back(":bf16")   ? Factors::Bf16
                    : text.consume_back(":u8s8") ? Factors::U8S8
                    : text.consume_back(":vnni") ? Factors::U8S8InVectors
                                                 : Factors::F32;
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, 'x');
  int64_t sizes[3];
  if (parts.size() != 3)
    return nullptr;
  for (int i = 0; i < 3; ++i)
    if (parts[i].getAsInteger(10, sizes[i]) || sizes[i] < 1 ||
        sizes[i] > 1 << 14)
      return nullptr;
  return std::make_unique<Product>(sizes[0], sizes[1], sizes[2], factors);
}

/// Measures products of these sizes; returns the exit status.
int printTable(llvm::StringRef sizes) {
  if (sizes == "default")
    sizes = kDefaultSizes;
  std::vector<std::unique_ptr<Product>> list;
  for (llvm::StringRef text : llvm::split(sizes, ",")) {
    list.push_back(parse(text));
    if (!list.back()) {
      fprintf(stderr,
              "error: --sizes: expected MxNxK with :bf16, :u8s8 or :vnni, or "
              "without, found '%s'\n",
              text.str().c_str());
      return 1;
    }
    list.back()->compile();
    if (testing::Test::HasFatalFailure())
      return 1;
  }
  Speeds speeds = measure(list, 5, 0.2);
  printf("%s, one thread; the best of five rounds\n",
         list.front()->cpu().c_str());
  for (auto [products, peak] : speeds.peaks)
    printf("peak of %s: %.1f GFLOP/s\n", dl::tools::getName(products), peak);
  printf("\n| M x N x K | products | GFLOP/s | share of the peak |\n"
         "| --- | --- | --- | --- |\n");
  for (auto [i, product] : llvm::enumerate(list)) {
    product->check();
    printf("| %s | %s | %.1f | %.1f %% |\n", product->name().c_str(),
           dl::tools::getName(product->products()), speeds.products[i],
           100 * speeds.products[i] / speeds.peaks[product->products()]);
  }
  return testing::Test::HasFailure() ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 2 && llvm::StringRef(argv[1]).starts_with("--sizes="))
    return printTable(llvm::StringRef(argv[1]).split('=').second);
  return RUN_ALL_TESTS();
}
