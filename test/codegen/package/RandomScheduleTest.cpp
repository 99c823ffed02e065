// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Random schedules, run once as the IR says and once as the module's steps on
// one arena say. Kernels hash their operands, so that any clobbered byte shows.

#include "codegen/package/Coalesce.h"
#include "codegen/package/MemoryPlan.h"
#include "codegen/package/Schedule.h"
#include "ir/dialect/Dims.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include <gtest/gtest.h>
#include <random>
#include <set>

using namespace dl::package;
using mlir::AffineExpr;
using mlir::cast;
using mlir::dyn_cast;
using mlir::RankedTensorType;
using mlir::Value;

namespace {

using Bytes = std::vector<uint8_t>;

/// Writes results of a kernel from its operands.
class Kernel {
public:
  explicit Kernel(llvm::StringRef name) {
    mix(Bytes(name.begin(), name.end()));
  }
  void mix(const Bytes &bytes) {
    for (uint8_t byte : bytes)
      state = (state ^ byte) * 1099511628211u;
    state = (state ^ bytes.size()) * 1099511628211u;
  }
  Bytes getResult(size_t number, size_t bytes) const {
    Bytes result(bytes);
    uint64_t s = state + number * 77777;
    for (uint8_t &byte : result) {
      s = s * 6364136223846793005u + 1442695040888963407u;
      byte = s >> 56;
    }
    return result;
  }

private:
  uint64_t state = 14695981039346656037u;
};

//===----------------------------------------------------------------------===//
// Generator
//===----------------------------------------------------------------------===//

/// Text of a random module. Sizes: s0, s1, and small constants.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  std::string generate() {
    Scope scope;
    std::string arguments;
    // Bind both symbols.
    for (const char *shape : {"s0,4", "s0,s1", "3,4", "4"}) {
      std::string name = "%in" + std::to_string(scope.size());
      arguments += (arguments.empty() ? "" : ", ") + name + ": " + type(shape);
      scope.push_back({name, shape});
    }
    std::string body;
    addOps(scope, body, 2 + random() % 12, 0);
    std::string results, types;
    for (int i = 1 + random() % 4; i > 0; --i) {
      // Late values more often than inputs.
      const Item &item =
          random() % 4 ? scope[scope.size() - 1 -
                               random() % std::min<size_t>(4, scope.size())]
                       : pick(scope);
      results += (results.empty() ? "" : ", ") + item.name;
      types += (types.empty() ? "" : ", ") + type(item.shape);
    }
    return "func.func @main(" + arguments + ") -> (" + types +
           ") attributes {dl.symbols = [\"A\", \"B\"]} {\n" + body + "return " +
           results + " : " + types + "\n}\n" + kernels;
  }

