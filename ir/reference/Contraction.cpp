// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Sums are kept in double (or 64-bit integers) and rounded once. Innermost
// loops go along contiguous elements, so that the host's compiler can vectorize
// them.

#include "ir/reference/Rules.h"

using namespace mlir;
using namespace mlir::dl;
using namespace mlir::dl::reference;

//===----------------------------------------------------------------------===//
// MatmulOp
//===----------------------------------------------------------------------===//

/// result += lhs * rhs for matrices m x k and k x n.
template <typename T>
static void multiplyMatrices(const T *lhs, const T *rhs, T *result, int64_t m,
                             int64_t n, int64_t k) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < k; ++j) {
      T factor = lhs[i * k + j];
      const T *from = rhs + j * n;
      T *to = result + i * n;
      for (int64_t c = 0; c < n; ++c)
        to[c] = add(to[c], multiply(factor, from[c]));
    }
}

/// The strides of an operand's leading dimensions in a batch of rank `rank`, in
/// matrices; 0 where it is repeated.
static Shape getBatchStrides(ArrayRef<int64_t> batch, size_t rank) {
  Shape strides(rank - batch.size(), 0);
  for (auto [size, stride] : llvm::zip(batch, getStrides(batch)))
    strides.push_back(size == 1 ? 0 : stride);
  return strides;
}

template <typename T>
static Tensor matmulAs(const Tensor &lhs, const Tensor &rhs, Type element,
                       ArrayRef<int64_t> shape) {
  std::vector<T> a = lhs.load<T>(), b = rhs.load<T>();
  std::vector<T> results(getNumElements(shape));
  int64_t m = lhs.getShape().end()[-2], k = lhs.getShape().back(),
          n = rhs.getShape().back();
  ArrayRef<int64_t> batch = shape.drop_back(2);
  Shape aStrides = getBatchStrides(lhs.getShape().drop_back(2), batch.size());
  Shape bStrides = getBatchStrides(rhs.getShape().drop_back(2), batch.size());
  T *to = results.data();
  forEachIndex(batch, [&](ArrayRef<int64_t> index) {
    int64_t i = 0, j = 0;
    for (auto [at, x, y] : llvm::zip(index, aStrides, bStrides)) {
      i += at * x;
      j += at * y;
    }
    multiplyMatrices(a.data() + i * m * k, b.data() + j * k * n, to, m, n, k);
    to += m * n;
  });
  return Tensor::store<T>(element, shape, results);
}

static FailureOr<Tensor> matmul(MatmulOp op, const Arguments &arguments) {
  const Tensor &lhs = arguments[0], &rhs = arguments[1];
  if (lhs.getShape().back() != rhs.getShape().end()[-2])
    return op.emitOpError("contracted dimensions differ: found ")
           << lhs.getShape().back() << " and " << rhs.getShape().end()[-2];
  ArrayRef<int64_t> a = lhs.getShape().drop_back(2),
                    b = rhs.getShape().drop_back(2);
  Shape shape(std::max(a.size(), b.size()), 1);
  for (ArrayRef<int64_t> batch : {a, b})
    for (size_t i = 0; i < batch.size(); ++i) {
      int64_t &size = shape[shape.size() - batch.size() + i];
      if (size != 1 && batch[i] != 1 && size != batch[i])
        return op.emitOpError("leading dimensions do not broadcast: found ")
               << size << " and " << batch[i];
      size = size == 1 ? batch[i] : size;
    }
  shape.append({lhs.getShape().end()[-2], rhs.getShape().back()});
  Type element = op.getType().getElementType();
  return lhs.isFloat() ? matmulAs<double>(lhs, rhs, element, shape)
                       : matmulAs<int64_t>(lhs, rhs, element, shape);
}

//===----------------------------------------------------------------------===//
// BlockMatmulOp
//===----------------------------------------------------------------------===//

/// The matrix that the weights stand for, [K, N].
static std::vector<double> expandBlocks(BlockMatmulOp op,
                                        const Arguments &arguments, int64_t k) {
  std::vector<int64_t> bytes = arguments[1].load<int64_t>(),
                       zeroPoints = arguments[3].load<int64_t>();
  std::vector<double> scales = arguments[2].load<double>();
  int64_t n = arguments[1].getDimSize(0), blocks = arguments[1].getDimSize(1),
          width = arguments[1].getDimSize(2), bits = op.getBits(),
          size = op.getBlockSize();
  std::vector<double> matrix(k * n);
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < k; ++i) {
      int64_t block = j * blocks + i / size, bit = i % size * bits;
      int64_t q =
          (bytes[block * width + bit / 8] >> bit % 8) & ((1 << bits) - 1);
      int64_t zero = zeroPoints[zeroPoints.size() == 1 ? 0 : block];
      matrix[i * n + j] = static_cast<double>(q - zero) * scales[block];
    }
  return matrix;
}

