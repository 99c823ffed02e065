// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/ptx/AttentionRows.h"
#include "codegen/ptx/MatrixOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ::dl::ptx;
using ::dl::gpucode::OnlineAttention;
using mlir::dl::cpu::Buffer;
using mlir::dl::cpu::Contraction;
using mlir::dl::cpu::ElementEmitter;
using mlir::dl::cpu::LaneIndex;
using mlir::dl::cpu::Position;

static constexpr int64_t kWarp = 32, kColumns = MatrixOps::kColumns;

AttentionRows::AttentionRows(::dl::gpucode::StageFunction &stage,
                             const OnlineAttention &attention)
    : emitter(stage.emitter), index(emitter.index), builder(emitter.builder),
      loc(emitter.loc), attention(attention), pairs(builder, loc, 2) {
  const Contraction &scores = attention.scores;
  rowCount = emitter.loopSize(scores.op, scores.rows[0]);
  keyCount = emitter.loopSize(scores.op, scores.lanes[0]);
}

void AttentionRows::begin(Value lane) {
  this->lane = lane;
  pairs.buffers = emitter.buffers;
  pairs.scalars = emitter.scalars;
}

void AttentionRows::moveTo(Value firstRow, ArrayRef<LaneIndex> at) {
  this->firstRow = firstRow;
  position.assign(at.begin(), at.end());
}

AttentionRows::State AttentionRows::start() {
  State state;
  state.maxima.assign(2,
                      constantFloat(-std::numeric_limits<float>::infinity()));
  state.sums.assign(2, constantFloat(0));
  return state;
}

Value AttentionRows::constantFloat(float value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getF32FloatAttr(value));
}

/// ex2.approx: two units in the last place, of a number that is rounded to 8 or
/// 11 bits.
Value AttentionRows::exp2(Value value) {
  Type f32 = builder.getF32Type();
  return LLVM::InlineAsmOp::create(
             builder, loc, f32, ValueRange{value}, "ex2.approx.ftz.f32 $0, $1;",
             "=f,f", /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::tailcallkind::TailCallKind::None,
             LLVM::AsmDialectAttr::get(builder.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

Value AttentionRows::combineRow(Value value,
                                function_ref<Value(Value, Value)> combine) {
  auto toInt = [&](int32_t number) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI32IntegerAttr(number));
  };
  for (int32_t distance : {1, 2}) {
    Value other = NVVM::ShflOp::create(builder, loc, value.getType(), toInt(-1),
                                       value, toInt(distance), toInt(kWarp - 1),
                                       NVVM::ShflKind::bfly, UnitAttr());
    value = combine(value, other);
  }
  return value;
}

Value AttentionRows::getRow(int64_t half) {
  return index.add(firstRow,
                   index.add(index.div(lane, constant(4)), constant(half * 8)));
}

Value AttentionRows::countSeen(Value end) {
  if (!attention.reach)
    return keyCount;
  Value last = index.add(end, constant(*attention.reach));
  return arith::MaxSIOp::create(
      builder, loc, arith::MinSIOp::create(builder, loc, keyCount, last),
      constant(0));
}

/// What follows the product for one score; minus infinity where there is no
/// such key.
Value AttentionRows::finishLogit(Value score, Value row, Value key,
                                 int64_t keyLines) {
  ElementEmitter::Scope scope(emitter);
  Position at = position;
  size_t rank = at.size();
  auto clamp = [&](Value number, Value count) {
    return index.uniform(index.min(number, index.sub(count, constant(1))));
  };
  at[rank - 2] = clamp(row, rowCount);
  at[rank - 1] = clamp(key, keyCount);
  emitter.remember(attention.scores.op->getResult(0), at, {score, false});
  Value logit = emitter.read(attention.logits, at).value;
  if (!logit)
    return score; // was reported
  if (logit.getType() != builder.getF32Type())
    logit = arith::ExtFOp::create(builder, loc, builder.getF32Type(), logit);
  auto known = index.getConstant(keyCount);
  if (known && *known % keyLines == 0)
    return logit;
  return arith::SelectOp::create(
      builder, loc, index.less(key, keyCount), logit,
      constantFloat(-std::numeric_limits<float>::infinity()));
}

AttentionRows::Values AttentionRows::weigh(State &state, Values &weights,
                                           Value firstKey, int64_t keyLines) {
  constexpr float kLog2E = 1.44269504f;
  Value pair = index.mul(index.rem(lane, constant(4)), constant(2));
  for (auto [i, score] : llvm::enumerate(weights)) {
    auto number = static_cast<int64_t>(i);
    Value key = index.add(
        firstKey,
        index.add(pair, constant(number / 4 * kColumns + number % 2)));
    score = finishLogit(score, getRow(number % 4 / 2), key, keyLines);
  }
  Value log2e = constantFloat(kLog2E), zero = constantFloat(0);
  Value lowest = constantFloat(-std::numeric_limits<float>::infinity());
  Values factors;
  for (size_t half = 0; half < 2; ++half) {
    auto maximum = [&](Value a, Value b) -> Value {
      return arith::MaxNumFOp::create(builder, loc, a, b);
    };
    Value most = weights[2 * half];
    for (size_t i = 0; i < weights.size(); ++i)
      if (i % 4 / 2 == half)
        most = maximum(most, weights[i]);
    most = maximum(state.maxima[half], combineRow(most, maximum));
    // A row that has seen no key yet that counts.
    Value isNone = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OEQ, most, lowest);
    // The difference first: of a mask's lowest finite number, the product with
    // log2(e) alone would be infinite.
    Value base = arith::SelectOp::create(builder, loc, isNone, zero, most);
    auto power = [&](Value logit) {
      Value above = arith::SubFOp::create(builder, loc, logit, base);
      return exp2(arith::MulFOp::create(builder, loc, above, log2e));
    };
    Value factor = power(state.maxima[half]);
    Value sum = arith::MulFOp::create(builder, loc, state.sums[half], factor);
    for (size_t i = 0; i < weights.size(); ++i)
      if (i % 4 / 2 == half) {
        weights[i] = power(weights[i]);
        sum = arith::AddFOp::create(builder, loc, sum, weights[i]);
      }
    state.maxima[half] = most;
    state.sums[half] = sum;
    factors.push_back(factor);
  }
  return factors;
}