private:
  struct Item {
    std::string name, shape;
  };
  using Scope = std::vector<Item>;

  static std::string type(const std::string &shape, bool encoded = true) {
    std::string text = "tensor<";
    bool dynamic = false;
    llvm::SmallVector<llvm::StringRef> dims;
    if (!shape.empty())
      llvm::StringRef(shape).split(dims, ',');
    for (llvm::StringRef dim : dims) {
      bool isStatic = llvm::all_of(dim, llvm::isDigit);
      dynamic |= !isStatic;
      text += (isStatic ? dim.str() : "?") + "x";
    }
    text += "f32";
    if (dynamic && encoded)
      text += ", #dl.dims<()[s0, s1] -> (" + shape + ")>";
    return text + ">";
  }

  template <typename T> const T &pick(const std::vector<T> &list) {
    return list[random() % list.size()];
  }

  std::string newName() { return "%v" + std::to_string(counter++); }

  void addOps(Scope &scope, std::string &body, int count, int depth) {
    for (int i = 0; i < count; ++i)
      switch (random() % 9) {
      case 8:
        addConcat(scope, body);
        break;
      case 0:
        addView(scope, body);
        break;
      case 1:
        addConstant(scope, body);
        break;
      case 2:
        if (depth < 3) {
          addScan(scope, body, depth);
          break;
        }
        [[fallthrough]];
      default:
        addDispatch(scope, body);
      }
  }

  void addView(Scope &scope, std::string &body) {
    Item from = pick(scope), to{newName(), ""};
    if (from.shape == "s0,4")
      to.shape = "s0 * 4";
    else if (from.shape == "3,4")
      to.shape = "12";
    else
      to.shape = from.shape + ",1";
    body += to.name + " = dl.reshape " + from.name + " : (" + type(from.shape) +
            ") -> " + type(to.shape) + "\n";
    scope.push_back(to);
  }

  void addConcat(Scope &scope, std::string &body) {
    Scope fitting;
    for (const Item &item : scope)
      if (llvm::StringRef(item.shape).split(',').second == "4")
        fitting.push_back(item);
    std::string names, types, rows;
    int64_t number = 0, known = 0;
    for (int i = 2 + random() % 2; i > 0; --i) {
      const Item &item = pickOperand(fitting);
      std::string size = llvm::StringRef(item.shape).split(',').first.str();
      bool isSymbol = llvm::StringRef(size).getAsInteger(10, known);
      number += isSymbol ? INT32_MIN : known;
      names += (names.empty() ? "" : ", ") + item.name;
      types += (types.empty() ? "" : ", ") + type(item.shape);
      rows += (rows.empty() ? "(" : " + (") + size + ")";
    }
    Item to{newName(), (number > 0 ? std::to_string(number) : rows) + ",4"};
    body += to.name + " = dl.concat " + names + " {axis = 0 : i64} : (" +
            types + ") -> " + type(to.shape) + "\n";
    scope.push_back(to);
  }

  void addConstant(Scope &scope, std::string &body) {
    Item to{newName(), random() % 2 ? "4" : "3,4"};
    body += to.name + " = dl.constant dense<" + std::to_string(counter) +
            ".0> : " + type(to.shape) + "\n";
    scope.push_back(to);
  }

  /// Operands are recent values more often, so that they die.
  const Item &pickOperand(const Scope &scope) {
    return random() % 3 ? scope[scope.size() - 1 -
                                random() % std::min<size_t>(3, scope.size())]
                        : pick(scope);
  }

  void addDispatch(Scope &scope, std::string &body) {
    std::vector<Item> inputs, outputs;
    for (int i = 1 + random() % 3; i > 0; --i)
      inputs.push_back(pickOperand(scope));
    static const std::vector<std::string> shapes = {
        "s0,4", "s0,s1", "3,4", "4", "s1", "s0 * 4", "s0 + s1,4"};
    for (int i = random() % 5 == 0 ? 2 : 1; i > 0; --i)
      outputs.push_back(
          {newName(), random() % 3 ? inputs[0].shape : pick(shapes)});
    std::string kernel = "@k" + std::to_string(counter++);
    std::string operands, types, plainTypes, plainResults, resultTypes, results,
        inPlace;
    auto append = [](std::string &list, const std::string &item) {
      list += (list.empty() ? "" : ", ") + item;
    };
    for (const Item &item : inputs) {
      append(operands, item.name);
      append(types, type(item.shape));
      append(plainTypes, type(item.shape, false));
    }
    for (const Item &item : outputs) {
      append(results, item.name);
      append(resultTypes, type(item.shape));
      append(plainTypes, type(item.shape, false));
      append(plainResults, type(item.shape, false));
      int permitted = -1;
      for (size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].shape == item.shape && random() % 2)
          permitted = i;
      // One input goes to one result.
      if (llvm::StringRef(inPlace).contains(std::to_string(permitted)))
        permitted = -1;
      append(inPlace, std::to_string(permitted));
    }
    body += results + " = dl.dispatch " + kernel + "(" + operands +
            ") sizes affine_map<() -> ()> : (" + types + ") -> (" +
            resultTypes + ")\n";
    kernels += "func.func private " + kernel + "(" + plainTypes + ") -> (" +
               plainResults +
               ") attributes {dl.kernel, dl.in_place = "
               "array<i64: " +
               inPlace + ">}\n";
    scope.insert(scope.end(), outputs.begin(), outputs.end());
  }

  void addScan(Scope &scope, std::string &body, int depth) {
    // Inputs that share their first dimension.
    std::string first = random() % 2 ? "s0" : "3";
    Scope candidates, inputs, states;
    for (const Item &item : scope)
      if (llvm::StringRef(item.shape).split(',').first == first &&
          llvm::StringRef(item.shape).contains(','))
        candidates.push_back(item);
    for (int i = 1 + random() % 2; i > 0; --i)
      inputs.push_back(pick(candidates));
    for (int i = random() % 4; i > 0; --i)
      states.push_back(pickOperand(scope));
    Scope inner = scope;
    std::string header, operandTypes, stateNames, inputNames;
    auto addArgument = [&](const std::string &shape) {
      Item argument{newName(), shape};
      header +=
          (header.empty() ? "" : ", ") + argument.name + ": " + type(shape);
      inner.push_back(argument);
      return argument;
    };
    Scope stateArguments;
    for (const Item &item : states) {
      stateNames += (stateNames.empty() ? "" : ", ") + item.name;
      operandTypes += (operandTypes.empty() ? "" : ", ") + type(item.shape);
      stateArguments.push_back(addArgument(item.shape));
    }
    for (const Item &item : inputs) {
      inputNames += (inputNames.empty() ? "" : ", ") + item.name;
      operandTypes += (operandTypes.empty() ? "" : ", ") + type(item.shape);
      addArgument(llvm::StringRef(item.shape).split(',').second.str());
    }
    std::string loop;
    addOps(inner, loop, 1 + random() % 5, depth + 1);
    std::string yields, yieldTypes, resultTypes;
    Scope results;
    auto yield = [&](const Item &item, const std::string &resultShape) {
      yields += (yields.empty() ? "" : ", ") + item.name;
      yieldTypes += (yieldTypes.empty() ? "" : ", ") + type(item.shape);
      resultTypes += (resultTypes.empty() ? "" : ", ") + type(resultShape);
      results.push_back({newName(), resultShape});
    };
    for (const Item &state : states) {
      Scope fitting;
      for (const Item &item : inner)
        if (item.shape == state.shape)
          fitting.push_back(item);
      yield(random() % 4 ? fitting.back() : pick(fitting), state.shape);
    }
    for (int i = random() % 3 + (states.empty() ? 1 : 0); i > 0; --i) {
      const Item &item = pickOperand(inner);
      if (llvm::StringRef(item.shape).count(',') < 3)
        yield(item, first + "," + item.shape);
    }
    if (results.empty())
      return;
    std::string names;
    for (const Item &item : results)
      names += (names.empty() ? "" : ", ") + item.name;
    body += names + " = dl.scan states(" + stateNames + ") inputs(" +
            inputNames + ") {\n^bb0(" + header + "):\n" + loop + "dl.yield " +
            yields + " : " + yieldTypes + "\n}" +
            (random() % 2 ? " {reverse = true}" : "") + " : (" + operandTypes +
            ") -> (" + resultTypes + ")\n";
    scope.insert(scope.end(), results.begin(), results.end());
  }

  std::mt19937 random;
  std::string kernels;
  int counter = 0;
};

