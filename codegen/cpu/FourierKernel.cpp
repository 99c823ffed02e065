// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Fast Fourier transforms of rows. Lanes are rows, so that no step moves
// elements between lanes: as many rows as a vector has lanes are transposed
// into this thread's scratch, go through one step for each factor of the length
// from one half of the scratch to the other (Stockham's self-sorting form of
// the algorithm of Cooley and Tukey), and are transposed back. Of a real row of
// even length, the elements at even and odd positions are the real and
// imaginary parts of one of half the length, and are taken apart at the end.

#include "codegen/cpu/FourierButterflies.h"
#include "codegen/cpu/KernelFunction.h"
#include "codegen/cpu/TransposeKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/FourierKernelForm.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::cpu;

namespace {

/// The one transform of a kernel.
struct FourierMatch {
  linalg::GenericOp op;
  FourierForm form;
  Value roots;
  int64_t parts, inputs, outputs;

  static std::optional<FourierMatch> match(func::FuncOp source);
};

class FourierEmitter {
public:
  FourierEmitter(KernelFunction &kernel, const FourierMatch &match)
      : kernel(kernel), match(match), length(match.form.length),
        isPacked(match.parts == 1 && length % 2 == 0),
        steps(isPacked ? length / 2 : length), emitter(kernel.emitter),
        index(emitter.index), builder(kernel.builder), loc(kernel.loc),
        width(emitter.width()),
        type(emitter.vectorType(
            cast<RankedTensorType>(match.roots.getType()).getElementType())),
        math(builder, loc, type, match.form.inverse ? 1 : -1) {}

  void run();

private:
  /// Numbers of vectors in a memory.
  Value load(Value memory, Value vector);
  void store(Value value, Value memory, Value vector);
  Complex loadComplex(Value memory, Value element);
  void storeComplex(Complex value, Value memory, Value element);
  void loop(int64_t count, function_ref<void(Value)> body);
  void loop(Value lower, Value upper, function_ref<void(Value)> body);
  /// lower + number * factor
  Value at(Value number, int64_t factor, int64_t lower = 0);

  void loadRows(Value first, Value count);
  void transposeIn();
  void clear(int64_t first, int64_t end, int64_t stride);
  void emitStep(int64_t before, int64_t factor);
  void emitPrimeStep(int64_t before, int64_t factor);
  /// Times root `element * factor` of those that a step turns by.
  Complex turn(Complex value, Value element, int64_t factor);
  void unpack();
  void transposeOut(Value first, Value count);

  KernelFunction &kernel;
  const FourierMatch &match;
  const int64_t length;
  const bool isPacked;
  const int64_t steps; // the length that the steps transform
  ElementEmitter &emitter;
  IndexBuilder &index;
  OpBuilder &builder;
  Location loc;
  const int64_t width;
  VectorType type;
  ComplexBuilder math;

  /// Rows as they are read, one after the other, with the parts apart.
  Value rows;
  int64_t rowVectors = 0;
  /// Vectors of the parts of each element, and where the next step puts them.
  Value from, to;
  /// Of a step for a large prime.
  Value sums, differences;
  Buffer result;
};

} // namespace

/// The operands that are read, the real part and perhaps the imaginary one; of
/// others, the shape alone counts.
static SmallVector<OpOperand *> getParts(linalg::GenericOp op) {
  SmallVector<OpOperand *> parts;
  for (OpOperand *operand : op.getDpsInputOperands())
    if (!op.getMatchingBlockArgument(operand).use_empty())
      parts.push_back(operand);
  return parts;
}

std::optional<FourierMatch> FourierMatch::match(func::FuncOp source) {
  auto terminator =
      cast<func::ReturnOp>(source.getBody().front().getTerminator());
  if (terminator.getNumOperands() != 1)
    return std::nullopt;
  auto op = terminator.getOperand(0).getDefiningOp<linalg::GenericOp>();
  std::optional<FourierForm> form = op ? getFourierForm(op) : std::nullopt;
  if (!form)
    return std::nullopt;
  FourierMatch result{op, *form, {}, static_cast<int64_t>(getParts(op).size()),
                      0,  0};
  op.walk([&](tensor::ExtractOp read) {
    if (!result.roots && !read.getTensor().getDefiningOp<linalg::GenericOp>())
      result.roots = read.getTensor();
  });
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (!result.roots || ranges.size() < 3 || result.parts < 1 ||
      result.parts > 2)
    return std::nullopt;
  result.inputs = ranges.back();
  result.outputs = ranges[ranges.size() - 3];
  return result;
}

bool mlir::dl::cpu::isFourierKernel(func::FuncOp source,
                                    const MachineModel &machine) {
  return machine.vectorLanes > 1 && FourierMatch::match(source).has_value();
}

