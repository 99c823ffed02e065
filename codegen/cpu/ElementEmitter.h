// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Computes elements of the tensors of a kernel on demand.
//
// A kernel function is a graph of structured operations on tensors. Instead of
// tiling, vectorizing and bufferizing each operation, the emitter starts at an
// element (or a vector of them) that must be stored, and generates the code
// that computes it: index maps are composed, bodies are cloned with vector
// types, and memory is read only at the kernel's arguments. So every fused
// operation costs its arithmetic alone, and movement costs index arithmetic
// that mostly folds.

#ifndef DL_CODEGEN_CPU_ELEMENTEMITTER_H
#define DL_CODEGEN_CPU_ELEMENTEMITTER_H

#include "codegen/cpu/LaneIndex.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::dl::cpu {

/// A computed element: one value for all lanes, or a vector of one for each.
struct Element {
  Value value;
  bool isVector = false;
};

/// Memory that holds a tensor, dense and row-major. Types narrower than a byte,
/// and floats of one, are stored as i8.
struct Buffer {
  Value memory; // memref<?xT>
  SmallVector<Value> sizes;
  /// Elements from the start of one position to the next along each dimension;
  /// empty means dense.
  SmallVector<Value> strides;
  /// Added to every offset; null means 0.
  Value offset;
};

using Position = SmallVector<LaneIndex, 6>;

class ElementEmitter {
public:
  ElementEmitter(OpBuilder &builder, Location loc, int64_t width)
      : index(builder, loc, width), builder(builder), loc(loc) {}

  /// The element of `tensor` at a position; failure is reported at the
  /// operation that cannot be computed, and gives a null value.
  Element read(Value tensor, ArrayRef<LaneIndex> position);

  /// Stores an element into memory.
  void write(const Buffer &buffer, ArrayRef<LaneIndex> position,
             Element element);

  /// From and to the byte that a narrow element takes in memory.
  Value fromByte(const Element &element, Type elementType);
  Value toByte(const Element &element);

  /// Reads memory directly.
  Element load(const Buffer &buffer, Type elementType,
               ArrayRef<LaneIndex> position);

  /// Computes the reductions that `tensor` at this position needs and that do
  /// not depend on any dimension in `inner` (a bit for each dimension of the
  /// statement), so that loops over those find them done.
  void hoistReductions(Value tensor, ArrayRef<LaneIndex> position,
                       uint64_t inner);

  /// The sets of statement dimensions that the reductions below `tensor` depend
  /// on, given positions that carry their dependencies.
  void collectDependencies(Value tensor, ArrayRef<LaneIndex> position,
                           SmallVectorImpl<uint64_t> &sets);

  /// A reduction, and where its first result is needed.
  using ReductionAt = std::pair<linalg::GenericOp, Position>;
  /// Adds those that `tensor` at this position needs, without those that these
  /// need in turn.
  void collectReductions(Value tensor, ArrayRef<LaneIndex> position,
                         SmallVectorImpl<ReductionAt> &found);

  /// Calls `enter` with the element of `tensor` and with all that it is
  /// computed from, each once though several may read it; not with what lies
  /// behind one for which it returns false.
  void
  walkElements(Value tensor, ArrayRef<LaneIndex> position,
               function_ref<bool(Value element, ArrayRef<LaneIndex>)> enter);

  /// Calls `visit` with each buffer that the element of `tensor` is computed
  /// from, and the offset in it. What lies behind `stop` is not looked for.
  using ReadVisitor =
      function_ref<void(const Buffer &buffer, const LaneIndex &offset)>;
  void visitReads(Value tensor, ArrayRef<LaneIndex> position, Value stop,
                  ReadVisitor visit);

  /// Whether everything that `op` reads through a padded operand, over all of
  /// its reduced dimensions, lies inside of the border, so that no element
  /// needs a check; null where no operand is padded. `dims` holds the other
  /// positions; of loop `block`, the first of `count`.
  Value isInsideBorder(linalg::GenericOp op, Position dims, int block = -1,
                       int64_t count = 1);

  /// Runs `body` twice: without checks of borders where isInsideBorder holds,
  /// with them elsewhere; once where no operand is padded. The results are
  /// those of `body`.
  SmallVector<Value> emitByBorder(linalg::GenericOp op,
                                  ArrayRef<LaneIndex> dims,
                                  TypeRange resultTypes,
                                  function_ref<SmallVector<Value>()> body);

  /// Runs `inside` without checks of borders where `condition` holds, elsewhere
  /// `outside`, with checks always.
  void emitByBorder(linalg::GenericOp op, Value condition,
                    function_ref<void()> inside, function_ref<void()> outside);

  /// Computes the results of a reduction at several positions (of the first
  /// result), side by side, so that what they share is at hand. With `unroll`,
  /// the loops, of known extents, are written out.
  void reduceTogether(linalg::GenericOp op, ArrayRef<Position> positions,
                      bool unroll);

  /// A scalar value of the kernel function (sizes, indices) in the new
  /// function.
  Value scalar(Value value);

  /// The size of a dimension of a tensor value.
  Value size(Value tensor, unsigned dimension);

