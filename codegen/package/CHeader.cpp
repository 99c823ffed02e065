// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "codegen/package/CHeader.h"
#include "runtime/artifact/ElementTypes.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace dl::package {
namespace {

constexpr char kHead[] = R"(#include <stdint.h>

/* Formulas of sizes, as the runtime evaluates them. It refuses sizes for which one
   leaves 64 bits or divides by what is not positive; these functions do not. */
#ifndef DL_FORMULAS
#define DL_FORMULAS
static inline int64_t dl_floordiv(int64_t a, int64_t b) {
  return a / b - (a % b < 0);
}
static inline int64_t dl_ceildiv(int64_t a, int64_t b) {
  return a / b + (a % b > 0);
}
static inline int64_t dl_mod(int64_t a, int64_t b) {
  return a % b + (a % b < 0 ? b : 0);
}
static inline int64_t dl_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t dl_max(int64_t a, int64_t b) { return a > b ? a : b; }
#endif
)";

/// The words of C and C++ that no parameter can be named.
const std::set<std::string> &keywords() {
  static const std::set<std::string> words{
      "alignas",   "alignof",  "and",      "asm",      "auto",    "bool",
      "break",     "case",     "catch",    "char",     "class",   "const",
      "constexpr", "continue", "default",  "delete",   "dims",    "do",
      "double",    "else",     "enum",     "explicit", "export",  "extern",
      "false",     "float",    "for",      "friend",   "goto",    "if",
      "inline",    "int",      "int64_t",  "long",     "mutable", "namespace",
      "new",       "not",      "nullptr",  "operator", "or",      "private",
      "protected", "public",   "register", "restrict", "return",  "short",
      "signed",    "sizeof",   "static",   "struct",   "switch",  "template",
      "this",      "throw",    "true",     "try",      "typedef", "typename",
      "union",     "unsigned", "using",    "virtual",  "void",    "volatile",
      "while",     "xor"};
  return words;
}

bool isPlain(char c) { return std::isalnum(static_cast<unsigned char>(c)); }

std::string toIdentifier(const std::string &name) {
  std::string result;
  for (char c : name)
    result += isPlain(c) && (c & 0x80) == 0 ? c : '_';
  if (result.empty() || std::isdigit(static_cast<unsigned char>(result[0])))
    result = "_" + result;
  return result;
}

