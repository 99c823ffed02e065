// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/Arithmetic.h"
#include "frontend/import/Families.h"
#include "frontend/import/Strings.h"

namespace frontend = dl::frontend;
using namespace dl::frontend;
using namespace mlir;
using namespace mlir::dl;

//===----------------------------------------------------------------------===//
// Operators that are one op
//===----------------------------------------------------------------------===//

template <class Op> static LogicalResult importUnary(NodeContext &context) {
  return context.setResults(context.create<Op>(context.input(0)));
}

template <class Op> static LogicalResult importBinary(NodeContext &context) {
  return context.setResults(
      Arithmetic(context).apply<Op>(context.input(0), context.input(1)));
}

/// Of any number of operands, from left to right.
template <class Op> static LogicalResult importVariadic(NodeContext &context) {
  Arithmetic math(context);
  Value result = context.input(0);
  for (size_t i = 1, e = context.numInputs(); i < e; ++i)
    result = math.apply<Op>(result, context.input(i));
  return context.setResults(result);
}

template <Predicate predicate>
static LogicalResult importCompare(NodeContext &context) {
  return context.setResults(Arithmetic(context).compare(
      predicate, context.input(0), context.input(1)));
}

static LogicalResult importIdentity(NodeContext &context) {
  return context.setResults(context.input(0));
}

//===----------------------------------------------------------------------===//
// Operators with forms of their own
//===----------------------------------------------------------------------===//

static LogicalResult importMean(NodeContext &context) {
  Arithmetic math(context);
  Value sum = context.input(0);
  for (size_t i = 1, e = context.numInputs(); i < e; ++i)
    sum = math.add(sum, context.input(i));
  return context.setResults(
      context.numInputs() == 1
          ? sum
          : math.div(sum, static_cast<double>(context.numInputs())));
}

static LogicalResult importMod(NodeContext &context) {
  return context.setResults(Arithmetic(context).apply<ModOp>(
      context.input(0), context.input(1),
      context.builder.getBoolAttr(context.getInt("fmod", 0) != 0)));
}

/// The number that all elements of a small constant have.
static std::optional<double> getSplat(NodeContext &context, Value value) {
  std::optional<SmallVector<double>> floats = context.floatValues(value);
  if (std::optional<SmallVector<int64_t>> ints = context.intValues(value))
    floats = SmallVector<double>(ints->begin(), ints->end());
  if (!floats || floats->empty() || !llvm::all_equal(*floats))
    return std::nullopt;
  return floats->front();
}

static LogicalResult importPow(NodeContext &context) {
  Arithmetic math(context);
  Value base = context.input(0), exponent = context.input(1);
  Type type = NodeContext::elementType(base);
  Type exponentType = NodeContext::elementType(exponent);
  std::optional<double> number = getSplat(context, exponent);
  bool isScalar = NodeContext::rank(exponent) == 0 ||
                  (NodeContext::rank(exponent) <= NodeContext::rank(base) &&
                   NodeContext::type(exponent).hasStaticShape() &&
                   NodeContext::type(exponent).getNumElements() == 1);
  if (number && isScalar) {
    if (*number == 1)
      return context.setResults(base);
    if (*number == 2)
      return context.setResults(math.square(base));
    if (*number == 3)
      return context.setResults(math.mul(math.square(base), base));
  }
  // The result has the type of the base.
  if (isa<FloatType>(type) || isa<IntegerType>(exponentType))
    return context.setResults(math.pow(base, context.cast(exponent, type)));
  return context.setResults(
      context.cast(math.pow(context.cast(base, exponentType), exponent), type));
}

static LogicalResult importBitShift(NodeContext &context) {
  std::string direction = context.getString("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return context.invalid("direction is '" + Twine(direction) +
                           "', expected LEFT or RIGHT");
  return direction == "LEFT" ? importBinary<ShlOp>(context)
                             : importBinary<ShrOp>(context);
}

static LogicalResult importIsInf(NodeContext &context) {
  Value x = context.input(0);
  return context.setResults(
      context.create<IsInfOp>(x, context.getInt("detect_positive", 1) != 0,
                              context.getInt("detect_negative", 1) != 0));
}