static FailureOr<Tensor> blockMatmul(BlockMatmulOp op,
                                     const Arguments &arguments) {
  const Tensor &lhs = arguments[0];
  int64_t k = lhs.getShape().back(), n = arguments[1].getDimSize(0);
  Shape shape(lhs.getShape());
  shape.back() = n;
  std::vector<double> a = lhs.load<double>(),
                      b = expandBlocks(op, arguments, k),
                      results(getNumElements(shape));
  int64_t m = getNumElements(ArrayRef(shape).drop_back());
  multiplyMatrices(a.data(), b.data(), results.data(), m, n, k);
  return Tensor::store<double>(op.getType().getElementType(), shape, results);
}

//===----------------------------------------------------------------------===//
// SparseMatmulOp
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> sparseMatmul(SparseMatmulOp op,
                                      const Arguments &arguments) {
  const Tensor &lhs = arguments[0];
  ArrayRef<int64_t> kept = arguments[1].getShape();
  int64_t panels = kept[0], slots = kept[1], width = kept[2],
          k = lhs.getShape().back(), n = panels * width;
  std::vector<double> values = arguments[1].load<double>();
  std::vector<int64_t> positions = arguments[2].load<int64_t>(),
                       counts = arguments[3].load<int64_t>();
  std::vector<double> matrix(k * n);
  for (int64_t p = 0; p < panels; ++p)
    for (int64_t s = 0; s < std::min(counts[p], slots); ++s) {
      int64_t row = positions[p * slots + s];
      if (row >= k)
        return op.emitOpError("expected positions below ")
               << k << ", found " << row;
      for (int64_t c = 0; c < width; ++c)
        matrix[row * n + p * width + c] += values[(p * slots + s) * width + c];
    }
  Shape shape(lhs.getShape());
  shape.back() = n;
  std::vector<double> a = lhs.load<double>(), results(getNumElements(shape));
  int64_t m = getNumElements(ArrayRef(shape).drop_back());
  multiplyMatrices(a.data(), matrix.data(), results.data(), m, n, k);
  return Tensor::store<double>(op.getType().getElementType(), shape, results);
}

//===----------------------------------------------------------------------===//
// ConvOp, ConvTransposeOp
//===----------------------------------------------------------------------===//

namespace {
/// The spatial part of a convolution: position `big` of the larger side and
/// `small` of the other meet at window position k where big = small * strides +
/// k * dilations - pads.
struct Window {
  ArrayRef<int64_t> big, small, size, strides, dilations, pads;

  /// The range of positions `small` along dimension i whose `big` is inside.
  std::pair<int64_t, int64_t> getRange(size_t i, int64_t k) const {
    int64_t shift = k * dilations[i] - pads[i];
    int64_t first = shift >= 0 ? 0 : llvm::divideCeil(-shift, strides[i]);
    int64_t last = big[i] - 1 - shift;
    return {first, last < 0 ? 0 : std::min(small[i], last / strides[i] + 1)};
  }

  /// Calls `row` with positions (big, small, window, count) of runs along the
  /// last dimension: `count` neighbours of `small`, strides.back() apart in
  /// `big`.
  template <typename Row> void forEachRow(Row row) const {
    forEachRow(0, 0, 0, 0, row);
  }

private:
  template <typename Row>
  void forEachRow(size_t i, int64_t atBig, int64_t atSmall, int64_t atWindow,
                  const Row &row) const {
    for (int64_t k = 0; k < size[i]; ++k) {
      auto [begin, end] = getRange(i, k);
      int64_t window = atWindow * size[i] + k;
      auto bigAt = [&](int64_t position) {
        return atBig * big[i] + position * strides[i] + k * dilations[i] -
               pads[i];
      };
      if (i + 1 == size.size()) {
        if (begin < end)
          row(bigAt(begin), atSmall * small[i] + begin, window, end - begin);
        continue;
      }
      for (int64_t position = begin; position < end; ++position)
        forEachRow(i + 1, bigAt(position), atSmall * small[i] + position,
                   window, row);
    }
  }
};
} // namespace

/// Fails where input and filter, whose sizes may be known only now, do not fit.
static LogicalResult checkChannels(Operation *op, int64_t found,
                                   int64_t expected) {
  if (found == expected)
    return success();
  return op->emitOpError("channels do not fit the filter: found ")
         << found << ", expected " << expected;
}

