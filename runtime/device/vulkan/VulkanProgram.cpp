// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/vulkan/VulkanProgram.h"
#include "runtime/device/vulkan/VulkanState.h"

#include <algorithm>
#include <limits>

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
      {4433, "StorageBuffer16BitAccess",
       state.features16.storageBuffer16BitAccess},
      {4448, "StorageBuffer8BitAccess",
       state.features12.storageBuffer8BitAccess},
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
  // Capabilities come first, two words each.
  for (size_t i = kHeaderWords; i + 1 < words.size(); i += 2) {
    if (words[i] != (2u << 16 | kOpCapability))
      break;
    DLRT_RETURN_IF_ERROR(checkCapability(state, words[i + 1]));
  }
  return {};
}

Status VulkanProgram::load(VulkanDevice &device,
                           const std::vector<uint32_t> &words,
                           std::vector<Entry> entries,
                           std::unique_ptr<VulkanProgram> &result) {
  VulkanState &state = *device.state;
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

Status VulkanProgram::createPipelines() {
  for (const Entry &entry : entries) {
    Pipeline &made = pipelines.emplace_back();
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
    VkPushConstantRange range = {VK_SHADER_STAGE_COMPUTE_BIT, 0,
                                 entry.sizes * 4};
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
    DLRT_RETURN_IF_ERROR(
        toStatus(state.vkCreateComputePipelines(state.device, VK_NULL_HANDLE, 1,
                                                &info, nullptr, &made.pipeline),
                 "vkCreateComputePipelines"));
  }
  return {};
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

/// Adds a dispatch to the command buffer; its descriptors come from `number`.
Status VulkanProgram::record(const VulkanDispatch &dispatch, uint64_t number) {
  const Entry &entry = entries[dispatch.entry];
  const Pipeline &pipeline = pipelines[dispatch.entry];
  VkDescriptorSetAllocateInfo allocation = {};
  allocation.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO;
  allocation.descriptorPool = toHandle<VkDescriptorPool>(number);
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
  VkCommandBuffer commands = state.commands;
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
  orderMemory();
  return {};
}

/// What comes next, on the device or the host, sees what was written.
void VulkanProgram::orderMemory() {
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
  state.vkCmdPipelineBarrier(state.commands, kCommands,
                             kCommands | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
                             &barrier, 0, nullptr, 0, nullptr);
}

void VulkanProgram::recordCopy(const VulkanDispatch &dispatch) {
  const VulkanBinding &from = dispatch.buffers[0], &to = dispatch.buffers[1];
  VkBufferCopy region = {from.offset, to.offset, dispatch.copiedBytes};
  state.vkCmdCopyBuffer(state.commands, toHandle<VkBuffer>(from.buffer->buffer),
                        toHandle<VkBuffer>(to.buffer->buffer), 1, &region);
  orderMemory();
}

namespace {

/// What a run needs while it lasts.
struct Run {
  explicit Run(VulkanState &state) : state(state) {}
  ~Run() {
    if (fence)
      state.vkDestroyFence(state.device, fence, nullptr);
    if (pool)
      state.vkDestroyDescriptorPool(state.device, pool, nullptr);
  }
  VulkanState &state;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  VkFence fence = VK_NULL_HANDLE;
};

} // namespace

Status VulkanProgram::run(const std::vector<VulkanDispatch> &dispatches) {
  uint32_t sets = 0, descriptors = 0, copies = 0;
  for (const VulkanDispatch &dispatch : dispatches) {
    DLRT_RETURN_IF_ERROR(check(dispatch));
    copies += dispatch.copiedBytes != 0;
    if (dispatch.elements) {
      ++sets;
      descriptors += uint32_t(dispatch.buffers.size());
    }
  }
  if (!sets && !copies)
    return {};
  Run resources(state);
  VkDescriptorPoolSize poolSize = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                   std::max(descriptors, 1u)};
  VkDescriptorPoolCreateInfo pool = {};
  pool.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO;
  pool.maxSets = std::max(sets, 1u);
  pool.poolSizeCount = 1;
  pool.pPoolSizes = &poolSize;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkCreateDescriptorPool(state.device, &pool, nullptr,
                                            &resources.pool),
               "vkCreateDescriptorPool"));

  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkResetCommandPool(state.device, state.commandPool, 0),
               "vkResetCommandPool"));
  VkCommandBufferBeginInfo begin = {};
  begin.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO;
  begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkBeginCommandBuffer(state.commands, &begin),
               "vkBeginCommandBuffer"));
  for (const VulkanDispatch &dispatch : dispatches)
    if (dispatch.copiedBytes)
      recordCopy(dispatch);
    else if (dispatch.elements)
      DLRT_RETURN_IF_ERROR(record(dispatch, toNumber(resources.pool)));
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkEndCommandBuffer(state.commands), "vkEndCommandBuffer"));

  VkFenceCreateInfo fence = {};
  fence.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO;
  DLRT_RETURN_IF_ERROR(toStatus(
      state.vkCreateFence(state.device, &fence, nullptr, &resources.fence),
      "vkCreateFence"));
  VkSubmitInfo submit = {};
  submit.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO;
  submit.commandBufferCount = 1;
  submit.pCommandBuffers = &state.commands;
  DLRT_RETURN_IF_ERROR(
      toStatus(state.vkQueueSubmit(state.queue, 1, &submit, resources.fence),
               "vkQueueSubmit"));
  return toStatus(state.vkWaitForFences(state.device, 1, &resources.fence,
                                        VK_TRUE,
                                        std::numeric_limits<uint64_t>::max()),
                  "vkWaitForFences");
}
