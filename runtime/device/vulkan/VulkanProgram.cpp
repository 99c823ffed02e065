// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/vulkan/VulkanProgram.h"
#include "runtime/device/vulkan/VulkanState.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <thread>

using namespace dlrt;

struct VulkanProgram::Pipeline {
  VkDescriptorSetLayout setLayout = VK_NULL_HANDLE;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkPipeline pipeline = VK_NULL_HANDLE;
};

VulkanProgram::VulkanProgram(VulkanState &state) : state(state) {}

VulkanProgram::~VulkanProgram() {
  for (const Pipeline &pipeline : pipelines) {
    state.vkDestroyPipeline(state.device, pipeline.pipeline, nullptr);
    state.vkDestroyPipelineLayout(state.device, pipeline.layout, nullptr);
    state.vkDestroyDescriptorSetLayout(state.device, pipeline.setLayout,
                                       nullptr);
  }
  state.vkDestroyShaderModule(state.device, toHandle<VkShaderModule>(shader),
                              nullptr);
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// What SPIR-V's capabilities are called, and whether a device has them.
static Status checkCapability(const VulkanState &state, uint32_t capability) {
  struct Known {
    uint32_t number;
    const char *name;
    VkBool32 isThere;
  };
  const Known known[] = {
      {0, "Matrix", VK_TRUE},
      {1, "Shader", VK_TRUE},
      {9, "Float16", state.features12.shaderFloat16},
      {10, "Float64", state.features.shaderFloat64},
      {11, "Int64", state.features.shaderInt64},
      {22, "Int16", state.features.shaderInt16},
      {39, "Int8", state.features12.shaderInt8},
      {61, "GroupNonUniform", state.has(VK_SUBGROUP_FEATURE_BASIC_BIT)},
      {64, "GroupNonUniformBallot", state.has(VK_SUBGROUP_FEATURE_BALLOT_BIT)},
      {65, "GroupNonUniformShuffle",
       state.has(VK_SUBGROUP_FEATURE_SHUFFLE_BIT)},
      {4433, "StorageBuffer16BitAccess",
       state.features16.storageBuffer16BitAccess},
      {4448, "StorageBuffer8BitAccess",
       state.features12.storageBuffer8BitAccess},
      {5345, "VulkanMemoryModel", state.features12.vulkanMemoryModel},
      {6018, "DotProductInput4x8BitPacked",
       state.featuresDot.shaderIntegerDotProduct},
      {6019, "DotProduct", state.featuresDot.shaderIntegerDotProduct},
      {6022, "CooperativeMatrixKHR", state.featuresMatrix.cooperativeMatrix},
  };
  for (const Known &entry : known)
    if (entry.number == capability)
      return entry.isThere
                 ? Status()
                 : Status(Code::Unsupported,
                          state.name + " lacks the SPIR-V capability " +
                              entry.name);
  return Status(Code::Unsupported, "SPIR-V capability " +
                                       std::to_string(capability) +
                                       " is not known to this runtime");
}

static Status checkModule(const VulkanState &state,
                          const std::vector<uint32_t> &words) {
  constexpr uint32_t kMagic = 0x07230203, kHeaderWords = 5, kOpCapability = 17;
  if (words.size() < kHeaderWords || words[0] != kMagic)
    return Status(Code::BadModule, "the program is not SPIR-V");
  // Vulkan 1.2 takes SPIR-V 1.5, Vulkan 1.3 takes 1.6.
  constexpr uint32_t kLatest = 0x10600, kOlder = 0x10500;
  bool isNew = state.properties.apiVersion >= VK_API_VERSION_1_3;
  if (words[1] > (isNew ? kLatest : kOlder))
    return Status(Code::Unsupported, state.name +
                                         " takes SPIR-V up to version " +
                                         (isNew ? "1.6" : "1.5"));
  // Capabilities come first, two words each.
  for (size_t i = kHeaderWords; i + 1 < words.size(); i += 2) {
    if (words[i] != (2u << 16 | kOpCapability))
      break;
    DLRT_RETURN_IF_ERROR(checkCapability(state, words[i + 1]));
  }
  return checkMatrices(state, words);
}

Status VulkanProgram::load(VulkanDevice &device,
                           const std::vector<uint32_t> &words,
                           std::vector<Entry> entries,
                           std::unique_ptr<VulkanProgram> &result) {
  VulkanState &state = *device.state;
  if (words.empty() && entries.empty()) { // copies alone
    result.reset(new VulkanProgram(state));
    return {};
  }
  DLRT_RETURN_IF_ERROR(checkModule(state, words));
  const VkPhysicalDeviceLimits &limits = state.properties.limits;
  uint32_t mostInvocations = limits.maxComputeWorkGroupInvocations;
  for (const Entry &entry : entries)
    if (!entry.workgroup || entry.workgroup > mostInvocations)
      return Status(Code::Unsupported, "workgroups of " +
                                           std::to_string(entry.workgroup) +
                                           "; " + state.name + " takes 1 to " +
                                           std::to_string(mostInvocations));
  uint32_t mostSizes = limits.maxPushConstantsSize / 4;
  uint32_t mostBuffers = limits.maxPerStageDescriptorStorageBuffers;
  for (const Entry &entry : entries)
    if (entry.buffers > mostBuffers || entry.sizes > mostSizes)
      return Status(Code::Unsupported,
                    "entry " + entry.name + " takes " +
                        std::to_string(entry.buffers) + " buffers and " +
                        std::to_string(entry.sizes) + " sizes; " + state.name +
                        " takes " + std::to_string(mostBuffers) + " and " +
                        std::to_string(mostSizes));
  std::unique_ptr<VulkanProgram> program(new VulkanProgram(state));
  program->entries = std::move(entries);
  VkShaderModuleCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO;
  info.codeSize = words.size() * sizeof(uint32_t);
  info.pCode = words.data();
  VkShaderModule shader;
  DLRT_RETURN_IF_ERROR(toStatus(
      state.vkCreateShaderModule(state.device, &info, nullptr, &shader),
      "vkCreateShaderModule"));
  program->shader = toNumber(shader);
  DLRT_RETURN_IF_ERROR(program->createPipelines());
  result = std::move(program);
  return {};
}

/// Drivers take their time for each: several are made at once.
Status VulkanProgram::createPipelines() {
  pipelines.resize(entries.size());
  std::atomic<size_t> next{0};
  std::mutex mutex;
  Status first;
  auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < entries.size();)
      if (Status status = createPipeline(entries[i], pipelines[i]);
          !status.ok()) {
        std::lock_guard<std::mutex> lock(mutex);
        first = std::move(status);
        next = entries.size();
      }
  };
  std::vector<std::thread> others;
  size_t count =
      std::min<size_t>(entries.size(), std::thread::hardware_concurrency());
  for (size_t i = 1; i < count; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  return first;
}