//===----------------------------------------------------------------------===//
// What the IR says
//===----------------------------------------------------------------------===//

class Interpreter {
public:
  explicit Interpreter(std::vector<int64_t> symbols)
      : symbols(std::move(symbols)) {}

  int64_t evaluate(AffineExpr expr) const {
    if (auto constant = dyn_cast<mlir::AffineConstantExpr>(expr))
      return constant.getValue();
    if (auto symbol = dyn_cast<mlir::AffineSymbolExpr>(expr))
      return symbols[symbol.getPosition()];
    auto binary = cast<mlir::AffineBinaryOpExpr>(expr);
    int64_t a = evaluate(binary.getLHS()), b = evaluate(binary.getRHS());
    return expr.getKind() == mlir::AffineExprKind::Add ? a + b : a * b;
  }

  size_t getBytes(Value value) const {
    size_t bytes = 4;
    for (AffineExpr dim :
         mlir::dl::getDims(cast<RankedTensorType>(value.getType())))
      bytes *= evaluate(dim);
    return bytes;
  }

  void run(mlir::Block &block) {
    for (mlir::Operation &op : block.without_terminator()) {
      if (auto constant = dyn_cast<mlir::dl::ConstantOp>(op)) {
        auto raw = cast<mlir::DenseElementsAttr>(constant.getValue());
        Bytes &bytes = values[constant];
        bytes.clear();
        for (float value : raw.getValues<float>()) {
          auto *data = reinterpret_cast<const uint8_t *>(&value);
          bytes.insert(bytes.end(), data, data + 4);
        }
      } else if (auto reshape = dyn_cast<mlir::dl::ReshapeOp>(op)) {
        // A copy: an insertion moves the map's values.
        Bytes bytes = values[reshape.getOperand()];
        values[reshape] = std::move(bytes);
      } else if (auto concat = dyn_cast<mlir::dl::ConcatOp>(op)) {
        Bytes whole;
        for (Value part : concat.getOperands())
          llvm::append_range(whole, values[part]);
        values[concat.getResult()] = std::move(whole);
      } else if (auto dispatch = dyn_cast<mlir::dl::DispatchOp>(op)) {
        Kernel kernel(dispatch.getKernel());
        for (Value input : dispatch.getInputs())
          kernel.mix(values[input]);
        for (auto [i, result] : llvm::enumerate(dispatch.getResults()))
          values[result] = kernel.getResult(i, getBytes(result));
      } else {
        run(cast<mlir::dl::ScanOp>(op));
      }
    }
  }

