// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Edits ONNX models for post-training quantization: finds the products whose
// weights are known, shows the values that they read, and puts quantization
// around them. What comes out is ONNX that other tools read, too.

#ifndef DL_FRONTEND_QUANTIZE_QUANTIZEMODEL_H
#define DL_FRONTEND_QUANTIZE_QUANTIZEMODEL_H

#include "frontend/onnx/Model.h"
#include "frontend/quantize/Palette.h"
#include "frontend/quantize/Weights.h"

#include <cstdint>
#include <map>

namespace dl::frontend {

/// A product (Conv, MatMul, Gemm) of a value of the run and a weight of
/// float32, both of them in the main graph.
struct ProductSite {
  int node = 0;              ///< number in the graph
  std::string name, op;      ///< as in messages
  std::string input;         ///< the value of the run
  std::string output;        ///< the result
  std::string weight;        ///< the initializer
  std::vector<int64_t> dims; ///< of the weight
  int channelAxis = 0;       ///< of the weight: what the result's channels are
  /// The weight is [N, K] and transposed on the way, by the node of this
  /// number.
  int transpose = -1;
  /// Why it is to stay in float32; empty where it may be quantized.
  std::string reason;
};

/// An asymmetric scale of ui8.
struct ActivationScale {
  float scale = 1;
  uint8_t zeroPoint = 0;
};

/// Weights as integers, each made once, however often it is asked for.
class QuantizedWeights {
public:
  const Int8Weight &getInt8(const Model &model, const ProductSite &site);
  const Int4Weight &getInt4(const Model &model, const ProductSite &site);
  const Fp8Weight &getFp8(const Model &model, const ProductSite &site);
  /// Of `bits` bits.
  const Palette &getPalette(const Model &model, const ProductSite &site,
                            int bits);

  /// Of values that products read: int4 weights are rounded by them. To be
  /// filled before the first weight is asked for.
  std::map<std::string, Correlation> correlations;

private:
  using Key = std::pair<std::string, int>; // the weight, its channels' axis
  std::map<Key, Int8Weight> int8;
  std::map<Key, Int4Weight> int4;
  std::map<Key, Fp8Weight> fp8;
  std::map<std::string, Palette> palettes;
};

enum class WeightKind {
  Int8,     ///< QuantizeLinear and DequantizeLinear around both operands
  Int4,     ///< com.microsoft.MatMulNBits: weights alone, in blocks of 32
  Fp8,      ///< DequantizeLinear of weights of FLOAT8E4M3FN
  Palette8, ///< weights of float32 that have at most 256 values
  Palette4, ///< the same of 16
};

/// "int8", "int4", "fp8", "palette8" or "palette4".
const char *getName(WeightKind kind);

/// Whether a kind makes products of integers, which are to be faster; others
/// make weights small.
inline bool isInteger(WeightKind kind) {
  return kind == WeightKind::Int8 || kind == WeightKind::Int4;
}

struct QuantizePlan {
  WeightKind kind = WeightKind::Int8;
  /// The products to quantize: numbers of sites.
  std::vector<size_t> sites;
  /// Of each of their inputs; an input without one gets its scale in the run
  /// (DynamicQuantizeLinear). Not of Int4.
  std::map<std::string, ActivationScale> inputs;
  /// Of a site, what is to be added to each channel of its result; none where
  /// it has none. Of Int8.
  std::map<size_t, std::vector<float>> corrections;
};

/// The products of a model, quantizable or not, in the graph's order.
std::vector<ProductSite> findProductSites(const Model &model);

/// The model with further outputs: these values, in order, behind its own.
void addObservedOutputs(Model &model, const std::vector<std::string> &values);

/// The elements of a site's weight, in its own order.
std::vector<float> readWeight(const Model &model, const ProductSite &site);

/// Puts as many others in their place.
void replaceWeight(Model &model, const ProductSite &site,
                   const std::vector<float> &values);

/// Whether something else than `sites` reads a site's weight.
bool isUsedElsewhere(const Model &model, const ProductSite &site,
                     const std::vector<ProductSite> &sites);

/// A weight as a matrix [contracted, channels] in its own order: element (k, n)
/// is at k * rowStride + n * columnStride. Of a convolution, what is contracted
/// are input channels and taps.
struct WeightMatrix {
  explicit WeightMatrix(const ProductSite &site);
  int64_t rows = 1, columns, rowStride, columnStride;
};

/// Quantizes in place. Int8 needs opset 13 (scales for each channel), Fp8 opset
/// 18, of which it makes 19 (numbers of eight bits).
llvm::Error quantizeModel(Model &model, const std::vector<ProductSite> &sites,
                          const QuantizePlan &plan, QuantizedWeights &weights);

/// What a site's weight stands for once it is quantized, in its own order.
std::vector<float> getRounded(const Model &model, const ProductSite &site,
                              WeightKind kind, QuantizedWeights &weights);

/// The weight that an int8 weight stands for.
std::vector<float> dequantizeInt8(const Int8Weight &quantized,
                                  const ProductSite &site);

/// The power of what rounding adds to a product over the product's own, taking
/// inputs for uncorrelated. `norms` has the root mean square of each contracted
/// position's input; empty: all 1. `inputError` is the mean square of the error
/// that each input has.
double getProductNoise(const Model &model, const ProductSite &site,
                       WeightKind kind, QuantizedWeights &weights,
                       const std::vector<double> &norms, double inputError);

/// The model as a file, with all its data in it. Fails above 2 GB, which a file
/// of protobuf cannot have.
llvm::Expected<std::string> serializeModel(Model &model);

} // namespace dl::frontend

#endif // DL_FRONTEND_QUANTIZE_QUANTIZEMODEL_H