static LogicalResult importWhere(NodeContext &context) {
  return context.setResults(Arithmetic(context).select(
      context.input(0), context.input(1), context.input(2)));
}

/// A float as a power of two (f8E8M0FNU): the exponent of its f32 form, of
/// which the fraction is rounded; the sign is dropped, and a zero is the least
/// power.
static Value buildPowerOfTwo(NodeContext &context, Value x, bool saturate,
                             StringRef mode) {
  Arithmetic math(context);
  Type f32 = context.builder.getF32Type(), i32 = context.builder.getI32Type();
  Value bits = context.create<BitcastOp>(
      mlir::dl::withElementType(NodeContext::type(x), i32),
      context.cast(x, f32));
  auto field = [&](int64_t shift, int64_t mask) {
    Value shifted =
        context.create<ShrOp>(bits, context.splat(double(shift), i32));
    return context.create<AndOp>(shifted, context.splat(double(mask), i32));
  };
  auto above = [&](Value value, double limit) {
    return context.create<CompareOp>(Predicate::Gt, value,
                                     context.splat(limit, i32));
  };
  Value exponent = field(23, 0xff), fraction = field(0, 0x7fffff);
  Value isSpecial = above(exponent, 0xfe);
  Value roundsUp;
  if (mode == "up") {
    roundsUp = above(fraction, 0);
  } else if (mode == "nearest") {
    // Ties go up, but from the least power.
    Value limit = context.create<SelectOp>(above(exponent, 0),
                                           context.splat(0x3fffff, i32),
                                           context.splat(0x400000, i32));
    roundsUp = context.create<CompareOp>(Predicate::Gt, fraction, limit);
  } else if (mode != "down") {
    (void)context.invalid("round_mode is none of 'up', 'down' and 'nearest'");
    return Value();
  }
  if (roundsUp) {
    Value next = math.add(exponent, context.cast(roundsUp, i32));
    exponent = saturate ? math.min(next, 0xfe) : next;
  }
  Value code =
      context.create<SelectOp>(isSpecial, context.splat(0xff, i32), exponent);
  Type ui8 = context.builder.getIntegerType(8, /*isSigned=*/false);
  Value byte = context.cast(code, ui8);
  if (!byte)
    return Value();
  return context.create<BitcastOp>(
      mlir::dl::withElementType(
          NodeContext::type(byte),
          Float8E8M0FNUType::get(context.builder.getContext())),
      byte);
}

/// What Cast does, by its attributes.
static Value buildCast(NodeContext &context, Value x, Type type) {
  bool saturate = context.getInt("saturate", 1) != 0;
  if (!x || !type || NodeContext::elementType(x) == type)
    return type ? x : Value();
  if (isa<StringType>(type))
    return castToString(context, x);
  if (isString(x)) {
    // Narrow floats have attributes of their own.
    bool isNarrow = isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 16;
    Value number = castFromString(
        context, x, isNarrow ? context.builder.getF32Type() : type);
    return isNarrow ? buildCast(context, number, type) : number;
  }
  if (isa<Float8E8M0FNUType>(type))
    return buildPowerOfTwo(context, x, saturate,
                           context.getString("round_mode", "up"));
  return context.create<CastOp>(
      mlir::dl::withElementType(NodeContext::type(x), type), x, saturate);
}

static LogicalResult importCast(NodeContext &context) {
  return context.setResults(buildCast(
      context, context.input(0),
      context.getElementType(static_cast<int32_t>(context.getInt("to", 0)))));
}

static LogicalResult importCastLike(NodeContext &context) {
  return context.setResults(buildCast(
      context, context.input(0), NodeContext::elementType(context.input(1))));
}

static LogicalResult importBitCast(NodeContext &context) {
  Value x = context.input(0);
  Type type =
      context.getElementType(static_cast<int32_t>(context.getInt("to", 0)));
  if (!x || !type)
    return failure();
  Type from = NodeContext::elementType(x);
  // A bool is the byte 0 or 1.
  if (from == type || from.isInteger(1) || type.isInteger(1))
    return context.setResults(context.cast(x, type));
  return context.setResults(context.create<BitcastOp>(
      mlir::dl::withElementType(NodeContext::type(x), type), x));
}

