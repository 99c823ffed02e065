// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Measures the expansions of math functions against the C library's in long
// double.

#include "codegen/cpu/DivideByConstant.h"
#include "test/codegen/LoadedImage.h"

#include <cmath>
#include <limits>
#include <random>

using namespace dl::cpu;

namespace {

struct Function {
  const char *name; // of the math op
  long double (*reference)(long double);
  double low, high;              // where it is measured, besides special values
  double maxUlps, maxUlpsDouble; // in f32 and f64
};

const Function kFunctions[] = {
    {"exp", std::exp, -110, 95, 1.5, 2},
    {"exp2", std::exp2, -155, 130, 1.5, 2},
    {"expm1", std::expm1, -30, 95, 2, 3},
    {"tanh", std::tanh, -12, 12, 3, 4},
    {"log", std::log, 0, 1e38, 1.5, 2},
    {"erf", std::erf, -5, 5, 3, 3},
    {"rsqrt", [](long double x) { return 1 / std::sqrt(x); }, 0, 1e38, 1.5,
     1.5},
    {"sinh", std::sinh, -90, 90, 0.6, 4},
    {"cosh", std::cosh, -90, 90, 0.6, 4},
    {"asinh", std::asinh, -1e9, 1e9, 0.6, 4},
    {"acosh", std::acosh, 1, 1e9, 0.6, 4},
    {"atanh", std::atanh, -1, 1, 0.6, 4},
    {"log2", std::log2, 0, 1e38, 0.6, 2},
    {"log10", std::log10, 0, 1e38, 0.6, 2},
    {"log1p", std::log1p, -1, 1e6, 0.6, 4},
    {"cbrt", std::cbrt, -1e9, 1e9, 0.6, 2},
    {"erfc", std::erfc, -5, 9, 0.6, 6},
    {"sin", std::sin, -1e5, 1e5, 0.6, 2},
    {"cos", std::cos, -1e5, 1e5, 0.6, 2},
    {"tan", std::tan, -1e5, 1e5, 0.6, 4},
    {"asin", std::asin, -1, 1, 0.6, 3},
    {"acos", std::acos, -1, 1, 0.6, 3},
    {"atan", std::atan, -1e3, 1e3, 0.6, 3},
};

/// A kernel that applies `expression` to %a (and %b) of sizes[0] vectors.
std::string kernel(const std::string &name, const std::string &expression,
                   const std::string &element, const std::string &vector) {
  std::string text = "func.func @" + name + R"((%buffers: !llvm.ptr,
      %sizes: !llvm.ptr, %begin: index, %end: index, %scratch: !llvm.ptr,
      %imports: !llvm.ptr) attributes {dl.kernel} {
    %p0 = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
    %s1 = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p1 = llvm.load %s1 : !llvm.ptr -> !llvm.ptr
    %s2 = llvm.getelementptr %buffers[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %p2 = llvm.load %s2 : !llvm.ptr -> !llvm.ptr
    %c1 = arith.constant 1 : index
    scf.for %i = %begin to %end step %c1 {
      %n = arith.index_cast %i : index to i64
      %x = llvm.getelementptr %p0[%n] : (!llvm.ptr, i64) -> !llvm.ptr, VECTOR
      %y = llvm.getelementptr %p1[%n] : (!llvm.ptr, i64) -> !llvm.ptr, VECTOR
      %z = llvm.getelementptr %p2[%n] : (!llvm.ptr, i64) -> !llvm.ptr, VECTOR
      %a = llvm.load %x {alignment = 4 : i64} : !llvm.ptr -> VECTOR
      %b = llvm.load %y {alignment = 4 : i64} : !llvm.ptr -> VECTOR
      %r = EXPRESSION : VECTOR
      llvm.store %r, %z {alignment = 4 : i64} : VECTOR, !llvm.ptr
    }
    return
  }
  )";
  for (auto [from, to] :
       {std::pair<std::string, std::string>("EXPRESSION", expression),
        {"VECTOR", vector},
        {"ELEMENT", element}})
    for (size_t at; (at = text.find(from)) != std::string::npos;)
      text.replace(at, from.size(), to);
  return text;
}