//===----------------------------------------------------------------------===//
// Scratch
//===----------------------------------------------------------------------===//

Value FourierEmitter::load(Value memory, Value vector) {
  Value position = index.mul(vector, index.constant(width));
  return vector::LoadOp::create(builder, loc, type, memory,
                                ValueRange{position});
}

void FourierEmitter::store(Value value, Value memory, Value vector) {
  Value position = index.mul(vector, index.constant(width));
  vector::StoreOp::create(builder, loc, value, memory, ValueRange{position});
}

Complex FourierEmitter::loadComplex(Value memory, Value element) {
  Value real = at(element, 2);
  return {load(memory, real), load(memory, index.add(real, index.constant(1)))};
}

void FourierEmitter::storeComplex(Complex value, Value memory, Value element) {
  Value real = at(element, 2);
  store(value.re, memory, real);
  store(value.im, memory, index.add(real, index.constant(1)));
}

Value FourierEmitter::at(Value number, int64_t factor, int64_t lower) {
  return index.add(index.mul(number, index.constant(factor)),
                   index.constant(lower));
}

void FourierEmitter::loop(Value lower, Value upper,
                          function_ref<void(Value)> body) {
  emitLoop(builder, loc, lower, upper, index.constant(1), {},
           [&](Value i, ValueRange) -> SmallVector<Value> {
             ElementEmitter::Scope scope(emitter);
             body(i);
             return {};
           });
}

void FourierEmitter::loop(int64_t count, function_ref<void(Value)> body) {
  if (count == 1)
    body(index.constant(0));
  else if (count > 1)
    loop(index.constant(0), index.constant(count), body);
}

//===----------------------------------------------------------------------===//
// In
//===----------------------------------------------------------------------===//

/// Copies `count` rows from number `first` on, each part along its lanes.
void FourierEmitter::loadRows(Value first, Value count) {
  linalg::GenericOp op = match.op;
  unsigned rank = op.getNumLoops() - 1;
  SmallVector<Value> sizes;
  for (unsigned d = 0; d + 2 < rank; ++d)
    sizes.push_back(result.sizes[d]);
  int64_t partVectors = llvm::divideCeil(match.inputs, width);
  loop(index.constant(0), count, [&](Value row) {
    SmallVector<Value> outer = kernel.delinearize(index.add(first, row), sizes);
    emitter.emitLanes(
        index.constant(0), index.constant(match.inputs), [&](Value n) {
          Position dims(op.getNumLoops());
          for (auto [d, value] : llvm::enumerate(outer))
            dims[d] = index.uniform(value);
          dims[rank - 2] = dims[rank - 1] = index.uniform(index.constant(0));
          dims[rank] = index.uniform(n);
          dims[rank].stride = 1;
          for (auto [part, operand] : llvm::enumerate(getParts(op))) {
            Element element = emitter.read(
                operand->get(),
                emitter.mapPosition(op.getMatchingIndexingMap(operand), dims));
            if (emitter.failed())
              return;
            // Lanes behind the end are not read again.
            Value to = index.add(at(row, rowVectors * width,
                                    int64_t(part) * partVectors * width),
                                 n);
            vector::StoreOp::create(builder, loc, emitter.toVector(element),
                                    rows, ValueRange{to});
          }
        });
  });
}

/// Columns of the rows become vectors.
void FourierEmitter::transposeIn() {
  int64_t partVectors = llvm::divideCeil(match.inputs, width);
  // Parts of a real row lie together already.
  int64_t stride = isPacked ? 1 : 2;
  for (int64_t part = 0; part < match.parts; ++part) {
    auto transposeColumns = [&](Value block, int64_t columns) {
      SmallVector<Value> square;
      for (int64_t row = 0; row < width; ++row)
        square.push_back(
            load(rows, index.add(block, index.constant(row * rowVectors +
                                                       part * partVectors))));
      transposeSquare(kernel, square);
      for (int64_t column = 0; column < columns; ++column)
        store(square[column], from,
              at(block, width * stride, column * stride + part));
    };
    int64_t whole = match.inputs / width;
    loop(whole, [&](Value block) { transposeColumns(block, width); });
    if (match.inputs % width)
      transposeColumns(index.constant(whole), match.inputs % width);
  }
  int64_t end = 2 * steps;
  clear(match.inputs * stride, end, 1);
  if (match.parts == 1 && !isPacked)
    clear(1, match.inputs * stride, 2);
}

