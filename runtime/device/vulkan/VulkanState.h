// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// The loader's functions and the handles of an open device.

#ifndef DLRT_DEVICE_VULKAN_VULKANSTATE_H
#define DLRT_DEVICE_VULKAN_VULKANSTATE_H

#include "runtime/device/vulkan/VulkanDevice.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#include <vector>

#define DLRT_VULKAN_INSTANCE_FUNCTIONS(X)                                      \
  X(DestroyInstance)                                                           \
  X(EnumerateDeviceExtensionProperties)                                        \
  X(EnumeratePhysicalDevices)                                                  \
  X(GetPhysicalDeviceProperties)                                               \
  X(GetPhysicalDeviceProperties2)                                              \
  X(GetPhysicalDeviceFeatures2)                                                \
  X(GetPhysicalDeviceMemoryProperties)                                         \
  X(GetPhysicalDeviceQueueFamilyProperties)                                    \
  X(CreateDevice)                                                              \
  X(GetDeviceProcAddr)

#define DLRT_VULKAN_DEVICE_FUNCTIONS(X)                                        \
  X(DestroyDevice)                                                             \
  X(GetDeviceQueue)                                                            \
  X(CreateBuffer)                                                              \
  X(DestroyBuffer)                                                             \
  X(GetBufferMemoryRequirements)                                               \
  X(AllocateMemory)                                                            \
  X(FreeMemory)                                                                \
  X(BindBufferMemory)                                                          \
  X(MapMemory)                                                                 \
  X(CreateShaderModule)                                                        \
  X(DestroyShaderModule)                                                       \
  X(CreateDescriptorSetLayout)                                                 \
  X(DestroyDescriptorSetLayout)                                                \
  X(CreatePipelineLayout)                                                      \
  X(DestroyPipelineLayout)                                                     \
  X(CreateComputePipelines)                                                    \
  X(DestroyPipeline)                                                           \
  X(CreateDescriptorPool)                                                      \
  X(DestroyDescriptorPool)                                                     \
  X(AllocateDescriptorSets)                                                    \
  X(UpdateDescriptorSets)                                                      \
  X(CreateCommandPool)                                                         \
  X(DestroyCommandPool)                                                        \
  X(AllocateCommandBuffers)                                                    \
  X(FreeCommandBuffers)                                                        \
  X(BeginCommandBuffer)                                                        \
  X(EndCommandBuffer)                                                          \
  X(CmdBindPipeline)                                                           \
  X(CmdBindDescriptorSets)                                                     \
  X(CmdPushConstants)                                                          \
  X(CmdDispatch)                                                               \
  X(CmdCopyBuffer)                                                             \
  X(CmdPipelineBarrier)                                                        \
  X(CmdResetQueryPool)                                                         \
  X(CmdWriteTimestamp)                                                         \
  X(CreateQueryPool)                                                           \
  X(DestroyQueryPool)                                                          \
  X(GetQueryPoolResults)                                                       \
  X(QueueSubmit)                                                               \
  X(CreateFence)                                                               \
  X(DestroyFence)                                                              \
  X(ResetFences)                                                               \
  X(WaitForFences)

namespace dlrt {

/// VkPhysicalDeviceCooperativeMatrixFeaturesKHR, which older headers lack.
struct CooperativeMatrixFeatures {
  static constexpr auto kType = static_cast<VkStructureType>(1000506000);
  VkStructureType sType;
  void *pNext;
  VkBool32 cooperativeMatrix;
  VkBool32 cooperativeMatrixRobustBufferAccess;
};

/// VkCooperativeMatrixPropertiesKHR: matrices of m x k and k x n that a device
/// multiplies.
struct CooperativeMatrix {
  static constexpr auto kType = static_cast<VkStructureType>(1000506001);
  VkStructureType sType;
  void *pNext;
  uint32_t m, n, k;
  uint32_t aType, bType, cType, resultType; ///< VkComponentTypeKHR
  VkBool32 saturates;
  uint32_t scope; ///< VkScopeKHR
};

struct VulkanState {
  void *library = nullptr;
  PFN_vkGetInstanceProcAddr getInstanceProcAddr = nullptr;
#define DLRT_DECLARE(name) PFN_vk##name vk##name = nullptr;
  DLRT_VULKAN_INSTANCE_FUNCTIONS(DLRT_DECLARE)
  DLRT_VULKAN_DEVICE_FUNCTIONS(DLRT_DECLARE)
#undef DLRT_DECLARE

  VulkanOptions options;
  VkInstance instance = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger = VK_NULL_HANDLE;
  VkPhysicalDevice physical = VK_NULL_HANDLE;
  VkPhysicalDeviceProperties properties = {};
  VkPhysicalDeviceMemoryProperties memory = {};
  /// Features that are on: all of these that the device has.
  VkPhysicalDeviceFeatures features = {};
  VkPhysicalDeviceVulkan12Features features12 = {};
  VkPhysicalDevice16BitStorageFeatures features16 = {};
  VkPhysicalDeviceShaderIntegerDotProductFeatures featuresDot = {};
  CooperativeMatrixFeatures featuresMatrix = {};
  std::vector<CooperativeMatrix> matrices;
  std::string name;
  VkDriverId driver = {};
  VkPhysicalDeviceSubgroupProperties subgroups = {};
  uint32_t queueFamily = 0;
  VkDevice device = VK_NULL_HANDLE;
  VkQueue queue = VK_NULL_HANDLE;
  VkCommandPool commandPool = VK_NULL_HANDLE;
  uint32_t timestampBits = 0; ///< of the queue's clock; 0: it has none
  bool isLost = false;        ///< a call has said that the device is lost

  /// Whether subgroups of kernels, of as many invocations as these count on,
  /// have such operations.
  bool has(VkSubgroupFeatureFlagBits operations) const {
    constexpr uint32_t kLeast = 8;
    return subgroups.subgroupSize >= kLeast &&
           (subgroups.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) &&
           (subgroups.supportedOperations & operations);
  }

  VulkanState() = default;
  VulkanState(const VulkanState &) = delete;
  VulkanState &operator=(const VulkanState &) = delete;
  ~VulkanState();
};

/// Unsupported: a module of SPIR-V multiplies cooperative matrices of sizes or
/// types that the device does not.
Status checkMatrices(const VulkanState &state,
                     const std::vector<uint32_t> &words);

/// Success, or a status that names the call and Vulkan's result.
Status toStatus(VkResult result, const char *call);

/// Handles of things, which are 64 bits wide whatever type they have.
template <typename Handle> uint64_t toNumber(Handle handle) {
  return (uint64_t)handle;
}
template <typename Handle> Handle toHandle(uint64_t number) {
  return (Handle)number;
}

} // namespace dlrt

#endif // DLRT_DEVICE_VULKAN_VULKANSTATE_H
