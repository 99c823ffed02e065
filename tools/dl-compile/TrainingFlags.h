// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The flags that make a training module of a model.

#ifndef DL_TOOLS_DL_COMPILE_TRAININGFLAGS_H
#define DL_TOOLS_DL_COMPILE_TRAININGFLAGS_H

#include "passes/Pipeline.h"
#include "tools/weights/Weights.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Error.h"
#include <optional>

namespace dl::tools {

/// Registers the flags; to be made before the command line is parsed.
struct TrainingFlags {
  llvm::cl::OptionCategory category{"Training"};

  llvm::cl::opt<bool> train{
      "train",
      llvm::cl::desc("Write a module that trains the model: its entries are "
                     "step, evaluate and predict"),
      llvm::cl::cat(category)};
  llvm::cl::opt<std::string> loss{
      "loss",
      llvm::cl::desc(
          "What the first output is trained for: cross_entropy (default), nll, "
          "mse, l1, huber, bce, bce_logits or kl, with labels as the last "
          "input. output: the model's first output is the loss itself, "
          "output:NAME: that output is, or the mean of its elements; what it "
          "takes of labels are inputs of the model. FILE.onnx: a graph that "
          "computes the loss of the model's outputs, which its inputs match by "
          "name, or else in order, and of labels, its other inputs"),
      llvm::cl::value_desc("NAME|output[:NAME]|FILE"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> reduction{
      "loss-reduction",
      llvm::cl::desc(
          "What a loss is of the elements of a batch: mean (default) or sum. "
          "So its gradients are put together over the parts of --accumulate "
          "and over ranks. An output or graph that is a scalar stays as it "
          "is: sum is for one that adds up what examples give"),
      llvm::cl::value_desc("mean|sum"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> gradients{
      "gradient",
      llvm::cl::desc(
          "An ONNX file with functions that are gradients: Op_grad is that of "
          "the operator or function Op of its domain. It takes Op's inputs, "
          "its outputs and their gradients, and gives the gradients of its "
          "inputs. So does such a function of the model beside a function Op"),
      llvm::cl::value_desc("FILE"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> stopGradient{
      "stop-gradient",
      llvm::cl::desc("What nodes compute whose names, or whose outputs' names, "
                     "have a match of this regular expression are constants "
                     "to gradients, for example 'StopGradient|detach'"),
      llvm::cl::value_desc("REGEX"), llvm::cl::cat(category)};
  llvm::cl::opt<double> smoothing{
      "label-smoothing",
      llvm::cl::desc("Of cross_entropy and nll: the share of the target that "
                     "all classes get alike (default 0)"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> optimizer{
      "optimizer",
      llvm::cl::desc("sgd (default), adam, adamw, adagrad, rmsprop, lamb or "
                     "lion"),
      llvm::cl::value_desc("NAME"), llvm::cl::cat(category)};
  llvm::cl::opt<double> rate{
      "lr", llvm::cl::desc("The learning rate at first (default 0.001)"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<double> momentum{
      "momentum", llvm::cl::desc("Of sgd and rmsprop (default 0)"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> nesterov{"nesterov",
                               llvm::cl::desc("Of sgd: Nesterov's momentum"),
                               llvm::cl::cat(category)};
  llvm::cl::opt<std::string> betas{
      "betas",
      llvm::cl::desc("Of adam, adamw, lamb and lion: the decay of means and of "
                     "squares (default 0.9,0.999)"),
      llvm::cl::value_desc("X,Y"), llvm::cl::cat(category)};
  llvm::cl::opt<double> alpha{
      "alpha",
      llvm::cl::desc("Of rmsprop: the decay of squares (default 0.99)"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<double> epsilon{
      "eps", llvm::cl::desc("Added to the roots of squares (default 1e-8)"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<double> weightDecay{
      "weight-decay",
      llvm::cl::desc("The decay of parameters (default 0): added to gradients "
                     "times the parameter; of adamw, lamb and lion apart from "
                     "them"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> trainOnly{
      "train-only",
      llvm::cl::desc("Train the parameters whose names have a match of this "
                     "regular expression; the others stay as they are"),
      llvm::cl::value_desc("REGEX"), llvm::cl::cat(category)};

  llvm::cl::opt<std::string> noDecay{
      "no-decay",
      llvm::cl::desc("Parameters whose names have a match of this regular "
                     "expression do not decay, for example 'bias|norm'"),
      llvm::cl::value_desc("REGEX"), llvm::cl::cat(category)};
  llvm::cl::opt<double> clipNorm{
      "clip-norm",
      llvm::cl::desc("Scale all gradients down to this norm of them together "
                     "where they exceed it"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<double> clipValue{
      "clip-value",
      llvm::cl::desc("Limit each element of the gradients to this size"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> lossScale{
      "loss-scale",
      llvm::cl::desc("Multiply the loss with N before it is differentiated, "
                     "and skip steps whose gradients are not finite; dynamic: "
                     "begin with 65536, halve it after such a step, double it "
                     "after 2000 others (the default with --precision=f16)"),
      llvm::cl::value_desc("N|dynamic"), llvm::cl::cat(category)};
  llvm::cl::opt<double> average{
      "ema",
      llvm::cl::desc("Keep an exponential average of each parameter, with this "
                     "decay, for example 0.999; predict and evaluate use it"),
      llvm::cl::value_desc("X"), llvm::cl::cat(category)};

  llvm::cl::opt<int64_t> accumulate{
      "accumulate",
      llvm::cl::desc("Let a step go through its batch in N parts, one after "
                     "the other, and add their gradients up: the loss and the "
                     "update are those of the whole batch, the memory that of "
                     "a part. Batch normalization takes the statistics of each "
                     "part"),
      llvm::cl::value_desc("N"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> memoryBudget{
      "memory-budget",
      llvm::cl::desc("Let the intermediate results of a step take at most so "
                     "many bytes (1000, 64MB, 2GiB): kernels run again where "
                     "their results would have to be kept"),
      llvm::cl::value_desc("BYTES"), llvm::cl::cat(category)};
  llvm::cl::opt<bool> dataParallel{
      "data-parallel",
      llvm::cl::desc("Let several processes train, each on a part of every "
                     "batch: losses, gradients and running statistics are "
                     "their means over all ranks (mpirun -n 2 dl-train ..)"),
      llvm::cl::cat(category)};
  llvm::cl::opt<std::string> bucketSize{
      "bucket-size",
      llvm::cl::desc("With --data-parallel: reduce gradients in buckets of at "
                     "most so many bytes (default 1MiB), each as soon as the "
                     "backward pass has made it"),
      llvm::cl::value_desc("BYTES"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> lora{
      "lora",
      llvm::cl::desc(
          "Train adapters of rank R in place of the weights of matrix products "
          "whose names have a match of the regular expression; all else stays "
          "as it is, but for what --train-only names"),
      llvm::cl::value_desc("R:REGEX"), llvm::cl::cat(category)};
  llvm::cl::opt<uint64_t> loraSeed{
      "lora-seed",
      llvm::cl::desc("What the adapters' first values follow from (default 0)"),
      llvm::cl::value_desc("N"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> weights{
      "weights",
      llvm::cl::desc("Take the weights and running statistics of a checkpoint "
                     "of dl-train in place of the model's; of a training with "
                     "--ema, the averages. Without --train, batch "
                     "normalization and dropout are set to inference"),
      llvm::cl::value_desc("CHECKPOINT"), llvm::cl::cat(category)};
  llvm::cl::opt<std::string> trainedModel{
      "trained-onnx",
      llvm::cl::desc("Write the model with the weights of --weights as ONNX, "
                     "for use elsewhere"),
      llvm::cl::value_desc("FILE"), llvm::cl::cat(category)};

  /// What the flags say; nothing without --train. An error reads
  /// "--NAME: WHAT".
  llvm::Expected<std::optional<TrainingOptions>>
  read(Precision precision) const;

  /// The bytes of --memory-budget; 0 without it.
  llvm::Expected<int64_t> readMemoryBudget() const;

  /// Fills `options` where a checkpoint is given; `input` is the model.
  llvm::Error read(llvm::StringRef input,
                   std::optional<WeightsOptions> &options) const;
};

} // namespace dl::tools

#endif // DL_TOOLS_DL_COMPILE_TRAININGFLAGS_H