/// Sets every `stride`-th vector to zero.
void FourierEmitter::clear(int64_t first, int64_t end, int64_t stride) {
  if (first >= end)
    return;
  Value zero = math.constant(0);
  loop(llvm::divideCeil(end - first, stride),
       [&](Value i) { store(zero, from, at(i, stride, first)); });
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Complex FourierEmitter::turn(Complex value, Value element, int64_t factor) {
  Value number = index.mul(element, index.constant(factor));
  Value parts[2];
  for (int64_t part = 0; part < 2; ++part)
    parts[part] = emitter.toVector(
        emitter.read(match.roots, {index.uniform(number),
                                   index.uniform(index.constant(part))}));
  return math.timesRoot(value, parts[0], parts[1]);
}

/// Transforms of `factor` elements, after steps whose factors multiply to
/// `before`: element i + rest * (n + factor * k) becomes i + rest * (k + before
/// * n).
void FourierEmitter::emitStep(int64_t before, int64_t factor) {
  int64_t rest = steps / before / factor;
  if (factor > kMaxButterfly)
    return emitPrimeStep(before, factor);
  loop(before, [&](Value k) {
    loop(rest, [&](Value i) {
      SmallVector<Complex> x;
      Value first = index.add(i, at(k, rest * factor));
      for (int64_t n = 0; n < factor; ++n)
        x.push_back(
            loadComplex(from, index.add(first, index.constant(rest * n))));
      SmallVector<Complex> y = math.transform(x);
      Value target = index.add(i, at(k, rest));
      for (int64_t n = 0; n < factor; ++n) {
        if (n > 0 && rest > 1)
          y[n] = turn(y[n], i, length / steps * before * n);
        storeComplex(y[n], to,
                     index.add(target, index.constant(rest * before * n)));
      }
    });
  });
}

/// The same for a large prime, in loops, as ComplexBuilder's transform of an
/// odd number of elements.
void FourierEmitter::emitPrimeStep(int64_t before, int64_t factor) {
  int64_t rest = steps / before / factor, half = (factor - 1) / 2;
  Value one = index.constant(1), end = index.constant(half + 1);
  Value size = index.constant(factor);
  loop(before, [&](Value k) {
    loop(rest, [&](Value i) {
      Value first = index.add(i, at(k, rest * factor));
      Value target = index.add(i, at(k, rest));
      Complex x0 = loadComplex(from, first);
      SmallVector<Value> total = emitLoop(
          builder, loc, one, end, one, {x0.re, x0.im},
          [&](Value n, ValueRange carried) -> SmallVector<Value> {
            ElementEmitter::Scope scope(emitter);
            Value mirrored = index.sub(size, n);
            Complex a = loadComplex(from, index.add(first, at(n, rest)));
            Complex b = loadComplex(from, index.add(first, at(mirrored, rest)));
            Complex sum = math.add(a, b);
            storeComplex(sum, sums, n);
            storeComplex(math.sub(a, b), differences, n);
            Complex next = math.add(Complex{carried[0], carried[1]}, sum);
            return {next.re, next.im};
          });
      storeComplex({total[0], total[1]}, to, target);
      loop(one, end, [&](Value m) {
        Value zero = math.constant(0);
        SmallVector<Value> parts = emitLoop(
            builder, loc, one, end, one,
            {x0.re, x0.im, zero, zero, index.constant(0)},
            [&](Value n, ValueRange carried) -> SmallVector<Value> {
              ElementEmitter::Scope scope(emitter);
              // m * n modulo the factor.
              Value next = index.add(carried[4], m);
              Value wrapped = index.sub(next, size);
              next = arith::SelectOp::create(
                  builder, loc, index.less(next, size), next, wrapped);
              Value number = index.mul(next, index.constant(length / factor));
              auto root = [&](int64_t part) {
                return emitter.toVector(emitter.read(
                    match.roots, {index.uniform(number),
                                  index.uniform(index.constant(part))}));
              };
              Complex even =
                  math.add(Complex{carried[0], carried[1]},
                           math.scale(loadComplex(sums, n), root(0)));
              Complex odd =
                  math.add(Complex{carried[2], carried[3]},
                           math.scale(loadComplex(differences, n), root(1)));
              return {even.re, even.im, odd.re, odd.im, next};
            });
        Complex even{parts[0], parts[1]};
        Complex odd = math.rotate({parts[2], parts[3]});
        auto finish = [&](Complex value, Value number) {
          if (rest > 1)
            value = turn(value, index.mul(i, number), length / steps * before);
          storeComplex(value, to, index.add(target, at(number, rest * before)));
        };
        finish(math.add(even, odd), m);
        finish(math.sub(even, odd), index.sub(size, m));
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// Out
//===----------------------------------------------------------------------===//

/// With z = x[2 n] + i x[2 n + 1] and its transform Z: X[k] = E + root[k] O, E
/// = (Z[k] + conj Z[-k]) / 2, O = (Z[k] - conj Z[-k]) / 2 i. The upper half
/// of X is the conjugate of the lower.
void FourierEmitter::unpack() {
  auto compute = [&](Value k) {
    Value size = index.constant(steps);
    Complex a = loadComplex(from, index.rem(k, size));
    Complex b = loadComplex(from, index.rem(index.sub(size, k), size));
    Value half = math.constant(0.5);
    Complex even =
        math.scale({math.add(a.re, b.re), math.sub(a.im, b.im)}, half);
    Complex odd =
        math.scale({math.add(a.im, b.im), math.sub(b.re, a.re)}, half);
    return math.add(even, turn(odd, k, 1));
  };
  int64_t lower = std::min(match.outputs, length / 2 + 1);
  loop(lower, [&](Value k) { storeComplex(compute(k), to, k); });
  loop(index.constant(lower), index.constant(match.outputs), [&](Value k) {
    Complex value = compute(index.sub(index.constant(length), k));
    storeComplex({value.re, math.negate(value.im)}, to, k);
  });
}

/// Stores `count` rows from number `first` on.
void FourierEmitter::transposeOut(Value first, Value count) {
  int64_t columns = 2 * match.outputs;
  Value scale;
  if (match.form.inverse)
    scale = math.constant(1.0 / static_cast<double>(length));
  auto transposeBlock = [&](Value block, int64_t filled) {
    SmallVector<Value> square;
    for (int64_t column = 0; column < width; ++column) {
      Value value = column < filled ? load(from, at(block, width, column))
                                    : math.constant(0);
      square.push_back(scale ? math.mul(value, scale) : value);
    }
    transposeSquare(kernel, square);
    for (int64_t row = 0; row < width; ++row) {
      Value number = index.constant(row);
      auto store = [&] {
        Value position =
            index.add(at(index.add(first, number), columns), at(block, width));
        if (filled == width) {
          vector::StoreOp::create(builder, loc, square[row], result.memory,
                                  ValueRange{position});
          return;
        }
        Value mask = vector::CreateMaskOp::create(
            builder, loc, emitter.vectorType(builder.getI1Type()),
            ValueRange{index.constant(filled)});
        vector::MaskedStoreOp::create(builder, loc, result.memory,
                                      ValueRange{position}, mask, square[row]);
      };
      if (row == 0) {
        store();
        continue;
      }
      auto ifOp = scf::IfOp::create(builder, loc, index.less(number, count),
                                    /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(ifOp.thenBlock());
      store();
    }
  };
  int64_t whole = columns / width;
  loop(whole, [&](Value block) { transposeBlock(block, width); });
  if (columns % width)
    transposeBlock(index.constant(whole), columns % width);
}

void FourierEmitter::run() {
  result = kernel.getOutputs().front().buffer;
  Value count = index.constant(1);
  for (Value size : ArrayRef(result.sizes).drop_back(2))
    count = index.mul(count, size);
  Type element = type.getElementType();
  SmallVector<int64_t> factors = getFourierFactors(steps);
  auto allocate = [&](int64_t vectors) {
    return kernel.allocateScratch(element, index.constant(vectors * width));
  };
  // An odd number of vectors to a row: at a power of two, the rows of a square
  // would fall to one set of the cache.
  rowVectors = match.parts * llvm::divideCeil(match.inputs, width) | 1;
  rows = allocate(width * rowVectors);
  from = allocate(2 * std::max(steps, match.outputs));
  to = allocate(2 * std::max(steps, match.outputs));
  int64_t largest =
      factors.empty() ? 1 : *std::max_element(factors.begin(), factors.end());
  if (largest > kMaxButterfly) {
    sums = allocate(largest + 1);
    differences = allocate(largest + 1);
  }
  Value lanes = index.constant(width);
  kernel.emitTiles(index.ceilDiv(count, lanes), [&](Value tile) {
    Value first = index.mul(tile, lanes);
    Value here = index.min(index.sub(count, first), lanes);
    Value begin = from, other = to;
    loadRows(first, here);
    transposeIn();
    int64_t before = 1;
    for (int64_t factor : factors) {
      emitStep(before, factor);
      std::swap(from, to);
      before *= factor;
    }
    if (isPacked) {
      unpack();
      std::swap(from, to);
    }
    transposeOut(first, here);
    from = begin;
    to = other;
  });
}

LogicalResult mlir::dl::cpu::emitFourierKernel(KernelFunction &kernel) {
  std::optional<FourierMatch> match = FourierMatch::match(kernel.source);
  if (!match)
    return failure();
  FourierEmitter(kernel, *match).run();
  return success(!kernel.emitter.failed());
}