Status VulkanProgram::createPipeline(const Entry &entry, Pipeline &made) {
  std::vector<VkDescriptorSetLayoutBinding> bindings(entry.buffers);
  for (uint32_t i = 0; i < entry.buffers; ++i) {
    bindings[i].binding = i;
    bindings[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    bindings[i].descriptorCount = 1;
    bindings[i].stageFlags = VK_SHADER_STAGE_COMPUTE_BIT;
  }
  VkDescriptorSetLayoutCreateInfo set = {};
  set.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO;
  set.bindingCount = entry.buffers;
  set.pBindings = bindings.data();
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkCreateDescriptorSetLayout(state.device, &set, nullptr,
                                                 &made.setLayout),
               "vkCreateDescriptorSetLayout"));
  VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0, entry.sizes * 4};
  VkPipelineLayoutCreateInfo layout = {};
  layout.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO;
  layout.setLayoutCount = 1;
  layout.pSetLayouts = &made.setLayout;
  layout.pushConstantRangeCount = entry.sizes ? 1 : 0;
  layout.pPushConstantRanges = &range;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkCreatePipelineLayout(state.device, &layout, nullptr,
                                            &made.layout),
               "vkCreatePipelineLayout"));
  VkPipelineShaderStageCreateInfo stage = {
      VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      nullptr,
      0,
      VK_SHADER_STAGE_COMPUTE_BIT,
      toHandle<VkShaderModule>(shader),
      entry.name.c_str(),
      nullptr};
  VkComputePipelineCreateInfo info = {
      VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      nullptr,
      0,
      stage,
      made.layout,
      VK_NULL_HANDLE,
      0};
  return toStatus(state.vkCreateComputePipelines(state.device, VK_NULL_HANDLE,
                                                 1, &info, nullptr,
                                                 &made.pipeline),
                  "vkCreateComputePipelines");
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status VulkanProgram::check(const VulkanDispatch &dispatch) const {
  auto fail = [](const std::string &what) {
    return Status(Code::InvalidArgument, what);
  };
  if (dispatch.copiedBytes)
    return {};
  if (dispatch.entry >= entries.size())
    return fail("there is no entry " + std::to_string(dispatch.entry));
  const Entry &entry = entries[dispatch.entry];
  auto count = [](size_t found, size_t expected, const char *what) {
    return " takes " + std::to_string(expected) + " " + what + ", not " +
           std::to_string(found);
  };
  if (dispatch.buffers.size() != entry.buffers)
    return fail(entry.name +
                count(dispatch.buffers.size(), entry.buffers, "buffers"));
  if (dispatch.sizes.size() != entry.sizes)
    return fail(entry.name +
                count(dispatch.sizes.size(), entry.sizes, "sizes"));
  uint64_t alignment = state.properties.limits.minStorageBufferOffsetAlignment;
  for (const VulkanBinding &binding : dispatch.buffers) {
    if (!binding.buffer || &binding.buffer->state != &state)
      return fail("a buffer of " + entry.name + " is not of its device");
    if (alignment && binding.offset % alignment)
      return Status(Code::Unsupported, state.name + " aligns buffers to " +
                                           std::to_string(alignment) +
                                           " bytes");
  }
  // Positions are 32 bits wide, with room for one step past the end.
  constexpr int64_t kMost = int64_t(1) << 30;
  if (dispatch.elements > uint64_t(kMost))
    return Status(Code::Unsupported, entry.name + " has " +
                                         std::to_string(dispatch.elements) +
                                         " elements, more than 2^30");
  for (int64_t size : dispatch.sizes)
    if (size < 0 || size > kMost)
      return fail("size " + std::to_string(size) + " of " + entry.name +
                  " is not in [0, 2^30]");
  return {};
}