std::string toUpper(std::string text) {
  for (char &c : text)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// A name within a comment, or a string of C.
std::string escape(const std::string &name, bool isString) {
  std::string result;
  for (char c : name) {
    bool isSpecial = c == '"' || c == '\\' || c == '?';
    if (c < ' ' || c == 0x7f)
      result += isString ? "\\" + std::string(1, '0' + ((c >> 6) & 3)) +
                               std::string(1, '0' + ((c >> 3) & 7)) +
                               std::string(1, '0' + (c & 7))
                         : "_";
    else if (isString && isSpecial)
      result += std::string("\\") + c;
    else if (!isString && (c == '*' || c == '/'))
      result += '_';
    else
      result += c;
  }
  return result;
}

class EntryHeader {
public:
  explicit EntryHeader(const Program &program)
      : program(program), stem("dl_" + toIdentifier(program.name)) {
    // Names of intermediate values are t0, t1, ...
    std::set<std::string> taken = keywords();
    for (const SymbolDesc &symbol : program.symbols) {
      std::string name = toIdentifier(symbol.name);
      bool isOwn = name.size() > 1 && name[0] == 't' &&
                   std::all_of(name.begin() + 1, name.end(), [](char c) {
                     return std::isdigit(static_cast<unsigned char>(c));
                   });
      if (isOwn)
        name += "_";
      while (!taken.insert(name).second)
        name += "_";
      symbols.push_back(name);
    }
  }

  std::string make() {
    text = "\n/* Entry " + escape(program.name, false) + ". */\n";
    addSymbols();
    addValues(program.inputs, "input");
    addValues(program.outputs, "output");
    text += "/* Bytes of the memory that a run on the CPU needs beside inputs, "
            "outputs and\n   constants. */\n";
    std::vector<FormulaId> arenas = program.lateArenaSizes;
    if (program.arenaSize != kNoFormula)
      arenas.insert(arenas.begin(), program.arenaSize);
    openFunction("int64_t", "arena_bytes", "");
    std::string sum;
    for (FormulaId arena : arenas)
      sum += (sum.empty() ? "" : " + ") + use(arena);
    text += body + "  return " + (sum.empty() ? "0" : sum) + ";\n}\n";
    return text;
  }

private:
  void addSymbols() {
    for (size_t i = 0; i < symbols.size(); ++i) {
      const SymbolDesc &symbol = program.symbols[i];
      text += "/* " + symbols[i] + ": ";
      text += symbol.input < 0
                  ? "a size that the run finds"
                  : "dimension " + std::to_string(symbol.axis) + " of input " +
                        std::to_string(symbol.input);
      text += " */\n";
    }
  }

  void addValues(const std::vector<ValueDesc> &values,
                 const std::string &kind) {
    static const char *const kinds[] = {"tensor", "sequence", "optional",
                                        "optional sequence"};
    std::string prefix = toUpper(stem + "_" + kind);
    text += "#define " + prefix + "S " + std::to_string(values.size()) + "\n";
    for (size_t i = 0; i < values.size(); ++i) {
      const ValueDesc &value = values[i];
      std::string name = prefix + "_" + std::to_string(i);
      text += "#define " + name + "_NAME \"" + escape(value.name, true) +
              "\"\n#define " + name + "_TYPE " +
              std::to_string(value.type.element) + " /* " +
              typeName(value.type.element) + ", as dlrt_type */\n";
      if (!value.isTensor())
        text += "#define " + name + "_KIND " + std::to_string(value.kind) +
                " /* " + kinds[value.kind & 3] + ", as dlrt_value_kind */\n";
      if (value.unranked)
        continue;
      text += "#define " + name + "_RANK " +
              std::to_string(value.type.dims.size()) + "\n";
      openFunction("void", kind + "_" + std::to_string(i) + "_dims",
                   "int64_t *dims");
      std::string stores;
      for (size_t d = 0; d < value.type.dims.size(); ++d)
        stores += "  dims[" + std::to_string(d) +
                  "] = " + use(value.type.dims[d]) + ";\n";
      text += body + (stores.empty() ? "  (void)dims;\n" : stores) + "}\n";
    }
  }

  static const char *typeName(uint8_t type) {
    return type == dlrt::kElementTypeCount ? "string"
                                           : dlrt::elementTypeName(type);
  }

  void openFunction(const std::string &type, const std::string &name,
                    const std::string &last) {
    body.clear();
    made.clear();
    std::string parameters;
    for (const std::string &symbol : symbols) {
      parameters += (parameters.empty() ? "int64_t " : ", int64_t ") + symbol;
      body += "  (void)" + symbol + ";\n";
    }
    if (!last.empty())
      parameters += (parameters.empty() ? "" : ", ") + last;
    text += "static inline " + type + " " + stem + "_" + name + "(" +
            (parameters.empty() ? "void" : parameters) + ") {\n";
  }

  /// The formula as an operand; what it is made of is computed in the body
  /// before, once. A size that may be any is -1.
  std::string use(FormulaId id) {
    if (id == kNoFormula)
      return "-1";
    const Formulas::Node &node = program.formulas[id];
    if (node.op == FormulaOp::Const)
      return node.value < 0 ? "(" + std::to_string(node.value) + ")"
                            : std::to_string(node.value);
    if (node.op == FormulaOp::Symbol)
      return symbols[static_cast<size_t>(node.a)];
    std::string name = "t" + std::to_string(id);
    if (!made.insert(id).second)
      return name;
    std::string a = use(node.a), b = use(node.b);
    body += "  const int64_t " + name + " = " + combine(node.op, a, b) + ";\n";
    return name;
  }

  static std::string combine(FormulaOp op, const std::string &a,
                             const std::string &b) {
    switch (op) {
    case FormulaOp::Add:
      return a + " + " + b;
    case FormulaOp::Sub:
      return a + " - " + b;
    case FormulaOp::Mul:
      return a + " * " + b;
    case FormulaOp::FloorDiv:
      return "dl_floordiv(" + a + ", " + b + ")";
    case FormulaOp::CeilDiv:
      return "dl_ceildiv(" + a + ", " + b + ")";
    case FormulaOp::Mod:
      return "dl_mod(" + a + ", " + b + ")";
    case FormulaOp::Min:
      return "dl_min(" + a + ", " + b + ")";
    default:
      return "dl_max(" + a + ", " + b + ")";
    }
  }

  const Program &program;
  const std::string stem;
  std::vector<std::string> symbols;
  std::string text, body;
  std::set<FormulaId> made; // by the function at hand
};

} // namespace

std::string makeCHeader(const std::vector<Program> &programs,
                        const std::string &producer) {
  std::string text = "/* Made by " + escape(producer, false) + ". */\n";
  // Of two modules with one entry name, a guard would hide the second.
  text += "#pragma once\n\n";
  text += kHead;
  for (const Program &program : programs)
    text += EntryHeader(program).make();
  return text;
}

} // namespace dl::package