template <typename T>
static Tensor convAs(ConvOp op, const Tensor &input, const Tensor &filter,
                     ArrayRef<int64_t> shape) {
  std::vector<T> x = input.load<T>(), w = filter.load<T>();
  std::vector<T> results(getNumElements(shape));
  size_t spatial = shape.size() - 2;
  Window window{input.getShape().slice(op.getFirstSpatialDim(), spatial),
                shape.slice(op.getFirstSpatialDim(), spatial),
                filter.getShape().slice(op.getFirstWindowDim(), spatial),
                op.getStrides(),
                op.getDilations(),
                op.getPadsLow()};
  int64_t xSize = getNumElements(window.big),
          ySize = getNumElements(window.small),
          wSize = getNumElements(window.size), step = op.getStrides().back();
  int64_t channels = filter.getDimSize(op.getFilterChannelDim()),
          filters = filter.getDimSize(op.getFilterCountDim()),
          perGroup = filters / op.getGroups(),
          inputs = channels * op.getGroups();
  // From one position to the next, and from one channel to the next.
  bool last = op.getChannelsLast();
  int64_t xStep = last ? inputs : 1, yStep = last ? filters : 1,
          wStep = last ? channels * filters : 1;
  int64_t xChannel = last ? 1 : xSize, yChannel = last ? 1 : ySize;
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t m = 0; m < filters; ++m)
      for (int64_t c = 0; c < channels; ++c) {
        const T *from = x.data() + n * inputs * xSize +
                        (m / perGroup * channels + c) * xChannel;
        const T *factors =
            w.data() + (last ? c * filters + m : (m * channels + c) * wSize);
        T *to = results.data() + n * filters * ySize + m * yChannel;
        window.forEachRow([&](int64_t big, int64_t small, int64_t k,
                              int64_t count) {
          T factor = factors[k * wStep];
          for (int64_t i = 0; i < count; ++i) {
            T &sum = to[(small + i) * yStep];
            sum = add(sum, multiply(factor, from[(big + i * step) * xStep]));
          }
        });
      }
  return Tensor::store<T>(op.getType().getElementType(), shape, results);
}

static FailureOr<Tensor> conv(ConvOp op, const Arguments &arguments) {
  const Tensor &input = arguments[0], &filter = arguments[1];
  int64_t groups = op.getGroups();
  if (failed(
          checkChannels(op, input.getDimSize(op.getChannelDim()),
                        filter.getDimSize(op.getFilterChannelDim()) * groups)))
    return failure();
  Shape shape(input.getShape());
  shape[op.getChannelDim()] = filter.getDimSize(op.getFilterCountDim());
  for (int64_t i = 0; i < input.getRank() - 2; ++i) {
    int64_t d = op.getFirstSpatialDim() + i;
    int64_t last = input.getDimSize(d) + op.getPadsLow()[i] +
                   op.getPadsHigh()[i] -
                   (filter.getDimSize(op.getFirstWindowDim() + i) - 1) *
                       op.getDilations()[i] -
                   1;
    if (last < 0)
      return op.emitOpError("the window exceeds dimension ")
             << d << " of size " << input.getDimSize(d);
    shape[d] = last / op.getStrides()[i] + 1;
  }
  return input.isFloat() ? convAs<double>(op, input, filter, shape)
                         : convAs<int64_t>(op, input, filter, shape);
}

template <typename T>
static Tensor convTransposeAs(ConvTransposeOp op, const Tensor &input,
                              const Tensor &filter, ArrayRef<int64_t> shape) {
  std::vector<T> x = input.load<T>(), w = filter.load<T>();
  std::vector<T> results(getNumElements(shape));
  Window window{shape.drop_front(2),
                input.getShape().drop_front(2),
                filter.getShape().drop_front(2),
                op.getStrides(),
                op.getDilations(),
                op.getPadsLow()};
  int64_t xSize = getNumElements(window.small),
          ySize = getNumElements(window.big),
          wSize = getNumElements(window.size), step = op.getStrides().back();
  int64_t channels = input.getDimSize(1), perGroup = channels / op.getGroups(),
          filters = filter.getDimSize(1);
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t m = 0; m < filters; ++m) {
        const T *from = x.data() + (n * channels + c) * xSize;
        const T *factors = w.data() + (c * filters + m) * wSize;
        T *to = results.data() +
                (n * shape[1] + c / perGroup * filters + m) * ySize;
        window.forEachRow(
            [&](int64_t big, int64_t small, int64_t k, int64_t count) {
              T factor = factors[k];
              for (int64_t i = 0; i < count; ++i)
                to[big + i * step] =
                    add(to[big + i * step], multiply(factor, from[small + i]));
            });
      }
  return Tensor::store<T>(input.getElementType(), shape, results);
}

static FailureOr<Tensor> convTranspose(ConvTransposeOp op,
                                       const Arguments &arguments) {
  const Tensor &input = arguments[0], &filter = arguments[1];
  auto shape = arguments.getShape(op.getResult());
  if (failed(shape) ||
      failed(checkChannels(op, input.getDimSize(1), filter.getDimSize(0))) ||
      failed(checkChannels(op, (*shape)[1],
                           filter.getDimSize(1) *
                               static_cast<int64_t>(op.getGroups()))))
    return failure();
  return input.isFloat() ? convTransposeAs<double>(op, input, filter, *shape)
                         : convTransposeAs<int64_t>(op, input, filter, *shape);
}

void mlir::dl::reference::addContractionRules(RuleTable &table) {
  table.add(matmul);
  table.add(blockMatmul);
  table.add(sparseMatmul);
  table.add(conv);
  table.add(convTranspose);
}
