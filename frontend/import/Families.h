// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Families of operators that have a file of their own and belong to the table
// of a larger one.

#ifndef DL_FRONTEND_IMPORT_FAMILIES_H
#define DL_FRONTEND_IMPORT_FAMILIES_H

#include "frontend/import/Rules.h"

namespace dl::frontend {

/// Elementwise.
void addActivationRules(RuleTable &table);
void addOptimizerRules(RuleTable &table);
void addRandomRules(RuleTable &table);
void addStringRules(RuleTable &table);
/// Movement.
void addSlicingRules(RuleTable &table);
void addResizeRules(RuleTable &table);
/// Indexing.
void addRegionRules(RuleTable &table);
void addSamplingRules(RuleTable &table);
/// Normalization.
void addContribNormalizationRules(RuleTable &table);
/// Contraction.
void addConvolutionRules(RuleTable &table);
void addContribAttentionRules(RuleTable &table);
void addContribExpertRules(RuleTable &table);
void addContribFusedRules(RuleTable &table);
void addContribLayerRules(RuleTable &table);
void addGroupAttentionRules(RuleTable &table);
void addMultiHeadAttentionRules(RuleTable &table);
void addContribQuantizationRules(RuleTable &table);
void addContribWeightRules(RuleTable &table);
void addDeterminantRules(RuleTable &table);
void addEinsumRules(RuleTable &table);
void addMelWeightRules(RuleTable &table);
void addWindowFunctionRules(RuleTable &table);
void addQuantizationRules(RuleTable &table);
void addSignalRules(RuleTable &table);
/// Shape.
void addSequenceRules(RuleTable &table);
void addDataShapeRules(RuleTable &table);
/// Trees: the other operators of ai.onnx.ml, and one of its kind.
void addFeatureRules(RuleTable &table);
void addLinearRules(RuleTable &table);
void addGramRules(RuleTable &table);
void addMapRules(RuleTable &table);
void addVectorMachineRules(RuleTable &table);
/// Pooling.
void addUnpoolRules(RuleTable &table);
/// Reduction.
void addSelectionRules(RuleTable &table);

/// The position, i64, of each element of `x` (i64) in a list; the list's size
/// where it is not there.
mlir::Value findNumbers(NodeContext &context, mlir::Value x,
                        llvm::ArrayRef<int64_t> numbers);

/// Dropout that drops where the scalar `isTraining` (bool) is true; the scalar
/// `ratio` may be null, for 0.5.
mlir::LogicalResult importTrainingDropout(NodeContext &context, mlir::Value x,
                                          mlir::Value ratio,
                                          mlir::Value isTraining);

/// Operators that the domain com.microsoft has in the same form. Their inputs
/// are there.
mlir::LogicalResult importGatherND(NodeContext &context);
mlir::LogicalResult importGridSample(NodeContext &context);
mlir::LogicalResult importPad(NodeContext &context);
mlir::LogicalResult importTrilu(NodeContext &context);

} // namespace dl::frontend

#endif // DL_FRONTEND_IMPORT_FAMILIES_H