void AttentionRows::finish(const State &state, ArrayRef<Value> mixed,
                           int64_t width, Value result, const Buffer &buffer) {
  const Contraction &mix = attention.mix;
  linalg::GenericOp op = mix.op;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto add = [&](Value a, Value b) -> Value {
    return arith::AddFOp::create(builder, loc, a, b);
  };
  Value pair = index.mul(index.rem(lane, constant(4)), constant(2));
  for (int64_t half = 0; half < 2; ++half) {
    Value inverse = arith::DivFOp::create(
        builder, loc, constantFloat(1),
        combineRow(state.sums[static_cast<size_t>(half)], add));
    // Without keys, the sums are empty.
    if (!index.getConstant(keyCount))
      inverse = arith::SelectOp::create(builder, loc,
                                        index.less(constant(0), keyCount),
                                        inverse, constantFloat(0));
    Value row = getRow(half);
    auto branch = scf::IfOp::create(builder, loc, index.less(row, rowCount),
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(branch.thenYield());
    for (int64_t n = 0; n < width; n += kColumns) {
      ElementEmitter::Scope scope(pairs);
      auto at = static_cast<size_t>(n / kColumns * 4 + half * 2);
      Value both = vector::FromElementsOp::create(
          builder, loc, VectorType::get({2}, builder.getF32Type()),
          ValueRange{
              arith::MulFOp::create(builder, loc, mixed[at], inverse),
              arith::MulFOp::create(builder, loc, mixed[at + 1], inverse)});
      Position dims = attention.getDims(mix, position);
      dims[mix.rows[0]] = index.uniform(row);
      dims[mix.lanes[0]] = index.uniform(index.add(pair, constant(n)));
      dims[mix.lanes[0]].stride = 1;
      Position to = pairs.mapPosition(map, dims);
      pairs.remember(op->getResult(0), to, {both, true});
      pairs.write(buffer, to, pairs.read(result, to));
    }
  }
}
