// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/gpu/CompressWeights.h"
#include "codegen/gpu/ContractionTile.h"
#include "codegen/gpu/PanelTile.h"
#include "codegen/gpu/WeightFloats.h"
#include "codegen/gpu/WeightPairs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "passes/lower/SparseMatmulForm.h"

using namespace mlir;
using namespace ::dl::gpucode;
using mlir::dl::DispatchOp;
using mlir::dl::WeightMatrix;
using mlir::dl::WeightPanels;
using mlir::dl::cpu::Contraction;

namespace {

/// A product of a kernel with a matrix that it is given.
struct Product {
  Contraction contraction;
  BlockArgument weight;
  unsigned row, column; ///< loops of the matrix: contracted, of the result
  bool isTransposed;    ///< the matrix lies [column, row]
};

/// A dispatch, and the matrix [row, column] that it gives.
struct Use {
  DispatchOp op;
  WeightMatrix matrix;
};

class Compressor {
public:
  Compressor(ModuleOp module, const CompressionForms &forms)
      : module(module), symbols(module), forms(forms),
        builder(module.getContext()) {}

  LogicalResult run();

private:
  std::optional<Product> findProduct(const Contraction &contraction);
  SmallVector<Use> findUses(func::FuncOp kernel, const Product &product);
  /// The uses whose weight has that form, and these forms.
  template <typename Form>
  std::pair<SmallVector<Use>, std::vector<Form>>
  findForms(func::FuncOp kernel, const Product &product) {
    std::pair<SmallVector<Use>, std::vector<Form>> found;
    for (Use &use : findUses(kernel, product))
      if (auto form = Form::find(use.matrix)) {
        found.first.push_back(use);
        found.second.push_back(std::move(*form));
      }
    return found;
  }
  bool tryPairs(func::FuncOp kernel, const Product &product);
  bool tryPanels(func::FuncOp kernel, const Product &product);
  bool tryFloats(func::FuncOp kernel, const Product &product);
  func::FuncOp separate(func::FuncOp kernel, ArrayRef<Use> uses);
  void addPairs(func::FuncOp kernel, const Product &product, ArrayRef<Use> uses,
                ArrayRef<WeightPairs> pairs);
  void addPanels(func::FuncOp kernel, const Product &product,
                 ArrayRef<Use> uses, ArrayRef<WeightPanels> panels);
  void addFloats(func::FuncOp kernel, const Product &product,
                 ArrayRef<Use> uses, ArrayRef<WeightFloats> floats);
  void replaceArgument(func::FuncOp kernel, unsigned number,
                       ArrayRef<RankedTensorType> types);
  static void replaceOperand(DispatchOp op, unsigned number, ValueRange values);

  ModuleOp module;
  SymbolTable symbols;
  const CompressionForms &forms;
  OpBuilder builder;
  llvm::StringMap<SmallVector<DispatchOp>> dispatches;
};

} // namespace

std::optional<Product> Compressor::findProduct(const Contraction &contraction) {
  linalg::GenericOp op = contraction.op;
  auto weight = dyn_cast<BlockArgument>(contraction.laneSide->get());
  SmallVector<unsigned> columns = getColumnLoops(contraction);
  if (!weight || !weight.hasOneUse() || columns.size() != 1 ||
      contraction.reduced.size() != 1 ||
      !cast<ShapedType>(weight.getType()).hasStaticShape())
    return std::nullopt;
  unsigned row = contraction.reduced[0], column = columns[0];
  AffineMap map = op.getMatchingIndexingMap(contraction.laneSide);
  auto isMap = [&](unsigned first, unsigned second) {
    return map == AffineMap::get(op.getNumLoops(), 0,
                                 {builder.getAffineDimExpr(first),
                                  builder.getAffineDimExpr(second)},
                                 op.getContext());
  };
  if (!isMap(row, column) && !isMap(column, row))
    return std::nullopt;
  return Product{contraction, weight, row, column, isMap(column, row)};
}

