// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/cpu/ContractionRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dl::cpu;

//===----------------------------------------------------------------------===//
// Expressions that are sums
//===----------------------------------------------------------------------===//

/// Adds `factor * expr` to the coefficients of the dimensions and the constant,
/// the last element; false where the expression is no sum.
static bool addTerms(AffineExpr expr, int64_t factor,
                     MutableArrayRef<int64_t> sum) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return sum[dim.getPosition()] += factor, true;
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return sum.back() += factor * constant.getValue(), true;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  if (binary.getKind() == AffineExprKind::Add)
    return addTerms(binary.getLHS(), factor, sum) &&
           addTerms(binary.getRHS(), factor, sum);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && constant &&
         addTerms(binary.getLHS(), factor * constant.getValue(), sum);
}

std::optional<SmallVector<int64_t>> mlir::dl::cpu::getSum(AffineExpr expr,
                                                          unsigned dims) {
  SmallVector<int64_t> sum(dims + 1, 0);
  return addTerms(expr, 1, sum) ? std::optional(sum) : std::nullopt;
}

/// That of each result of the map; nothing where one is no sum.
static std::optional<SmallVector<SmallVector<int64_t>>> getSums(AffineMap map) {
  SmallVector<SmallVector<int64_t>> sums;
  for (AffineExpr expr : map.getResults()) {
    auto sum = getSum(expr, map.getNumDims());
    if (!sum)
      return std::nullopt;
    sums.push_back(std::move(*sum));
  }
  return sums;
}

//===----------------------------------------------------------------------===//
// Memory as it is
//===----------------------------------------------------------------------===//

/// The op that makes floats of all bytes of a tensor, where nothing else makes
/// this one; null where it is another tensor.
static Operation *getByteConversion(Value tensor) {
  auto generic = tensor.getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumDpsInputs() != 1 ||
      !getElementTypeOrSelf(generic.getDpsInputOperand(0)->get())
           .isInteger(8) ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return nullptr;
  Operation *end = generic.getBody()->getTerminator();
  Operation *op = end->getOperand(0).getDefiningOp();
  return isa_and_nonnull<arith::SIToFPOp, arith::UIToFPOp>(op) &&
                 op->getOperand(0) == generic.getBody()->getArgument(0)
             ? op
             : nullptr;
}

std::optional<LinearAccess>
mlir::dl::cpu::getLinearAccess(KernelFunction &kernel, linalg::GenericOp op,
                               OpOperand *operand, Operation **conversion,
                               bool withoutBorder) {
  IndexBuilder &index = kernel.emitter.index;
  auto sums = getSums(op.getMatchingIndexingMap(operand));
  if (!sums)
    return std::nullopt;
  unsigned loops = op.getNumLoops();
  // Each position of the tensor at hand, as a sum over the loops.
  SmallVector<SmallVector<Value>> positions;
  for (ArrayRef<int64_t> sum : *sums)
    positions.push_back(llvm::map_to_vector(
        sum, [&](int64_t value) { return index.constant(value); }));
  Value tensor = operand->get();
  if (conversion && (*conversion = getByteConversion(tensor)))
    tensor = cast<linalg::GenericOp>(tensor.getDefiningOp())
                 .getDpsInputOperand(0)
                 ->get();
  if (auto pad = tensor.getDefiningOp<tensor::PadOp>(); pad && withoutBorder) {
    for (auto [position, low] : llvm::zip(positions, pad.getMixedLowPad()))
      position.back() =
          index.sub(position.back(), index.constant(*getConstantIntValue(low)));
    tensor = pad.getSource();
  }
  while (auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
    auto toValue = [&](OpFoldResult mixed) {
      if (auto constant = getConstantIntValue(mixed))
        return index.constant(*constant);
      return kernel.emitter.scalar(cast<Value>(mixed));
    };
    SmallVector<SmallVector<Value>> next;
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    unsigned kept = 0;
    for (int64_t d = 0; d < slice.getSourceType().getRank(); ++d) {
      Value offset = toValue(slice.getMixedOffsets()[d]);
      Value stride = toValue(slice.getMixedStrides()[d]);
      if (dropped.test(d)) {
        next.emplace_back(loops + 1, index.constant(0));
      } else {
        next.push_back(positions[kept++]);
        for (Value &term : next.back())
          term = index.mul(term, stride);
      }
      next.back().back() = index.add(next.back().back(), offset);
    }
    positions = std::move(next);
    tensor = slice.getSource();
  }
  auto found = kernel.emitter.buffers.find(tensor);
  if (found == kernel.emitter.buffers.end())
    return std::nullopt;
  const Buffer &buffer = found->second;
  LinearAccess access;
  access.memory = buffer.memory;
  SmallVector<Value> terms(loops + 1, index.constant(0));
  Value stride = index.constant(1);
  for (size_t d = positions.size(); d-- > 0;) {
    if (!buffer.strides.empty())
      stride = buffer.strides[d];
    for (auto [term, part] : llvm::zip(terms, positions[d]))
      term = index.add(term, index.mul(part, stride));
    if (buffer.strides.empty())
      stride = index.mul(stride, buffer.sizes[d]);
  }
  access.base = terms.pop_back_val();
  if (buffer.offset)
    access.base = index.add(access.base, buffer.offset);
  access.strides = std::move(terms);
  return access;
}

