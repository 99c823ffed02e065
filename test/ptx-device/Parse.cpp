// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Reads the text that LLVM's backend for PTX writes.

#include "test/ptx-device/Decode.h"

#include <algorithm>
#include <cctype>
#include <sstream>

using namespace dl::ptxdevice;

namespace {

[[noreturn]] void invalid(uint32_t line, const std::string &what) {
  throw Fault(kInvalidPtx, "PTX, line " + std::to_string(line) + ": " + what);
}

/// The text without comments, by characters and with the number of the line.
class Reader {
public:
  explicit Reader(const std::string &text) : text(text) {}

  void skipSpace() {
    while (at < text.size()) {
      if (text.compare(at, 2, "//") == 0)
        while (at < text.size() && text[at] != '\n')
          ++at;
      else if (isspace(static_cast<unsigned char>(text[at])))
        line += text[at++] == '\n';
      else
        break;
    }
  }
  bool isAtEnd() {
    skipSpace();
    return at >= text.size();
  }
  char peek() {
    skipSpace();
    return at < text.size() ? text[at] : '\0';
  }
  bool take(char c) {
    if (peek() != c)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!take(c))
      invalid(line,
              std::string("expected '") + c + "', found '" + peek() + "'");
  }
  /// Letters, digits and what else stands in names and numbers.
  std::string word() {
    skipSpace();
    size_t first = at;
    while (at < text.size() &&
           (isalnum(static_cast<unsigned char>(text[at])) ||
            strchr("_$%.", text[at]) ||
            (text[at] == ':' && at + 1 < text.size() && text[at + 1] == ':')))
      at += text[at] == ':' ? 2 : 1;
    if (at == first)
      invalid(line, std::string("unexpected '") + peek() + "'");
    return text.substr(first, at - first);
  }
  void skipTo(char end) {
    while (!isAtEnd() && peek() != end)
      line += text[at++] == '\n';
    expect(end);
  }
  uint32_t line = 1;

private:
  const std::string &text;
  size_t at = 0;
};

bool isNumber(const std::string &word) {
  return isdigit(static_cast<unsigned char>(word[0]));
}

Operand parseNumber(const std::string &word, bool negative) {
  Operand operand{Operand::Integer, word, 0, {}};
  if (word[0] == '0' && word.size() > 2 && (word[1] == 'f' || word[1] == 'F')) {
    operand.kind = Operand::Float32;
    operand.value =
        static_cast<int64_t>(std::stoull(word.substr(2), nullptr, 16));
  } else if (word[0] == '0' && word.size() > 2 &&
             (word[1] == 'd' || word[1] == 'D')) {
    operand.kind = Operand::Float64;
    operand.value =
        static_cast<int64_t>(std::stoull(word.substr(2), nullptr, 16));
  } else {
    operand.value = static_cast<int64_t>(std::stoull(word, nullptr, 0));
    if (negative)
      operand.value = -operand.value;
  }
  return operand;
}

Operand parseOperand(Reader &reader) {
  if (reader.take('{')) {
    Operand list{Operand::List, "", 0, {}};
    do
      list.of.push_back(parseOperand(reader));
    while (reader.take(','));
    reader.expect('}');
    return list;
  }
  if (reader.take('[')) {
    Operand address = parseOperand(reader);
    address.kind = Operand::Address;
    if (isNumber(address.name))
      address.name.clear();
    if (reader.take('+')) {
      bool negative = reader.take('-');
      address.value = parseNumber(reader.word(), negative).value;
    }
    // Of a tensor, positions follow.
    if (reader.take(','))
      address.of.push_back(parseOperand(reader));
    reader.expect(']');
    return address;
  }
  bool negated = reader.take('!');
  bool negative = reader.take('-');
  std::string word = reader.word();
  Operand operand = isNumber(word) ? parseNumber(word, negative)
                                   : Operand{Operand::Name, word, 0, {}};
  operand.negated = negated;
  // A result and a predicate.
  if (reader.take('|')) {
    Operand list{Operand::List, "", 0, {operand}};
    list.of.push_back(parseOperand(reader));
    return list;
  }
  return operand;
}

std::vector<std::string> splitWords(const std::string &opcode) {
  std::vector<std::string> words;
  std::stringstream stream(opcode);
  for (std::string word; std::getline(stream, word, '.');)
    words.push_back(word);
  return words;
}

/// Where a module's shared memory lies, and its kernels.
class KernelParser : public Places {
public:
  KernelParser(Reader &reader, std::map<std::string, uint32_t> &dynamic)
      : reader(reader), dynamicNames(dynamic) {}

  Kernel parse();