SmallVector<Use> Compressor::findUses(func::FuncOp kernel,
                                      const Product &product) {
  SmallVector<Use> uses;
  for (DispatchOp op : dispatches[kernel.getName()])
    if (auto matrix = mlir::dl::readWeight(
            op->getOperand(product.weight.getArgNumber()))) {
      if (product.isTransposed) {
        std::swap(matrix->rows, matrix->columns);
        std::swap(matrix->rowStride, matrix->columnStride);
      }
      uses.push_back({op, *matrix});
    }
  return uses;
}

/// The kernel that `uses` alone dispatch: the same, or a copy.
func::FuncOp Compressor::separate(func::FuncOp kernel, ArrayRef<Use> uses) {
  SmallVector<DispatchOp> &all = dispatches[kernel.getName()];
  if (uses.size() == all.size())
    return kernel;
  func::FuncOp copy = kernel.clone();
  symbols.insert(copy, std::next(kernel->getIterator()));
  for (Use use : uses) {
    llvm::erase(all, use.op);
    use.op.setKernel(copy.getName());
    dispatches[copy.getName()].push_back(use.op);
  }
  return copy;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

/// Several arguments, constants all, in the place of one.
void Compressor::replaceArgument(func::FuncOp kernel, unsigned number,
                                 ArrayRef<RankedTensorType> types) {
  BlockArgument argument = kernel.getArgument(number);
  argument.setType(types.front());
  SmallVector<Type> inputs(kernel.getArgumentTypes());
  inputs[number] = types.front();
  kernel.setFunctionType(
      builder.getFunctionType(inputs, kernel.getResultTypes()));
  auto isConstant = builder.getDictionaryAttr(
      builder.getNamedAttr("dl.constant", builder.getUnitAttr()));
  for (auto [i, type] : llvm::enumerate(types.drop_front()))
    (void)kernel.insertArgument(number + 1 + i, type, isConstant,
                                argument.getLoc());
}

void Compressor::replaceOperand(DispatchOp op, unsigned number,
                                ValueRange values) {
  SmallVector<Value> operands(op->getOperands());
  operands.erase(operands.begin() + number);
  operands.insert(operands.begin() + number, values.begin(), values.end());
  op->setOperands(operands);
}

/// Kernels have no unsigned types.
static RankedTensorType getKernelType(RankedTensorType type) {
  Type element = type.getElementType();
  if (!element.isInteger())
    return type;
  return RankedTensorType::get(
      type.getShape(),
      IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth()));
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

bool Compressor::tryPairs(func::FuncOp kernel, const Product &product) {
  constexpr int64_t kFewRows = 16, kStepBytes = 64;
  const Contraction &contraction = product.contraction;
  Type type = contraction.factorType;
  int64_t rows = getStaticSize(contraction.op, contraction.rows);
  auto shape = cast<ShapedType>(product.weight.getType());
  int64_t depth = shape.getDimSize(product.isTransposed ? 1 : 0);
  if (!forms.pairs || (!type.isF16() && !type.isBF16() && !type.isInteger(8)) ||
      (!ShapedType::isDynamic(rows) && rows < kFewRows) ||
      depth % (kStepBytes / contraction.factorBytes()) != 0)
    return false;
  auto [uses, pairs] = findForms<WeightPairs>(kernel, product);
  if (uses.empty())
    return false;
  addPairs(separate(kernel, uses), product, uses, pairs);
  return true;
}

/// The operation of a clone that stands where `op` does in `kernel`.
static linalg::GenericOp findIn(func::FuncOp kernel, linalg::GenericOp op) {
  auto position = std::distance(op->getBlock()->begin(), op->getIterator());
  return cast<linalg::GenericOp>(
      *std::next(kernel.getBody().front().begin(), position));
}

void Compressor::addPairs(func::FuncOp kernel, const Product &product,
                          ArrayRef<Use> uses, ArrayRef<WeightPairs> pairs) {
  linalg::GenericOp op = findIn(kernel, product.contraction.op);
  unsigned number = product.weight.getArgNumber(),
           side = product.contraction.laneSide->getOperandNumber();
  for (auto [use, kept] : llvm::zip(uses, pairs)) {
    builder.setInsertionPoint(use.op);
    auto [values, places] =
        kept.create(builder, use.op->getOperand(number).getLoc(), use.matrix);
    replaceOperand(use.op, number, {values, places});
  }
  const WeightMatrix &matrix = uses.front().matrix;
  Type element = product.contraction.factorType;
  int64_t columns = matrix.columns, depth = matrix.rows;
  replaceArgument(
      kernel, number,
      {RankedTensorType::get({columns, depth / 2}, element),
       RankedTensorType::get({columns, depth / WeightPairs::kOfWord},
                             builder.getI16Type())});
  builder.setInsertionPointToStart(&kernel.getBody().front());
  op->setOperand(side,
                 createPairs(builder, op.getLoc(), kernel.getArgument(number),
                             kernel.getArgument(number + 1)));
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps[side] = AffineMap::get(op.getNumLoops(), 0,
                              {builder.getAffineDimExpr(product.column),
                               builder.getAffineDimExpr(product.row)},
                              builder.getContext());
  op.setIndexingMapsAttr(builder.getAffineMapArrayAttr(maps));
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

/// What one kept row of a panel costs, in multiplications of a dense product:
/// tiles of fewer columns multiply less for each element that they read.
static double getSlotCost(int64_t width) {
  return (width == kPanelWidths[0] ? 1.1 : 1.5) * static_cast<double>(width);
}

/// The panels of so many columns, if they cost less than the whole matrix.
static std::optional<WeightPanels> findPanels(const WeightMatrix &matrix,
                                              int64_t width, int64_t group) {
  constexpr double kMinGain = 1.3;
  if (!matrix.type.isF32() || matrix.rounding || matrix.rows > UINT16_MAX ||
      matrix.columns % width != 0 || matrix.rows % group != 0)
    return std::nullopt;
  WeightPanels panels;
  panels.width = width;
  panels.group = group;
  for (int64_t first = 0; first < matrix.columns; first += width) {
    int32_t kept = 0;
    for (int64_t k = 0; k < matrix.rows; k += group)
      if (mlir::dl::isKept(matrix, k, group, first, width))
        kept += static_cast<int32_t>(group);
    panels.counts.push_back(kept);
    panels.slots = std::max<int64_t>(panels.slots, kept);
    panels.cost += getSlotCost(width) * kept;
  }
  if (panels.cost * kMinGain >
      static_cast<double>(matrix.rows * matrix.columns))
    return std::nullopt;
  return panels;
}

/// Whether the left matrix is read at plain positions of the loops.
static bool hasPlainRows(const Contraction &contraction) {
  linalg::GenericOp op = contraction.op;
  AffineMap map = op.getMatchingIndexingMap(contraction.rowSide);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return map.isProjectedPermutation() && contraction.batch.empty() &&
         contraction.rows.size() + 1 == out.getNumResults() &&
         out.isProjectedPermutation();
}

bool Compressor::tryPanels(func::FuncOp kernel, const Product &product) {
  if (!forms.panels || !product.contraction.factorType.isF32() ||
      !hasPlainRows(product.contraction))
    return false;
  SmallVector<Use> uses;
  std::vector<WeightPanels> panels;
  double least = 0;
  for (int64_t width : kPanelWidths) {
    SmallVector<Use> found;
    std::vector<WeightPanels> own;
    double cost = 0;
    for (Use &use : findUses(kernel, product)) {
      auto one = findPanels(use.matrix, width, forms.rowGroup);
      auto dense = static_cast<double>(use.matrix.rows * use.matrix.columns);
      cost += one ? one->cost : dense;
      if (!one)
        continue;
      found.push_back(use);
      own.push_back(std::move(*one));
    }
    if (!found.empty() && (uses.empty() || cost < least)) {
      uses = found;
      panels = std::move(own);
      least = cost;
    }
  }
  if (uses.empty())
    return false;
  // One kernel has one number of slots.
  int64_t slots = forms.rowGroup;
  for (const WeightPanels &one : panels)
    slots = std::max(slots, one.slots);
  for (WeightPanels &one : panels)
    one.slots = slots;
  addPanels(separate(kernel, uses), product, uses, panels);
  return true;
}

/// The product in the form of panels, before the one that it replaces.
static linalg::GenericOp
createPanelProduct(OpBuilder &builder, linalg::GenericOp op, OpOperand *rowSide,
                   const Product &product, ValueRange constants) {
  MLIRContext *context = op.getContext();
  int64_t width = cast<ShapedType>(constants[0].getType()).getDimSize(2);
  AffineExpr n = builder.getAffineDimExpr(product.column),
             slot = builder.getAffineDimExpr(product.row),
             panel = n.floorDiv(width);
  auto getMap = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(op.getNumLoops(), 0, results, context);
  };
  AffineMap rows = op.getMatchingIndexingMap(rowSide);
  Value left = rowSide->get();
  auto panels = linalg::GenericOp::create(
      builder, op.getLoc(), op.getResultTypes(), constants, op.getDpsInits(),
      {getMap({panel, slot, n % width}), getMap({panel, slot}), getMap({panel}),
       op.getMatchingIndexingMap(op.getDpsInitOperand(0))},
      op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location at, ValueRange inputs) {
        SmallVector<Value> position;
        for (AffineExpr expr : rows.getResults()) {
          unsigned loop = cast<AffineDimExpr>(expr).getPosition();
          position.push_back(
              loop == product.row
                  ? arith::IndexCastUIOp::create(b, at, b.getIndexType(),
                                                 inputs[1])
                        .getResult()
                  : linalg::IndexOp::create(b, at, loop).getResult());
        }
        Value row = tensor::ExtractOp::create(b, at, left, position);
        Value factor = arith::MulFOp::create(b, at, row, inputs[0]);
        Value sum = arith::AddFOp::create(b, at, inputs[3], factor);
        linalg::YieldOp::create(b, at, sum);
      });
  mlir::dl::setSparseMatmulForm(panels);
  return panels;
}