bool LinearAccess::liesAlong(unsigned loop) const {
  return IndexBuilder::getConstant(strides[loop]) == 1;
}

Value LinearAccess::getBase(IndexBuilder &index, ArrayRef<unsigned> loops,
                            ArrayRef<LaneIndex> dims) const {
  Value result = base;
  for (unsigned d : loops)
    result = index.add(result, index.mul(dims[d].base, strides[d]));
  return result;
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

bool StagedOperand::isPossible(linalg::GenericOp op, OpOperand *operand) {
  auto sums = getSums(op.getMatchingIndexingMap(operand));
  // Positions grow with the loops, so that a box reads a box.
  return sums && llvm::all_of(*sums, [](ArrayRef<int64_t> sum) {
           return llvm::all_of(sum, [](int64_t v) { return v >= 0; });
         });
}

bool StagedOperand::liesAlong(linalg::GenericOp op, OpOperand *operand,
                              unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  return map.getNumResults() &&
         map.getResults().back() == getAffineDimExpr(loop, op.getContext()) &&
         isPossible(op, operand);
}

std::optional<int64_t> mlir::dl::cpu::getBytesRead(linalg::GenericOp op,
                                                   OpOperand *operand,
                                                   ArrayRef<int64_t> extents) {
  auto sums = getSums(op.getMatchingIndexingMap(operand));
  if (!sums)
    return std::nullopt;
  int64_t bytes = llvm::divideCeil(
      getElementTypeOrSelf(operand->get()).getIntOrFloatBitWidth(), 8);
  for (ArrayRef<int64_t> sum : *sums) {
    int64_t size = 1;
    for (auto [factor, extent] : llvm::zip(sum.drop_back(), extents))
      size += std::abs(factor) * (extent - 1);
    bytes *= size;
  }
  return bytes;
}

/// The size of the box of the operand that a box of loops reads.
static SmallVector<Value> getSizesRead(IndexBuilder &index,
                                       linalg::GenericOp op, OpOperand *operand,
                                       ArrayRef<Value> extent) {
  SmallVector<Value> sizes;
  Value one = index.constant(1);
  auto sums = getSums(op.getMatchingIndexingMap(operand));
  for (ArrayRef<int64_t> sum : *sums) {
    Value size = one;
    for (auto [d, factor] : llvm::enumerate(sum.drop_back()))
      if (factor)
        size = index.add(
            size, index.mul(index.sub(extent[d], one), index.constant(factor)));
    sizes.push_back(size);
  }
  return sizes;
}

StagedOperand::StagedOperand(KernelFunction &kernel, linalg::GenericOp op,
                             OpOperand *operand, ArrayRef<Value> extent,
                             int64_t group)
    : kernel(kernel), op(op), operand(operand) {
  IndexBuilder &index = kernel.emitter.index;
  buffer.sizes = getSizesRead(index, op, operand, extent);
  Value stride = index.constant(1);
  buffer.strides.resize(buffer.sizes.size());
  for (size_t d = buffer.sizes.size(); d-- > 0;) {
    buffer.strides[d] = stride;
    Value size = buffer.sizes[d];
    if (group > 1 && d + 1 == buffer.sizes.size())
      size = index.mul(index.ceilDiv(size, index.constant(group)),
                       index.constant(group));
    stride = index.mul(stride, size);
  }
  elements = stride;
  auto last = IndexBuilder::getConstant(buffer.sizes.back());
  auto between =
      buffer.sizes.size() > 1
          ? IndexBuilder::getConstant(buffer.strides[buffer.sizes.size() - 2])
          : std::nullopt;
  mayInterleave = last && between && (*between == 2 || *between == 4) &&
                  *last > 1 && kernel.emitter.width() > 1;
  buffer.memory = kernel.allocateScratch(
      cast<ShapedType>(operand->get().getType()).getElementType(), stride);
  access.memory = buffer.memory;
  auto sums = getSums(op.getMatchingIndexingMap(operand));
  for (unsigned d = 0; d < op.getNumLoops(); ++d) {
    Value sum = index.constant(0);
    for (auto [j, terms] : llvm::enumerate(*sums))
      if (terms[d])
        sum = index.add(sum,
                        index.mul(buffer.strides[j], index.constant(terms[d])));
    access.strides.push_back(sum);
  }
}

void StagedOperand::clear() { kernel.clear(buffer.memory, elements); }

/// Copies with lanes along the last dimension but one: of the last one, whose
/// elements in the copy are two or four, all vectors are interleaved and stored
/// as they lie.
void StagedOperand::copyInterleaved(const Position &start,
                                    ArrayRef<Value> sizes) {
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  OpBuilder &builder = kernel.builder;
  Location loc = kernel.loc;
  size_t along = sizes.size() - 2;
  int64_t count = *IndexBuilder::getConstant(sizes.back());
  int64_t stored = *IndexBuilder::getConstant(buffer.strides[along]);
  Type element = cast<MemRefType>(buffer.memory.getType()).getElementType();
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(emitter.vectorType(element)));
  std::function<void(size_t, Position, Value)> nest =
      [&](size_t d, Position from, Value to) {
        if (d < along) {
          emitLoop(builder, loc, index.constant(0), sizes[d], index.constant(1),
                   {}, [&](Value at, ValueRange) -> SmallVector<Value> {
                     ElementEmitter::Scope scope(emitter);
                     from[d] = index.uniform(index.add(start[d].base, at));
                     nest(d + 1, from,
                          index.add(to, index.mul(at, buffer.strides[d])));
                     return {};
                   });
          return;
        }
        emitter.emitLanes(index.constant(0), sizes[along], [&](Value at) {
          from[along] = index.uniform(index.add(start[along].base, at));
          from[along].stride = 1;
          SmallVector<Value> vectors;
          for (int64_t i = 0; i < stored; ++i) {
            from.back() =
                index.uniform(index.add(start.back().base, index.constant(i)));
            vectors.push_back(
                i < count ? emitter.toVector(emitter.read(operand->get(), from))
                          : zero);
          }
          auto interleave = [&](Value a, Value b) -> Value {
            return vector::InterleaveOp::create(builder, loc, a, b);
          };
          Value all = stored == 2
                          ? interleave(vectors[0], vectors[1])
                          : interleave(interleave(vectors[0], vectors[2]),
                                       interleave(vectors[1], vectors[3]));
          Value place = index.add(to, index.mul(at, index.constant(stored)));
          if (!emitter.mask) {
            vector::StoreOp::create(builder, loc, all, buffer.memory,
                                    ValueRange{place});
            return;
          }
          Value left =
              index.mul(index.sub(sizes[along], at), index.constant(stored));
          Value mask = vector::CreateMaskOp::create(
              builder, loc,
              VectorType::get({stored * emitter.width()}, builder.getI1Type()),
              ValueRange{left});
          vector::MaskedStoreOp::create(builder, loc, buffer.memory,
                                        ValueRange{place}, mask, all);
        });
      };
  nest(0, Position(sizes.size()), index.constant(0));
}