template <typename T> std::vector<T> getSpecialValues() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {T(0.0),
                           T(0.5),
                           T(1),
                           T(2),
                           T(3),
                           T(1e-5),
                           T(0.75),
                           T(0.92),
                           T(10),
                           T(88.72284),
                           T(709.78),
                           Limits::min(),
                           Limits::max(),
                           Limits::denorm_min(),
                           Limits::min() / 3,
                           Limits::infinity(),
                           Limits::epsilon(),
                           1 - Limits::epsilon(),
                           1 + Limits::epsilon()};
  for (size_t i = 0, size = values.size(); i < size; ++i)
    values.push_back(-values[i]);
  values.push_back(Limits::quiet_NaN());
  return values;
}

/// The distance of `value` from `exact` in units of the last place of T.
template <typename T> long double getUlps(T value, long double exact) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(exact) || std::isnan(value))
    return std::isnan(exact) && std::isnan(value) ? 0 : INFINITY;
  T rounded = static_cast<T>(exact);
  if (std::isinf(rounded) || std::isinf(value) || exact == 0)
    return value == rounded && std::signbit(value) == std::signbit(rounded)
               ? 0
               : INFINITY;
  int exponent;
  std::frexp(exact, &exponent);
  exponent = std::max(exponent, Limits::min_exponent);
  return std::fabs(value - exact) / std::ldexp(1.0L, exponent - Limits::digits);
}

template <typename T> struct Type;
template <> struct Type<float> {
  static constexpr const char *element = "f32", *vector = "vector<16xf32>";
  static constexpr int64_t lanes = 16;
};
template <> struct Type<double> {
  static constexpr const char *element = "f64", *vector = "vector<8xf64>";
  static constexpr int64_t lanes = 8;
};

template <typename T>
std::vector<T> run(const LoadedImage &image, size_t index, std::vector<T> a,
                   std::vector<T> b) {
  int64_t vectors = (a.size() + Type<T>::lanes - 1) / Type<T>::lanes;
  size_t size = a.size();
  a.resize(vectors * Type<T>::lanes);
  b.resize(a.size());
  std::vector<T> result(a.size());
  void *buffers[] = {a.data(), b.data(), result.data()};
  image.get(index)(buffers, nullptr, 0, vectors, nullptr, nullptr);
  result.resize(size);
  return result;
}

template <typename T> void measureAll() {
  KernelCompiler compiler;
  std::string text;
  std::vector<std::string> names;
  for (const Function &function : kFunctions) {
    text += kernel(function.name, std::string("math.") + function.name + " %a",
                   Type<T>::element, Type<T>::vector);
    names.push_back(function.name);
  }
  std::vector<llvm::StringRef> order(names.begin(), names.end());
  auto image = compiler.compile(text, order);
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  LoadedImage loaded(*image);

  for (auto [index, function] : llvm::enumerate(kFunctions)) {
    std::vector<T> x = getSpecialValues<T>();
    std::mt19937 random(7);
    std::uniform_real_distribution<double> uniform(function.low, function.high);
    for (int i = 0; i < 200000; ++i)
      x.push_back(uniform(random));
    // Every exponent, for small and large arguments.
    for (int i = 0; i < 200000; ++i) {
      T value = std::ldexp(T(uniform(random)), int(random() % 80) - 60);
      if (value >= T(function.low) && value <= T(function.high))
        x.push_back(value);
    }
    std::vector<T> y = run<T>(loaded, index, x, x);
    long double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      long double ulps = getUlps(y[i], function.reference(x[i]));
      // Beyond the reduction's range, sine and cosine have no meaning.
      if (std::string("sin cos tan").find(function.name) != std::string::npos &&
          std::fabs(x[i]) > 0x1p50)
        continue;
      if (ulps > worst)
        worst = ulps, where = i;
    }
    double limit = sizeof(T) == 4 ? function.maxUlps : function.maxUlpsDouble;
    EXPECT_LE(worst, limit)
        << function.name << "(" << std::hexfloat << x[where]
        << ") = " << y[where] << ", not " << function.reference(x[where]);
    printf("%-6s %s %.2f ulp\n", function.name, Type<T>::element,
           double(worst));
  }
}

TEST(MathTest, FloatFunctionsAreAccurate) { measureAll<float>(); }

TEST(MathTest, DoubleFunctionsAreAccurate) { measureAll<double>(); }