void Compressor::addPanels(func::FuncOp kernel, const Product &product,
                           ArrayRef<Use> uses, ArrayRef<WeightPanels> panels) {
  linalg::GenericOp op = findIn(kernel, product.contraction.op);
  unsigned number = product.weight.getArgNumber();
  SmallVector<RankedTensorType> types;
  for (auto [use, kept] : llvm::zip(uses, panels)) {
    builder.setInsertionPoint(use.op);
    mlir::dl::PanelConstants made = mlir::dl::createPanels(
        builder, use.op->getOperand(number).getLoc(), use.matrix, kept);
    Value constants[] = {made.values, made.positions, made.counts};
    types.clear();
    for (Value constant : constants)
      types.push_back(
          getKernelType(cast<RankedTensorType>(constant.getType())));
    replaceOperand(use.op, number, constants);
  }
  replaceArgument(kernel, number, types);
  builder.setInsertionPoint(op);
  OpOperand &rowSide =
      op->getOpOperand(product.contraction.rowSide->getOperandNumber());
  linalg::GenericOp made =
      createPanelProduct(builder, op, &rowSide, product,
                         kernel.getArguments().slice(number, types.size()));
  if (forms.rowGroup > 1)
    mlir::dl::setRowGroup(made, forms.rowGroup);
  op->replaceAllUsesWith(made);
  op->erase();
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

bool Compressor::tryFloats(func::FuncOp kernel, const Product &product) {
  Type type = product.contraction.factorType;
  linalg::GenericOp op = product.contraction.op;
  auto fill = op.getDpsInits().front().getDefiningOp<linalg::FillOp>();
  if (!forms.floats || (!type.isF32() && !type.isF16() && !type.isBF16()) ||
      !fill || !fill->hasOneUse())
    return false;
  auto [uses, floats] = findForms<WeightFloats>(kernel, product);
  if (uses.empty())
    return false;
  addFloats(separate(kernel, uses), product, uses, floats);
  return true;
}

/// Scales what a product has added up: it goes where the sums went.
static void scaleSums(OpBuilder &builder, linalg::GenericOp op,
                      const Product &product, Value scales) {
  Location loc = op.getLoc();
  auto fill = op.getDpsInits().front().getDefiningOp<linalg::FillOp>();
  Value whole = fill.getDpsInits().front();
  auto type = cast<RankedTensorType>(whole.getType());
  builder.setInsertionPoint(fill);
  Value sums = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, whole),
      type.getElementType());
  fill.getDpsInitsMutable()[0].set(sums);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0)),
            identity = builder.getMultiDimIdentityMap(type.getRank());
  // The dimension of the result that the product's columns are.
  unsigned column = 0;
  for (auto [d, expr] : llvm::enumerate(out.getResults()))
    if (expr == builder.getAffineDimExpr(product.column))
      column = d;
  builder.setInsertionPointAfter(op);
  auto scaled = linalg::GenericOp::create(
      builder, loc, type, ValueRange{op.getResult(0), scales},
      ValueRange{whole},
      {identity,
       AffineMap::get(type.getRank(), 0, builder.getAffineDimExpr(column)),
       identity},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [&](OpBuilder &b, Location at, ValueRange inputs) {
        Value product = arith::MulFOp::create(b, at, inputs[0], inputs[1]);
        linalg::YieldOp::create(b, at, product);
      });
  op.getResult(0).replaceAllUsesExcept(scaled.getResult(0), scaled);
}