void StagedOperand::place(const LoopBox &box) {
  IndexBuilder &index = kernel.emitter.index;
  access.base = index.constant(0);
  for (unsigned d = 0; d < op.getNumLoops(); ++d)
    access.base =
        index.sub(access.base, index.mul(box.lower[d], access.strides[d]));
}

void StagedOperand::copy(const LoopBox &box) {
  ElementEmitter &emitter = kernel.emitter;
  IndexBuilder &index = emitter.index;
  SmallVector<Value> sizes = getSizesRead(index, op, operand, box.extent);
  // Where the box starts in the operand.
  Position lower = llvm::map_to_vector<6>(
      box.lower, [&](Value value) { return index.uniform(value); });
  Position start =
      emitter.mapPosition(op.getMatchingIndexingMap(operand), lower);
  // Lanes run along the last dimension; where that is short, along the one
  // before, and the last one is outside of it.
  SmallVector<size_t> order =
      llvm::to_vector(llvm::seq<size_t>(0, sizes.size()));
  auto last = IndexBuilder::getConstant(sizes.back());
  if (sizes.size() > 1 && last && *last > 1 && *last < emitter.width() / 2)
    std::swap(order[order.size() - 1], order[order.size() - 2]);
  if (mayInterleave && order.back() + 2 == sizes.size())
    return copyInterleaved(start, sizes);
  Position from(sizes.size()), to(sizes.size());
  auto move = [&](size_t d, Value i, int64_t stride) {
    from[d] = index.uniform(index.add(start[d].base, i));
    to[d] = index.uniform(i);
    from[d].stride = to[d].stride = stride;
  };
  auto moveElements = [&] {
    emitter.write(buffer, to, emitter.read(operand->get(), from));
  };
  std::function<void(size_t)> nest = [&](size_t i) {
    if (i == order.size())
      return moveElements();
    size_t d = order[i];
    if (i + 1 == order.size() && IndexBuilder::getConstant(sizes[d]) != 1)
      return emitter.emitLanes(index.constant(0), sizes[d], [&](Value at) {
        move(d, at, 1);
        moveElements();
      });
    emitLoop(kernel.builder, kernel.loc, index.constant(0), sizes[d],
             index.constant(1), {},
             [&](Value at, ValueRange) -> SmallVector<Value> {
               ElementEmitter::Scope scope(emitter);
               move(d, at, 0);
               nest(i + 1);
               return {};
             });
  };
  nest(0);
}
