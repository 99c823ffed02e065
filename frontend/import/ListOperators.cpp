// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/import/ListOperators.h"
#include "frontend/import/Constants.h"
#include "frontend/import/GraphImporter.h"
#include "frontend/import/Legacy.h"
#include "frontend/onnx/Model.h"
#include "frontend/onnx/Schemas.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace dl::frontend;
using llvm::StringRef;

/// The domain of ONNX Runtime's own operators.
static constexpr llvm::StringLiteral kRuntimeDomain = "com.microsoft";

static StringRef findMeans(const OperatorSchema &schema,
                           const RuleTable &rules) {
  // What rules know begins with kRuleOpset; older forms are made of it.
  int64_t opset = schema.domain.empty()
                      ? std::max<int64_t>(schema.since, kRuleOpset)
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
  context.loadDialect<mlir::dl::DlDialect>();
  RuleTable rules = makeRules();
  std::vector<OperatorSchema> schemas = listSchemas();
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, 1);
  auto writeTypes = [&](const OperatorSchema &schema,
                        const OperatorSchema::TypeVariable &variable,
                        bool isTaken) {
    json.attributeArray(isTaken ? "taken" : "refused", [&] {
      for (const OperatorSchema::Type &type : variable.types) {
        bool isKnown =
            type.element && getElementType(type.element, &context) != nullptr;
        if (isComplexNumber(type.element))
          isKnown &= !refusesComplexNumbers(schema.domain, schema.name);
        if (isKnown == isTaken)
          json.value(type.name);
      }
    });
  };
  auto writeAll = [&] {
    for (const OperatorSchema &schema : schemas)
      json.object([&] {
        json.attribute("domain", schema.domain);
        json.attribute("name", schema.name);
        json.attribute("since", schema.since);
        if (schema.isDeprecated)
          json.attribute("deprecated", true);
        json.attribute("by", findMeans(schema, rules));
        json.attributeObject("types", [&] {
          for (const OperatorSchema::TypeVariable &variable : schema.variables)
            json.attributeObject(variable.name, [&] {
              writeTypes(schema, variable, true);
              writeTypes(schema, variable, false);
            });
        });
      });
    for (const std::string &name : rules.listOperators(kRuntimeDomain))
      json.object([&] {
        json.attribute("domain", kRuntimeDomain);
        json.attribute("name", name);
        json.attribute("since", 1);
        json.attribute("by", "rule");
        json.attributeObject("types", [] {});
      });
  };
  json.object([&] { json.attributeArray("operators", writeAll); });
  return text + "\n";
}