void Compressor::addFloats(func::FuncOp kernel, const Product &product,
                           ArrayRef<Use> uses, ArrayRef<WeightFloats> floats) {
  linalg::GenericOp op = findIn(kernel, product.contraction.op);
  unsigned number = product.weight.getArgNumber(),
           side = product.contraction.laneSide->getOperandNumber();
  for (auto [use, kept] : llvm::zip(uses, floats)) {
    builder.setInsertionPoint(use.op);
    auto [bytes, scales] =
        kept.create(builder, use.op->getOperand(number).getLoc(), use.matrix,
                    product.isTransposed);
    replaceOperand(use.op, number, {bytes, scales});
  }
  auto type = cast<RankedTensorType>(product.weight.getType());
  replaceArgument(kernel, number,
                  {RankedTensorType::get(type.getShape(), builder.getI8Type()),
                   RankedTensorType::get({uses.front().matrix.columns},
                                         builder.getF32Type())});
  builder.setInsertionPointToStart(&kernel.getBody().front());
  op->setOperand(side,
                 createFloats(builder, op.getLoc(), kernel.getArgument(number),
                              product.contraction.factorType));
  scaleSums(builder, op, product, kernel.getArgument(number + 1));
}

LogicalResult Compressor::run() {
  module.walk([&](DispatchOp op) { dispatches[op.getKernel()].push_back(op); });
  SmallVector<func::FuncOp> kernels;
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr("dl.kernel") && !function.isExternal())
      kernels.push_back(function);
  for (func::FuncOp kernel : kernels) {
    if (failed(mlir::dl::cpu::generalizeNamedOps(kernel)))
      return failure();
    for (const Contraction &contraction :
         mlir::dl::cpu::findContractions(kernel))
      if (std::optional<Product> product = findProduct(contraction))
        if (tryPairs(kernel, *product) || tryPanels(kernel, *product) ||
            tryFloats(kernel, *product))
          break; // other products have moved
  }
  return success();
}

namespace dl::gpucode {
LogicalResult compressWeights(ModuleOp module, const CompressionForms &forms) {
  return Compressor(module, forms).run();
}
} // namespace dl::gpucode