static LogicalResult importDropout(NodeContext &context) {
  Value x = context.input(0);
  Value training = context.input(2);
  if (training && !context.isEvaluation()) {
    std::optional<SmallVector<int64_t>> mode = context.intValues(training);
    std::optional<SmallVector<double>> ratio =
        context.floatValues(context.input(1));
    bool dropsNothing = ratio && !ratio->empty() && ratio->front() == 0;
    bool isOff = mode && (mode->empty() || !mode->front());
    if (!isOff && !dropsNothing)
      return importTrainingDropout(
          context, x,
          ratio && !ratio->empty()
              ? context.splat(ratio->front(), context.builder.getF32Type())
              : context.input(1),
          training);
  }
  SmallVector<Value> results = {x};
  if (context.hasOutput(1))
    results.push_back(context.broadcast(
        context.splat(1, context.builder.getI1Type()), NodeContext::dims(x)));
  return context.setResults(results);
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

void frontend::addElementwiseRules(RuleTable &table) {
  const std::pair<StringRef, ImportRule> rules[] = {
      {"Abs", importUnary<AbsOp>},
      {"Acos", importUnary<AcosOp>},
      {"Acosh", importUnary<AcoshOp>},
      {"Add", importBinary<AddOp>},
      {"And", importBinary<AndOp>},
      {"Asin", importUnary<AsinOp>},
      {"Asinh", importUnary<AsinhOp>},
      {"Atan", importUnary<AtanOp>},
      {"Atanh", importUnary<AtanhOp>},
      {"BitShift", importBitShift},
      {"BitwiseAnd", importBinary<AndOp>},
      {"BitCast", importBitCast},
      {"BitwiseNot", importUnary<NotOp>},
      {"BitwiseOr", importBinary<OrOp>},
      {"BitwiseXor", importBinary<XorOp>},
      {"Cast", importCast},
      {"CastLike", importCastLike},
      {"Ceil", importUnary<CeilOp>},
      {"Cos", importUnary<CosOp>},
      {"Cosh", importUnary<CoshOp>},
      {"Div", importBinary<DivOp>},
      {"Dropout", importDropout},
      {"Equal", importCompare<Predicate::Eq>},
      {"Erf", importUnary<ErfOp>},
      {"Exp", importUnary<ExpOp>},
      {"Floor", importUnary<FloorOp>},
      {"Greater", importCompare<Predicate::Gt>},
      {"GreaterOrEqual", importCompare<Predicate::Ge>},
      {"Identity", importIdentity},
      {"IsInf", importIsInf},
      {"IsNaN", importUnary<IsNanOp>},
      {"Less", importCompare<Predicate::Lt>},
      {"LessOrEqual", importCompare<Predicate::Le>},
      {"Log", importUnary<LogOp>},
      {"Max", importVariadic<MaxOp>},
      {"Mean", importMean},
      {"Min", importVariadic<MinOp>},
      {"Mod", importMod},
      {"Mul", importBinary<MulOp>},
      {"Neg", importUnary<NegOp>},
      {"Not", importUnary<NotOp>},
      {"Or", importBinary<OrOp>},
      {"Pow", importPow},
      {"Reciprocal", importUnary<ReciprocalOp>},
      {"Round", importUnary<RoundOp>},
      {"Sigmoid", importUnary<SigmoidOp>},
      {"Sign", importUnary<SignOp>},
      {"Sin", importUnary<SinOp>},
      {"Sinh", importUnary<SinhOp>},
      {"Sqrt", importUnary<SqrtOp>},
      {"Sub", importBinary<SubOp>},
      {"Sum", importVariadic<AddOp>},
      {"Tan", importUnary<TanOp>},
      {"Tanh", importUnary<TanhOp>},
      {"Where", importWhere},
      {"Xor", importBinary<XorOp>},
  };
  for (auto [op, rule] : rules)
    table.add(op, rule);
  addActivationRules(table);
  addOptimizerRules(table);
  addRandomRules(table);
  addStringRules(table);
}