template <typename T>
void measureBinary(const char *op,
                   long double (*reference)(long double, long double),
                   double range, double limit) {
  KernelCompiler compiler;
  auto image = compiler.compile(kernel("k", std::string(op) + " %a, %b",
                                       Type<T>::element, Type<T>::vector),
                                {"k"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  LoadedImage loaded(*image);
  std::vector<T> a, b;
  for (T x : getSpecialValues<T>())
    for (T y : getSpecialValues<T>())
      a.push_back(x), b.push_back(y);
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-range, range);
  for (int i = 0; i < 200000; ++i)
    a.push_back(uniform(random)), b.push_back(uniform(random));
  for (int i = 0; i < 100000; ++i)
    a.push_back(std::fabs(uniform(random))),
        b.push_back(std::round(uniform(random)));
  std::vector<T> y = run<T>(loaded, 0, a, b);
  long double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    long double ulps = getUlps(y[i], reference(a[i], b[i]));
    if (ulps > worst)
      worst = ulps, where = i;
  }
  EXPECT_LE(worst, limit) << op << "(" << std::hexfloat << a[where] << ", "
                          << b[where] << ") = " << y[where] << ", not "
                          << reference(a[where], b[where]);
  printf("%s %s %.2f ulp\n", op, Type<T>::element, double(worst));
}

TEST(MathTest, PowIsAccurate) {
  measureBinary<float>("math.powf", std::pow, 30, 0.6);
  measureBinary<double>("math.powf", std::pow, 100, 4);
}

TEST(MathTest, Atan2IsAccurate) {
  measureBinary<float>("math.atan2", std::atan2, 30, 0.6);
  measureBinary<double>("math.atan2", std::atan2, 30, 3);
}

TEST(MathTest, RemainderIsExact) {
  measureBinary<float>("arith.remf", std::fmod, 1e9, 0);
  measureBinary<double>("arith.remf", std::fmod, 1e9, 0);
}

TEST(MathTest, IntegerPowers) {
  KernelCompiler compiler;
  auto image = compiler.compile(
      kernel("k", "math.ipowi %a, %b", "i32", "vector<16xi32>"), {"k"});
  ASSERT_TRUE(mlir::succeeded(image)) << compiler.messages;
  LoadedImage loaded(*image);
  std::vector<int32_t> a = {2, -3, 0, 0,  1,  -1, -1, 7,
                            2, -1, 5, 10, -2, 3,  1,  9};
  std::vector<int32_t> b = {10, 3, 0, 5, -4, -3, -2, -1,
                            31, 7, 0, 9, 31, -2, 99, 2};
  std::vector<int32_t> expected = {1024,      -27, 1,         0,  1, -1,
                                   1,         0,   INT32_MIN, -1, 1, 1000000000,
                                   INT32_MIN, 0,   1,         81};
  std::vector<int32_t> r(16);
  void *buffers[] = {a.data(), b.data(), r.data()};
  loaded.get(0)(buffers, nullptr, 0, 1, nullptr, nullptr);
  EXPECT_EQ(r, expected);
}

} // namespace

// Divisors of every size, and every kind of number divided.
TEST(MathTest, DividesByConstants) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> exponents(-30, 30), units(1, 2);
  std::vector<float> divisors = {std::sqrt(2.0f), 3, 10, -7, 0.1f, 127.5f};
  for (int i = 0; i < 6; ++i)
    divisors.push_back(std::ldexp(units(random), int(exponents(random))));
  const float inf = std::numeric_limits<float>::infinity();
  size_t found = 0;
  for (float divisor : divisors) {
    auto by = splitReciprocal(divisor);
    if (!by)
      continue;
    ++found;
    std::vector<float> values = {0.0f, -0.0f, inf, -inf, 1e-29f, -3e38f};
    for (int i = 0; i < 10000; ++i)
      values.push_back(std::ldexp(units(random), 2 * int(exponents(random))));
    for (float x : values) {
      float wanted = x / divisor, got = std::fma(x, by->high, x * by->low);
      EXPECT_EQ(wanted, got) << x << " / " << divisor;
      EXPECT_EQ(std::signbit(wanted), std::signbit(got)) << x;
    }
    EXPECT_TRUE(std::isnan(std::fma(NAN, by->high, NAN * by->low)));
  }
  // Few divisors have a significand that two products round wrongly.
  EXPECT_GT(found, divisors.size() / 2);
  for (float divisor : {0.0f, 1.0f, 8.0f, 1e-40f, 3e30f, inf, float(NAN)})
    EXPECT_FALSE(splitReciprocal(divisor)) << divisor;
}