  llvm::DenseMap<Value, Bytes> values;

private:
  void run(mlir::dl::ScanOp scan) {
    mlir::Block &body = scan.getBody().front();
    size_t numStates = scan.getStates().size();
    int64_t count = evaluate(mlir::dl::getDim(
        cast<RankedTensorType>(scan.getInputs()[0].getType()), 0));
    std::vector<Bytes> state;
    for (Value init : scan.getStates())
      state.push_back(values[init]);
    std::vector<Bytes> stacked(scan->getNumResults() - numStates);
    for (size_t i = 0; i < stacked.size(); ++i)
      stacked[i].resize(getBytes(scan.getResult(numStates + i)));
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = scan.getReverse() ? count - 1 - i : i;
      for (size_t s = 0; s < numStates; ++s)
        values[body.getArgument(s)] = state[s];
      for (auto [k, input] : llvm::enumerate(scan.getInputs())) {
        Bytes whole = values[input];
        size_t size = whole.size() / count;
        values[body.getArgument(numStates + k)] =
            Bytes(whole.begin() + at * size, whole.begin() + (at + 1) * size);
      }
      run(body);
      mlir::Operation *yield = body.getTerminator();
      for (size_t s = 0; s < numStates; ++s)
        state[s] = values[yield->getOperand(s)];
      for (size_t k = 0; k < stacked.size(); ++k) {
        const Bytes &slice = values[yield->getOperand(numStates + k)];
        std::copy(slice.begin(), slice.end(),
                  stacked[k].begin() + at * slice.size());
      }
    }
    for (size_t s = 0; s < numStates; ++s)
      values[scan.getResult(s)] = state[s];
    for (size_t k = 0; k < stacked.size(); ++k)
      values[scan.getResult(numStates + k)] = stacked[k];
  }

  std::vector<int64_t> symbols;
};

//===----------------------------------------------------------------------===//
// What the module says
//===----------------------------------------------------------------------===//

class Machine {
public:
  Machine(const Program &program, std::vector<std::string> kernelNames,
          const std::vector<int64_t> &symbols, std::vector<Bytes> inputs,
          std::vector<Bytes> constants)
      : program(program), kernelNames(std::move(kernelNames)),
        values(program.formulas.evaluate(symbols).value()),
        inputs(std::move(inputs)), constants(std::move(constants)),
        arena(values[program.arenaSize], 0xcc) {
    outputs.resize(program.outputs.size());
    for (const Storage &storage : program.storages)
      if (storage.kind == StorageKind::Output)
        outputs[storage.index].assign(values[storage.size], 0xdd);
  }

  void run() { run(program.steps); }

  std::vector<Bytes> outputs;
  int copies = 0;

private:
  int64_t value(FormulaId id) const {
    return id == kNoFormula ? 0 : values[id];
  }

  std::pair<uint8_t *, size_t> resolve(const View &view) {
    const Storage &storage = program.storages[view.storage];
    int64_t offset = value(view.offset), size = value(storage.size);
    for (size_t d = 0; d < view.strides.size(); ++d)
      offset += value(view.strides[d]) * iterations[d];
    int64_t bytes = values[view.bytes];
    EXPECT_TRUE(offset >= 0 && offset + bytes <= size)
        << offset << " + " << bytes << " > " << size;
    Bytes *memory = &arena;
    if (storage.kind == StorageKind::Arena)
      offset += value(storage.offset);
    else
      memory = storage.kind == StorageKind::Input ? &inputs[storage.index]
               : storage.kind == StorageKind::Output
                   ? &outputs[storage.index]
                   : &constants[storage.index];
    EXPECT_LE(offset + bytes, static_cast<int64_t>(memory->size()));
    return {memory->data() + offset, bytes};
  }

  static Bytes read(std::pair<uint8_t *, size_t> view) {
    return Bytes(view.first, view.first + view.second);
  }