struct VulkanProgram::Commands::Handles {
  VkCommandBuffer buffer = VK_NULL_HANDLE;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  VkFence fence = VK_NULL_HANDLE;
  VkQueryPool times = VK_NULL_HANDLE; ///< of the begin and the end
};

VulkanProgram::Commands::Commands(VulkanState &state)
    : state(state), handles(std::make_unique<Handles>()) {}

VulkanProgram::Commands::~Commands() {
  if (handles->buffer)
    state.vkFreeCommandBuffers(state.device, state.commandPool, 1,
                               &handles->buffer);
  if (handles->fence)
    state.vkDestroyFence(state.device, handles->fence, nullptr);
  if (handles->pool)
    state.vkDestroyDescriptorPool(state.device, handles->pool, nullptr);
  if (handles->times)
    state.vkDestroyQueryPool(state.device, handles->times, nullptr);
}

/// Adds a dispatch to the command buffer.
Status VulkanProgram::addDispatch(const VulkanDispatch &dispatch,
                                  Commands &made) {
  const Entry &entry = entries[dispatch.entry];
  const Pipeline &pipeline = pipelines[dispatch.entry];
  VkDescriptorSetAllocateInfo allocation = {};
  allocation.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
  allocation.descriptorPool = made.handles->pool;
  allocation.descriptorSetCount = 1;
  allocation.pSetLayouts = &pipeline.setLayout;
  VkDescriptorSet set;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkAllocateDescriptorSets(state.device, &allocation, &set),
               "vkAllocateDescriptorSets"));
  std::vector<VkDescriptorBufferInfo> infos(entry.buffers);
  std::vector<VkWriteDescriptorSet> writes(entry.buffers);
  for (uint32_t i = 0; i < entry.buffers; ++i) {
    const VulkanBinding &binding = dispatch.buffers[i];
    uint64_t rest = std::max<uint64_t>(binding.buffer->bytes, 4);
    rest -= std::min(rest, binding.offset);
    infos[i].buffer = toHandle<VkBuffer>(binding.buffer->buffer);
    infos[i].offset = binding.offset;
    infos[i].range =
        std::min<uint64_t>(rest, state.properties.limits.maxStorageBufferRange);
    writes[i] = {};
    writes[i].sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET;
    writes[i].dstSet = set;
    writes[i].dstBinding = i;
    writes[i].descriptorCount = 1;
    writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    writes[i].pBufferInfo = &infos[i];
  }
  state.vkUpdateDescriptorSets(state.device, entry.buffers, writes.data(), 0,
                               nullptr);
  VkCommandBuffer commands = made.handles->buffer;
  state.vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                          pipeline.pipeline);
  state.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                                pipeline.layout, 0, 1, &set, 0, nullptr);
  std::vector<int32_t> sizes(dispatch.sizes.begin(), dispatch.sizes.end());
  if (!sizes.empty())
    state.vkCmdPushConstants(commands, pipeline.layout,
                             VK_SHADER_STAGE_COMPUTE_BIT, 0,
                             uint32_t(sizes.size() * 4), sizes.data());
  // One row of workgroups, or several, of which the last is not full.
  uint64_t groups = (dispatch.elements + entry.workgroup - 1) / entry.workgroup;
  uint64_t columns = std::min<uint64_t>(
      groups, state.properties.limits.maxComputeWorkGroupCount[0]);
  state.vkCmdDispatch(commands, uint32_t(columns),
                      uint32_t((groups + columns - 1) / columns), 1);
  orderMemory(made);
  return {};
}