  /// Runs `body` for vectors of positions from `lower` to `upper`: full vectors
  /// without a mask, then, if any are left, the last positions with one. With
  /// `areWhole`, none are.
  void emitLanes(Value lower, Value upper, function_ref<void(Value)> body,
                 bool areWhole = false);

  /// Where an iteration stands in an operand or result.
  Position mapPosition(AffineMap map, ArrayRef<LaneIndex> dims);

  /// The extent of a loop of a structured operation.
  Value loopSize(linalg::GenericOp op, unsigned dimension);

  /// Runs a structured operation's body at an iteration; empty after a failure.
  SmallVector<Element> emitBody(linalg::GenericOp op, ArrayRef<LaneIndex> dims,
                                ArrayRef<Element> accumulators);

  /// Broadcasts a uniform element to all lanes.
  Value toVector(Element element);
  VectorType vectorType(Type elementType) const {
    return VectorType::get({width()}, elementType);
  }

  int64_t width() const { return index.width; }
  bool failed() const { return hasFailed; }
  void fail(Operation *op, const Twine &reason);

  /// Makes results found inside of a loop body invisible outside of it.
  class Scope {
  public:
    Scope(ElementEmitter &emitter)
        : emitter(emitter), known(emitter.known.size()) {}
    ~Scope() { emitter.known.truncate(known); }

  private:
    ElementEmitter &emitter;
    size_t known;
  };

  /// Declares an element as computed.
  void remember(Value tensor, ArrayRef<LaneIndex> position, Element element);

  /// Where tensors live in memory.
  DenseMap<Value, Buffer> buffers;
  /// Values of the kernel function that have a counterpart in the new one.
  IRMapping scalars;
  /// Lanes that count (vector<Wxi1>), or null for all.
  Value mask;
  /// Whether the CPU permutes bytes across a vector (AVX512-VBMI).
  bool permutesBytes = false;

  IndexBuilder index;
  OpBuilder &builder;
  Location loc;

private:
  struct Known {
    Value tensor;
    Position position;
    Element element;
  };

  Element compute(Value tensor, ArrayRef<LaneIndex> position);
  /// Elements of a table of all bytes by permutations of registers; a null
  /// value where this is no such table, or the CPU does not.
  Element lookUp(Value table, Element byte);
  Element readGeneric(linalg::GenericOp op, unsigned result,
                      ArrayRef<LaneIndex> position);
  Element readList(tensor::FromElementsOp op, ArrayRef<LaneIndex> position);
  Element readPad(tensor::PadOp op, ArrayRef<LaneIndex> position);
  Element readReduction(linalg::GenericOp op, unsigned result,
                        ArrayRef<LaneIndex> position);
  /// The results at each of some iterations, whose reduced dimensions it sets.
  SmallVector<SmallVector<Element>> reduceByLane(linalg::GenericOp op,
                                                 MutableArrayRef<Position> dims,
                                                 bool unroll);
  Element reduceAcrossLanes(linalg::GenericOp op, Position dims,
                            Operation *combiner);
  bool emitBodyLoop(scf::ForOp loop, function_ref<Element(Value)> get,
                    DenseMap<Value, Element> &values,
                    function_ref<bool(Block &)> emitBlock);
  Element cloneScalarOp(Operation *op, ArrayRef<Element> operands);
  Element indexElement(const LaneIndex &position);
  LaneIndex toIndex(Element element);

  /// Iteration dimensions of an operation from a position in its result; sizes
  /// of reduced dimensions are left null.
  Position iterationPosition(linalg::GenericOp op, unsigned result,
                             ArrayRef<LaneIndex> position);

  /// Positions in the source of a movement operation, or nothing for others.
  std::optional<std::pair<Value, Position>>
  moveToSource(Operation *op, ArrayRef<LaneIndex> position);

  /// Calls `visit` with the operands that an element needs, and their
  /// positions.
  void visitOperands(Value tensor, ArrayRef<LaneIndex> position,
                     function_ref<void(Value, ArrayRef<LaneIndex>)> visit);

  /// Runs `body` with what pads the operands of `op` read inside of its borders
  /// only.
  void emitUnchecked(linalg::GenericOp op, function_ref<void()> body);

  SmallVector<Known, 0> known;
  /// Padded tensors that are read inside of their borders only.
  llvm::SmallPtrSet<Operation *, 2> unchecked;
  /// Borders are always checked: whether this is needed was asked before.
  bool checksAlways = false;
  bool hasFailed = false;
};

/// Turns the named structured operations of a kernel, fills excepted, into
/// generic ones, the form that the emitter reads. Failure is reported.
LogicalResult generalizeNamedOps(Operation *kernel);

/// Whether an operation reduces.
bool isReduction(linalg::GenericOp op);

/// The one operation that combines, where the operation has one result and
/// nothing else follows it; null otherwise.
Operation *getCombiner(linalg::GenericOp op);

/// A loop `for (i = lower; i < upper; i += step)` carrying values.
SmallVector<Value>
emitLoop(OpBuilder &builder, Location loc, Value lower, Value upper, Value step,
         ValueRange carried,
         function_ref<SmallVector<Value>(Value, ValueRange)> body);

} // namespace mlir::dl::cpu

#endif // DL_CODEGEN_CPU_ELEMENTEMITTER_H