  uint32_t place(const Operand &operand, uint32_t width) override;
  uint32_t widthOf(const Operand &operand) override {
    if (operand.kind != Operand::Name || operand.name == "_")
      return 0;
    const Register *found = find(operand.name);
    return found ? found->width : 0;
  }
  uint32_t scratch(uint32_t width) override { return allocate(width); }
  void placeAddress(const Operand &operand, Instruction &in) override;

private:
  struct Register {
    uint32_t slot, width;
  };
  using Scope = std::map<std::string, Register>;

  uint32_t allocate(uint32_t width) {
    constexpr uint32_t kLine = 64;
    uint32_t slot = kernel.registerBytes;
    kernel.registerBytes += width ? width * kLanes : kLine;
    return slot;
  }
  uint32_t constant(uint64_t value, uint32_t width) {
    auto [found, isNew] = constants.insert({{value, width}, 0});
    if (isNew) {
      found->second = allocate(width);
      kernel.constants.push_back({found->second, width, value});
    }
    return found->second;
  }
  const Register *find(const std::string &name) const {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
      if (auto found = scope->find(name); found != scope->end())
        return &found->second;
    return nullptr;
  }
  std::optional<uint64_t> symbol(const std::string &name);
  void parseParameters();
  void parseDirective(const std::string &word);
  void parseRegisters();
  void parseShared();
  void parseBody();
  void parseStatement();
  void decode(const Statement &statement, Instruction &in);

  Reader &reader;
  std::map<std::string, uint32_t> &dynamicNames;
  Kernel kernel;
  std::vector<Scope> scopes;
  std::vector<uint32_t> scopeNumbers;
  uint32_t scopeCount = 0;
  std::map<std::string, uint64_t> symbols;
  std::map<std::string, uint32_t> parameterNames;
  std::map<std::pair<uint64_t, uint32_t>, uint32_t> constants;
  std::map<std::string, uint32_t> specials;
  std::map<std::pair<uint32_t, std::string>, uint32_t> labels;
  struct Jump {
    size_t instruction;
    std::string label;
    std::vector<uint32_t> scopes;
  };
  std::vector<Jump> jumps;
  std::vector<size_t> dynamicUses; ///< constants that are dynamic addresses
};

std::optional<uint64_t> KernelParser::symbol(const std::string &name) {
  if (auto found = symbols.find(name); found != symbols.end())
    return found->second;
  if (auto found = parameterNames.find(name); found != parameterNames.end())
    return found->second;
  if (dynamicNames.count(name))
    return kernel.dynamicStart;
  return std::nullopt;
}

uint32_t KernelParser::place(const Operand &operand, uint32_t width) {
  if (operand.kind == Operand::Integer || operand.kind == Operand::Float32 ||
      operand.kind == Operand::Float64) {
    uint64_t value = static_cast<uint64_t>(operand.value);
    if (width == 0)
      value = value ? kAllLanes : 0;
    return constant(
        width && width < 8 ? value & ((uint64_t(1) << 8 * width) - 1) : value,
        width);
  }
  if (operand.kind != Operand::Name)
    invalid(reader.line, "expected a register");
  if (operand.name == "_")
    return scratch(width);
  if (const Register *found = find(operand.name)) {
    if (found->width != width)
      invalid(reader.line, "the register " + operand.name + " has " +
                               std::to_string(found->width) + " bytes, not " +
                               std::to_string(width));
    return found->slot;
  }
  if (auto address = symbol(operand.name))
    return constant(*address, width);
  static const char *const kSpecials[] = {
      "%tid.x",   "%tid.y",    "%tid.z",    "%ctaid.x",  "%ctaid.y",
      "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z", "%ntid.x",
      "%ntid.y",  "%ntid.z",   "%laneid",   "%warpid"};
  if (width == 4 && std::find(std::begin(kSpecials), std::end(kSpecials),
                              operand.name) != std::end(kSpecials)) {
    auto [found, isNew] = specials.insert({operand.name, 0});
    if (isNew) {
      found->second = allocate(width);
      kernel.specials.push_back({found->second, operand.name});
    }
    return found->second;
  }
  invalid(reader.line, "there is no " + operand.name);
}

void KernelParser::placeAddress(const Operand &operand, Instruction &in) {
  if (operand.kind != Operand::Address)
    invalid(reader.line, "expected an address");
  in.offset = operand.value;
  if (operand.name.empty()) {
    in.a = constant(0, 8);
  } else if (const Register *found = find(operand.name)) {
    in.a = found->slot;
    in.mode |= found->width == 4 ? 1u << 31 : 0;
  } else if (auto address = symbol(operand.name)) {
    in.a = constant(*address, 8);
  } else {
    invalid(reader.line, "there is no " + operand.name);
  }
}