/// What comes next, on the device or the host, sees what was written.
void VulkanProgram::orderMemory(Commands &made) {
  constexpr VkPipelineStageFlags kCommands =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  VkMemoryBarrier barrier = {};
  barrier.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER;
  barrier.srcAccessMask =
      VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  barrier.dstAccessMask =
      VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
      VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT |
      VK_ACCESS_HOST_READ_BIT;
  state.vkCmdPipelineBarrier(made.handles->buffer, kCommands,
                             kCommands | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                             &barrier, 0, nullptr, 0, nullptr);
}

void VulkanProgram::addCopy(const VulkanDispatch &dispatch, Commands &made) {
  const VulkanBinding &from = dispatch.buffers[0], &to = dispatch.buffers[1];
  VkBufferCopy region = {from.offset, to.offset, dispatch.copiedBytes};
  state.vkCmdCopyBuffer(made.handles->buffer,
                        toHandle<VkBuffer>(from.buffer->buffer),
                        toHandle<VkBuffer>(to.buffer->buffer), 1, &region);
  orderMemory(made);
}

/// Makes what the commands need, for so many dispatches and bindings.
static Status makeHandles(VulkanState &state, uint32_t sets,
                          uint32_t descriptors, VkCommandBuffer &buffer,
                          VkDescriptorPool &pool, VkFence &fence,
                          VkQueryPool &times) {
  VkDescriptorPoolSize poolSize = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                   std::max(descriptors, 1u)};
  VkDescriptorPoolCreateInfo poolInfo = {};
  poolInfo.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  poolInfo.maxSets = std::max(sets, 1u);
  poolInfo.poolSizeCount = 1;
  poolInfo.pPoolSizes = &poolSize;
  DLRT_RETURN_IF_ERROR(toStatus(
      state.vkCreateDescriptorPool(state.device, &poolInfo, nullptr, &pool),
      "vkCreateDescriptorPool"));
  VkFenceCreateInfo fenceInfo = {};
  fenceInfo.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkCreateFence(state.device, &fenceInfo, nullptr, &fence),
               "vkCreateFence"));
  if (state.timestampBits) {
    VkQueryPoolCreateInfo query = {};
    query.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO;
    query.queryType = VK_QUERY_TYPE_TIMESTAMP;
    query.queryCount = 2;
    DLRT_RETURN_IF_ERROR(
        toStatus(state.vkCreateQueryPool(state.device, &query, nullptr, &times),
                 "vkCreateQueryPool"));
  }
  VkCommandBufferAllocateInfo commands = {};
  commands.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO;
  commands.commandPool = state.commandPool;
  commands.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  commands.commandBufferCount = 1;
  return toStatus(
      state.vkAllocateCommandBuffers(state.device, &commands, &buffer),
      "vkAllocateCommandBuffers");
}