  void run(const std::vector<Step> &steps) {
    for (const Step &step : steps) {
      if (step.kind == Step::Kind::Loop) {
        iterations.push_back(0);
        for (int64_t i = 0, e = values[step.count]; i < e; ++i) {
          iterations.back() = i;
          run(step.body);
        }
        iterations.pop_back();
        continue;
      }
      std::vector<std::pair<uint8_t *, size_t>> args;
      args.reserve(step.args.size());
      for (const View &view : step.args)
        args.push_back(resolve(view));
      if (step.kind == Step::Kind::Copy) {
        ++copies;
        ASSERT_EQ(args[0].second, args[1].second);
        if (args[0].second)
          std::memmove(args[1].first, args[0].first, args[0].second);
        continue;
      }
      // Operands that a result may overwrite are read before, all others after
      // the results have been overwritten.
      std::vector<Bytes> operands(step.numInputs);
      std::set<size_t> early;
      for (auto [result, input] : step.inPlace)
        if (args[input].first == args[step.numInputs + result].first)
          early.insert(input);
      for (size_t input : early)
        operands[input] = read(args[input]);
      for (size_t i = step.numInputs; i < args.size(); ++i)
        std::fill_n(args[i].first, args[i].second, 0xee);
      Kernel kernel(kernelNames[step.kernel]);
      for (size_t i = 0; i < step.numInputs; ++i)
        kernel.mix(early.count(i) ? operands[i] : read(args[i]));
      for (size_t i = step.numInputs; i < args.size(); ++i) {
        Bytes result = kernel.getResult(i - step.numInputs, args[i].second);
        std::copy(result.begin(), result.end(), args[i].first);
      }
    }
  }

  const Program &program;
  std::vector<std::string> kernelNames;
  std::vector<int64_t> values;
  std::vector<Bytes> inputs, constants;
  Bytes arena;
  std::vector<int64_t> iterations;
};

struct Totals {
  int naive = 0, left = 0;
};

void check(unsigned seed, mlir::MLIRContext &context, Totals &totals) {
  std::string text = Generator(seed).generate();
  SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  KernelNumbers kernels;
  std::vector<std::string> kernelNames;
  for (auto function : module->getOps<mlir::func::FuncOp>())
    if (function->hasAttr("dl.kernel")) {
      kernels[function.getName()] = kernelNames.size();
      kernelNames.push_back(function.getName().str());
    }
  auto main = module->lookupSymbol<mlir::func::FuncOp>("main");
  Constants constants;
  auto naive = buildProgram(main, kernels, constants);
  ASSERT_TRUE(succeeded(naive));
  std::vector<int32_t> numbers = constants.deduplicate(1);
  for (Storage &storage : naive->storages)
    if (storage.kind == StorageKind::Constant)
      storage.index = numbers[storage.index];
  Program program = *naive;
  coalesce(program);
  planArena(program);
  planArena(*naive);

  std::vector<Bytes> constantBytes;
  for (const ConstantData &data : constants.get()) {
    constantBytes.emplace_back();
    data.produce(100, [&](llvm::ArrayRef<char> piece) {
      constantBytes.back().insert(constantBytes.back().end(), piece.begin(),
                                  piece.end());
      return true;
    });
  }
  for (auto [a, b] : std::vector<std::pair<int64_t, int64_t>>{
           {2, 3}, {1, 1}, {5, 17}, {0, 2}, {3, 0}}) {
    std::vector<int64_t> symbols{a, b};
    std::string error;
    ArenaUse use = getArenaUse(program);
    MemoryPlan plan{{}, program.arenaSize};
    for (int32_t storage : use.storages)
      plan.offsets.push_back(program.storages[storage].offset);
    ASSERT_TRUE(
        verifyMemoryPlan(program.formulas, use.items, plan, symbols, error))
        << error;
    Interpreter interpreter(symbols);
    std::vector<Bytes> inputs;
    for (mlir::BlockArgument argument : main.getArguments()) {
      Bytes bytes(interpreter.getBytes(argument));
      for (size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = i * 31 + argument.getArgNumber();
      inputs.push_back(bytes);
      interpreter.values[argument] = bytes;
    }
    interpreter.run(main.getBody().front());
    mlir::Operation *end = main.getBody().front().getTerminator();
    for (bool optimized : {false, true}) {
      const Program &tested = optimized ? program : *naive;
      Machine machine(tested, kernelNames, symbols, inputs, constantBytes);
      machine.run();
      (optimized ? totals.left : totals.naive) += machine.copies;
      for (auto [i, value] : llvm::enumerate(end->getOperands()))
        ASSERT_EQ(machine.outputs[i], interpreter.values[value])
            << "output " << i << " of the "
            << (optimized ? "optimized" : "naive") << " program\n"
            << print(tested);
    }
  }
}

} // namespace

TEST(RandomSchedule, GiveTheSameResults) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::dl::DlDialect, mlir::func::FuncDialect>();
  mlir::MLIRContext context(registry);
  Totals totals;
  for (unsigned seed = 0; seed < 1500; ++seed) {
    check(seed, context, totals);
    if (testing::Test::HasFatalFailure())
      return;
  }
  RecordProperty("copies", std::to_string(totals.left) + " of " +
                               std::to_string(totals.naive));
  EXPECT_LT(totals.left * 10, totals.naive * 7);
}