void KernelParser::parseParameters() {
  reader.expect('(');
  while (!reader.take(')')) {
    uint32_t bytes = 0, alignment = 0;
    std::string word;
    for (word = reader.word(); word[0] == '.'; word = reader.word()) {
      if (word == ".align") {
        alignment =
            static_cast<uint32_t>(parseNumber(reader.word(), false).value);
      } else if (word == ".ptr") {
        for (word = reader.word(); word != ".align"; word = reader.word())
          if (word[0] != '.')
            invalid(reader.line, "unexpected " + word);
        reader.word();
      } else if (auto size = typeBytes(word.substr(1))) {
        bytes = *size;
      }
    }
    if (reader.take('[')) {
      bytes *= static_cast<uint32_t>(parseNumber(reader.word(), false).value);
      reader.expect(']');
    }
    if (!bytes)
      invalid(reader.line, "the parameter " + word + " has no size");
    alignment = std::max(alignment, std::min(bytes, 8u));
    uint32_t offset =
        (kernel.parameterBytes + alignment - 1) / alignment * alignment;
    kernel.parameters.push_back({offset, bytes});
    kernel.parameterBytes = offset + bytes;
    parameterNames[word] = offset;
    reader.take(',');
  }
}

/// "%r<16>" are sixteen registers.
void KernelParser::parseRegisters() {
  std::string type = reader.word();
  uint32_t width = 0;
  if (type != ".pred") {
    auto bytes = typeBytes(type.substr(1));
    if (!bytes || *bytes < 2 || *bytes > 8)
      invalid(reader.line, "no registers of the type " + type);
    width = *bytes;
  }
  do {
    std::string name = reader.word();
    if (reader.take('<')) {
      int64_t count = parseNumber(reader.word(), false).value;
      reader.expect('>');
      for (int64_t i = 0; i < count; ++i)
        scopes.back()[name + std::to_string(i)] = {allocate(width), width};
    } else {
      scopes.back()[name] = {allocate(width), width};
    }
  } while (reader.take(','));
  reader.expect(';');
}

void KernelParser::parseShared() {
  uint32_t alignment = 1, bytes = 0;
  std::string word = reader.word();
  for (; word[0] == '.'; word = reader.word())
    if (word == ".align")
      alignment =
          static_cast<uint32_t>(parseNumber(reader.word(), false).value);
    else if (auto size = typeBytes(word.substr(1)))
      bytes = *size;
  if (reader.take('[')) {
    bytes *= static_cast<uint32_t>(parseNumber(reader.word(), false).value);
    reader.expect(']');
  }
  reader.expect(';');
  uint32_t offset =
      (kernel.sharedBytes + alignment - 1) / alignment * alignment;
  symbols[word] = offset;
  kernel.sharedBytes = offset + bytes;
  constexpr uint32_t kDynamicAlignment = 1024;
  kernel.dynamicStart = (kernel.sharedBytes + kDynamicAlignment - 1) /
                        kDynamicAlignment * kDynamicAlignment;
}

void KernelParser::parseDirective(const std::string &word) {
  if (word == ".reg")
    return parseRegisters();
  if (word == ".shared")
    return parseShared();
  if (word == ".pragma" || word == ".loc")
    return reader.skipTo(';');
  invalid(reader.line, "not supported: " + word);
}

void KernelParser::decode(const Statement &statement, Instruction &in) {
  const std::string &name = statement.words[0];
  in.line = statement.line;
  if (name == "ret" || name == "exit") {
    in.flow = Flow::Exit;
    return;
  }
  if (name == "bra") {
    in.flow = Flow::Branch;
    jumps.push_back(
        {kernel.code.size(), statement.operands.at(0).name, scopeNumbers});
    return;
  }
  if (name == "bar" || name == "barrier") {
    if (statement.has("warp")) {
      in.flow = Flow::Together;
      in.run = [](Warp &, const Instruction &, uint32_t) {};
      return;
    }
    if (!statement.has("sync") && !statement.has("arrive"))
      invalid(statement.line, "not supported: " + statement.opcode);
    in.flow = statement.has("arrive") ? Flow::Arrive : Flow::Barrier;
    in.a = place(statement.operands.at(0), 4);
    in.mode = statement.operands.size() > 1;
    if (in.mode)
      in.b = place(statement.operands[1], 4);
    if (in.mode || statement.operands[0].value)
      kernel.hasEpochs = false;
    return;
  }
  if (name == "mbarrier")
    kernel.hasEpochs = false;
  if (name == "wgmma")
    kernel.hasProducts = true;
  bool isKnown = false;
  try {
    isKnown = decodeArithmetic(statement, *this, in) ||
              decodeConversion(statement, *this, in) ||
              decodeAccess(statement, *this, in) ||
              decodeTogether(statement, *this, in) ||
              decodeMatrix(statement, *this, in) ||
              decodeAsync(statement, *this, in);
  } catch (const std::out_of_range &) {
    invalid(statement.line, "too few operands of " + statement.opcode);
  }
  if (!isKnown)
    invalid(statement.line, "not supported: " + statement.opcode);
}