Status VulkanProgram::record(const std::vector<VulkanDispatch> &dispatches,
                             std::unique_ptr<Commands> &result) {
  uint32_t sets = 0, descriptors = 0;
  for (const VulkanDispatch &dispatch : dispatches) {
    DLRT_RETURN_IF_ERROR(check(dispatch));
    if (dispatch.elements) {
      ++sets;
      descriptors += uint32_t(dispatch.buffers.size());
    }
  }
  auto made = std::make_unique<Commands>(state);
  Commands::Handles &handles = *made->handles;
  DLRT_RETURN_IF_ERROR(makeHandles(state, sets, descriptors, handles.buffer,
                                   handles.pool, handles.fence, handles.times));
  VkCommandBufferBeginInfo begin = {};
  begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkBeginCommandBuffer(handles.buffer, &begin),
               "vkBeginCommandBuffer"));
  if (handles.times) {
    state.vkCmdResetQueryPool(handles.buffer, handles.times, 0, 2);
    state.vkCmdWriteTimestamp(handles.buffer, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT,
                              handles.times, 0);
  }
  for (const VulkanDispatch &dispatch : dispatches)
    if (dispatch.copiedBytes)
      addCopy(dispatch, *made);
    else if (dispatch.elements)
      DLRT_RETURN_IF_ERROR(addDispatch(dispatch, *made));
  if (handles.times)
    state.vkCmdWriteTimestamp(
        handles.buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, handles.times, 1);
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkEndCommandBuffer(handles.buffer), "vkEndCommandBuffer"));
  result = std::move(made);
  return {};
}

/// The time between the two that were written.
static Status readTimes(VulkanState &state, VkQueryPool times,
                        int64_t &nanoseconds) {
  uint64_t ticks[2] = {};
  DLRT_RETURN_IF_ERROR(toStatus(
      state.vkGetQueryPoolResults(
          state.device, times, 0, 2, sizeof(ticks), ticks, sizeof(ticks[0]),
          VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT),
      "vkGetQueryPoolResults"));
  uint64_t valid = state.timestampBits >= 64
                       ? ~uint64_t(0)
                       : (uint64_t(1) << state.timestampBits) - 1;
  nanoseconds += int64_t(double((ticks[1] - ticks[0]) & valid) *
                         double(state.properties.limits.timestampPeriod));
  return {};
}

Status VulkanProgram::run(const Commands &commands, int64_t *nanoseconds) {
  if (state.isLost)
    return {Code::DeviceLost, "the Vulkan device was lost before"};
  const Commands::Handles &handles = *commands.handles;
  VkSubmitInfo submit = {};
  submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  submit.commandBufferCount = 1;
  submit.pCommandBuffers = &handles.buffer;
  Status status =
      toStatus(state.vkQueueSubmit(state.queue, 1, &submit, handles.fence),
               "vkQueueSubmit");
  if (status.ok())
    status =
        toStatus(state.vkWaitForFences(state.device, 1, &handles.fence, VK_TRUE,
                                       std::numeric_limits<uint64_t>::max()),
                 "vkWaitForFences");
  if (status.ok())
    status = toStatus(state.vkResetFences(state.device, 1, &handles.fence),
                      "vkResetFences");
  if (status.ok() && nanoseconds && handles.times)
    status = readTimes(state, handles.times, *nanoseconds);
  state.isLost = status.code() == Code::DeviceLost;
  return status;
}

Status VulkanProgram::run(const std::vector<VulkanDispatch> &dispatches,
                          int64_t *nanoseconds) {
  bool hasWork = false;
  for (const VulkanDispatch &dispatch : dispatches) {
    DLRT_RETURN_IF_ERROR(check(dispatch));
    hasWork |= dispatch.elements || dispatch.copiedBytes;
  }
  if (!hasWork)
    return {};
  std::unique_ptr<Commands> commands;
  DLRT_RETURN_IF_ERROR(record(dispatches, commands));
  return run(*commands, nanoseconds);
}
