// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/fuzz/ModelMutator.h"

#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"
#include <cmath>
#include <cstdint>
#include <google/protobuf/message.h>
#include <random>

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

constexpr int64_t kIntegers[] = {0,
                                 1,
                                 -1,
                                 2,
                                 3,
                                 4,
                                 -2,
                                 5,
                                 7,
                                 8,
                                 13,
                                 16,
                                 64,
                                 127,
                                 128,
                                 255,
                                 256,
                                 65536,
                                 100,
                                 1000,
                                 INT32_MAX,
                                 INT32_MIN,
                                 int64_t(1) << 31,
                                 int64_t(1) << 32,
                                 int64_t(1) << 40,
                                 int64_t(1) << 62,
                                 INT64_MAX,
                                 INT64_MIN};
constexpr double kReals[] = {0.0,  -0.0, 1.0,   -1.0,     0.5, 2.0,
                             1e-5, 1e30, -1e30, INFINITY, NAN, 1e-40};

/// Names of ONNX's operators and of their attributes.
struct Vocabulary {
  std::vector<std::string> operators, attributes;

  Vocabulary() {
    for (const onnx::OpSchema &schema :
         onnx::OpSchemaRegistry::get_all_schemas()) {
      operators.push_back(schema.Name());
      for (const auto &attribute : schema.attributes())
        attributes.push_back(attribute.first);
    }
  }
};

class Mutator {
public:
  Mutator(Message &root, unsigned seed) : root(root), random(seed) {}

  void mutate() {
    collectAll();
    Message &message = *messages[below(messages.size())];
    const auto &descriptor = *message.GetDescriptor();
    // A field that is there more often than one that is not.
    std::vector<const FieldDescriptor *> present;
    message.GetReflection()->ListFields(message, &present);
    const FieldDescriptor *field = !present.empty() && below(4)
                                       ? present[below(present.size())]
                                       : descriptor.field(static_cast<int>(
                                             below(descriptor.field_count())));
    if (field->is_repeated())
      mutateRepeated(message, *field);
    else
      mutateSingle(message, *field);
  }

private:
  size_t below(size_t limit) { return limit ? random() % limit : 0; }

  template <class Values> const auto &pick(const Values &values) {
    return values[below(std::size(values))];
  }

  /// What there is now: a change deletes what it replaces.
  void collectAll() {
    messages.clear();
    names.clear();
    collect(root, 0);
  }

  void collect(Message &message, int depth) {
    if (messages.size() > 4096 || depth > 64)
      return;
    messages.push_back(&message);
    std::vector<const FieldDescriptor *> present;
    const Reflection &reflection = *message.GetReflection();
    reflection.ListFields(message, &present);
    for (const FieldDescriptor *field : present) {
      int count =
          field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
          collect(field->is_repeated()
                      ? *reflection.MutableRepeatedMessage(&message, field, i)
                      : *reflection.MutableMessage(&message, field),
                  depth + 1);
        else if (field->type() == FieldDescriptor::TYPE_STRING)
          names.push_back(field->is_repeated()
                              ? reflection.GetRepeatedString(message, field, i)
                              : reflection.GetString(message, field));
      }
    }
  }

  std::string drawText(const FieldDescriptor &field, std::string old) {
    static const Vocabulary known;
    if (field.type() == FieldDescriptor::TYPE_STRING) {
      if (field.name() == "op_type" && below(4))
        return pick(known.operators);
      if (field.containing_type()->name() == "AttributeProto" && below(2))
        return pick(known.attributes);
      if (!names.empty() && below(8))
        return pick(names);
    }
    switch (below(4)) {
    case 0:
      return "";
    case 1:
      old.resize(old.size() / 2);
      return old;
    case 2:
      old.append(1 + below(16), static_cast<char>(below(256)));
      return old;
    default:
      if (!old.empty())
        old[below(old.size())] = static_cast<char>(below(256));
      return old;
    }
  }

  int64_t drawInteger() {
    return below(4) ? pick(kIntegers) : static_cast<int64_t>(below(20)) - 4;
  }

  /// A message of the same type from elsewhere; null where there is none.
  const Message *findAnother(const Message &like) {
    for (int tries = 0; tries < 16; ++tries) {
      const Message *found = messages[below(messages.size())];
      if (found->GetDescriptor() == like.GetDescriptor() && found != &like)
        return found;
    }
    return nullptr;
  }

  void replaceMessage(Message &target) {
    collectAll(); // making the target may have deleted another one
    if (const Message *other = findAnother(target)) {
      std::unique_ptr<Message> copy(other->New());
      copy->CopyFrom(*other); // it may hold the target
      target.CopyFrom(*copy);
    }
  }

  void mutateSingle(Message &message, const FieldDescriptor &field) {
    const Reflection &reflection = *message.GetReflection();
    if (below(6) == 0)
      return reflection.ClearField(&message, &field);
    switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field,
                                 static_cast<int32_t>(drawInteger()));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, drawInteger());
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field,
                                  static_cast<uint64_t>(drawInteger()));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(&message, &field,
                                 static_cast<float>(pick(kReals)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, &field, pick(kReals));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, &field,
                                     static_cast<int>(below(32)));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(
          &message, &field,
          drawText(field, reflection.GetString(message, &field)));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return replaceMessage(*reflection.MutableMessage(&message, &field));
    default:
      return;
    }
  }

  void add(Message &message, const FieldDescriptor &field) {
    const Reflection &reflection = *message.GetReflection();
    switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.AddInt32(&message, &field,
                                 static_cast<int32_t>(drawInteger()));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.AddInt64(&message, &field, drawInteger());
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.AddUInt64(&message, &field,
                                  static_cast<uint64_t>(drawInteger()));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.AddFloat(&message, &field,
                                 static_cast<float>(pick(kReals)));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.AddDouble(&message, &field, pick(kReals));
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.AddString(&message, &field, drawText(field, ""));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return replaceMessage(*reflection.AddMessage(&message, &field));
    default:
      return;
    }
  }

  void mutateRepeated(Message &message, const FieldDescriptor &field) {
    const Reflection &reflection = *message.GetReflection();
    int count = reflection.FieldSize(message, &field);
    if (!count || below(3) == 0)
      return add(message, field);
    int i = static_cast<int>(below(static_cast<size_t>(count)));
    switch (below(3)) {
    case 0:
      return reflection.SwapElements(&message, &field, i, count - 1);
    case 1:
      reflection.SwapElements(&message, &field, i, count - 1);
      return reflection.RemoveLast(&message, &field);
    default:
      // A new element in its place.
      add(message, field);
      reflection.SwapElements(&message, &field, i, count);
      return reflection.RemoveLast(&message, &field);
    }
  }

  Message &root;
  std::minstd_rand random;
  std::vector<Message *> messages;
  std::vector<std::string> names;
};

} // namespace

bool dl::fuzz::mutateModel(std::string &bytes, size_t maxSize, unsigned seed) {
  onnx::ModelProto model;
  if (bytes.empty() || !model.ParseFromString(bytes))
    return false;
  for (unsigned i = 0, e = 1 + seed / 16 % 3; i < e; ++i)
    Mutator(model, seed + i).mutate();
  std::string result;
  if (!model.SerializeToString(&result) || result.size() > maxSize)
    return false;
  bytes = std::move(result);
  return true;
}