void KernelParser::parseStatement() {
  Instruction in;
  if (reader.take('@')) {
    in.guardNegated = reader.take('!');
    Operand guard{Operand::Name, reader.word(), 0, {}};
    in.guard = static_cast<int32_t>(place(guard, 0));
  }
  Statement statement;
  statement.opcode = reader.word();
  statement.line = reader.line;
  if (reader.take(':')) {
    labels[{scopeNumbers.back(), statement.opcode}] =
        static_cast<uint32_t>(kernel.code.size());
    return;
  }
  statement.words = splitWords(statement.opcode);
  while (!reader.take(';')) {
    statement.operands.push_back(parseOperand(reader));
    reader.take(',');
  }
  decode(statement, in);
  kernel.code.push_back(std::move(in));
}

void KernelParser::parseBody() {
  reader.expect('{');
  scopes.emplace_back();
  scopeNumbers.push_back(scopeCount++);
  while (!scopes.empty()) {
    if (reader.take('{')) {
      scopes.emplace_back();
      scopeNumbers.push_back(scopeCount++);
    } else if (reader.take('}')) {
      scopes.pop_back();
      scopeNumbers.pop_back();
    } else if (reader.peek() == '.') {
      parseDirective(reader.word());
    } else {
      parseStatement();
    }
  }
  Instruction end;
  end.flow = Flow::Exit;
  kernel.code.push_back(end);
  for (const Jump &jump : jumps) {
    bool isFound = false;
    for (auto scope = jump.scopes.rbegin();
         scope != jump.scopes.rend() && !isFound; ++scope)
      if (auto found = labels.find({*scope, jump.label});
          found != labels.end()) {
        kernel.code[jump.instruction].target = found->second;
        isFound = true;
      }
    if (!isFound)
      invalid(kernel.code[jump.instruction].line,
              "there is no label " + jump.label);
  }
}

Kernel KernelParser::parse() {
  kernel.name = reader.word();
  parseParameters();
  while (reader.peek() == '.') {
    std::string word = reader.word();
    uint32_t number =
        static_cast<uint32_t>(parseNumber(reader.word(), false).value);
    if (word == ".reqntid")
      kernel.requiredThreads = number;
    while (reader.take(','))
      reader.word();
  }
  parseBody();
  return std::move(kernel);
}

} // namespace

namespace dl::ptxdevice {

std::optional<uint32_t> typeBytes(const std::string &word) {
  static const std::map<std::string, uint32_t> kBytes = {
      {"b8", 1},    {"u8", 1},  {"s8", 1},    {"b16", 2},  {"u16", 2},
      {"s16", 2},   {"f16", 2}, {"bf16", 2},  {"b32", 4},  {"u32", 4},
      {"s32", 4},   {"f32", 4}, {"f16x2", 4}, {"tf32", 4}, {"bf16x2", 4},
      {"b64", 8},   {"u64", 8}, {"s64", 8},   {"f64", 8},  {"e4m3x2", 2},
      {"e5m2x2", 2}};
  auto found = kBytes.find(word);
  return found == kBytes.end() ? std::nullopt
                               : std::optional<uint32_t>(found->second);
}

std::map<std::string, Kernel> parseModule(const std::string &text) {
  Reader reader(text);
  std::map<std::string, Kernel> kernels;
  std::map<std::string, uint32_t> dynamic;
  while (!reader.isAtEnd()) {
    std::string word = reader.word();
    if (word == ".version" || word == ".address_size" || word == ".target") {
      reader.word();
      while (reader.take(','))
        reader.word();
    } else if (word == ".visible" || word == ".weak") {
      continue;
    } else if (word == ".extern") {
      // ".shared .align 1024 .b8 name[];"
      if (reader.word() != ".shared")
        invalid(reader.line, "not supported: external symbols");
      for (word = reader.word(); word[0] == '.'; word = reader.word())
        if (word == ".align")
          reader.word();
      dynamic[word] = 0;
      reader.skipTo(';');
    } else if (word == ".entry") {
      Kernel kernel = KernelParser(reader, dynamic).parse();
      std::string name = kernel.name;
      kernels.emplace(name, std::move(kernel));
    } else {
      invalid(reader.line, "not supported: " + word);
    }
  }
  return kernels;
}

} // namespace dl::ptxdevice
