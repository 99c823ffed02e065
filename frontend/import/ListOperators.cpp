// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/ListOperators.h"
#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/onnx/Model.h"
#include "frontend/onnx/Schemas.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace dl::frontend;
using llvm::StringRef;

/// The form of an operator that its nodes have once the model is prepared: null
/// where there is none any more.
static const OperatorSchema *
findRaised(const OperatorSchema &schema,
           llvm::ArrayRef<OperatorSchema> schemas) {
  if (!schema.domain.empty() || schema.since >= kOldestOpset)
    return &schema;
  const OperatorSchema *best = nullptr;
  for (const OperatorSchema &other : schemas)
    if (other.domain == schema.domain && other.name == schema.name &&
        other.since <= kOldestOpset && (!best || other.since > best->since))
      best = &other;
  return best;
}

static StringRef findMeans(const OperatorSchema &schema,
                           const RuleTable &rules) {
  int64_t opset = schema.domain.empty()
                      ? std::max<int64_t>(schema.since, kOldestOpset)
                      : schema.since;
  if (rules.find(schema.domain, schema.name, opset))
    return "rule";
  bool isControlFlow =
      schema.domain.empty() &&
      (schema.name == "If" || schema.name == "Loop" || schema.name == "Scan");
  if (isControlFlow)
    return "control flow";
  return schema.hasFunction && !schema.isDeprecated ? "function" : "nothing";
}

std::string dl::frontend::listOperators() {
  mlir::MLIRContext context;
  RuleTable rules = makeRules();
  std::vector<OperatorSchema> schemas = listSchemas();
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, 1);
  auto writeTypes = [&](const OperatorSchema::TypeVariable &variable,
                        bool isTaken) {
    json.attributeArray(isTaken ? "taken" : "refused", [&] {
      for (const OperatorSchema::Type &type : variable.types) {
        bool isKnown =
            type.element && getElementType(type.element, &context) != nullptr;
        if (isKnown == isTaken)
          json.value(type.name);
      }
    });
  };
  auto writeAll = [&] {
    for (const OperatorSchema &schema : schemas)
      json.object([&] {
        const OperatorSchema *raised = findRaised(schema, schemas);
        json.attribute("domain", schema.domain);
        json.attribute("name", schema.name);
        json.attribute("since", schema.since);
        if (schema.isDeprecated)
          json.attribute("deprecated", true);
        if (raised && raised != &schema)
          json.attribute("raised_to", raised->since);
        json.attribute("by", findMeans(raised ? *raised : schema, rules));
        json.attributeObject("types", [&] {
          for (const OperatorSchema::TypeVariable &variable : schema.variables)
            json.attributeObject(variable.name, [&] {
              writeTypes(variable, true);
              writeTypes(variable, false);
            });
        });
      });
  };
  json.object([&] {
    json.attribute("oldest_opset", kOldestOpset);
    json.attributeArray("operators", writeAll);
  });
  return text + "\n";
}
