// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/vulkan/VulkanState.h"

#include <algorithm>
#include <cstring>
#include <vector>
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

using namespace dlrt;

Status dlrt::toStatus(VkResult result, const char *call) {
  if (result == VK_SUCCESS)
    return {};
  if (result == VK_ERROR_DEVICE_LOST)
    return Status(Code::DeviceLost,
                  "the Vulkan device was lost (" + std::string(call) + ")");
  bool isMemory = result == VK_ERROR_OUT_OF_HOST_MEMORY ||
                  result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
  return Status(isMemory ? Code::OutOfMemory : Code::Internal,
                std::string(call) + " failed with VkResult " +
                    std::to_string(result));
}

//===----------------------------------------------------------------------===//
// Loader
//===----------------------------------------------------------------------===//

#ifdef _WIN32
static const char *const kLoader = "vulkan-1.dll";
static void *openLibrary() { return LoadLibraryA(kLoader); }
static void closeLibrary(void *library) { FreeLibrary((HMODULE)library); }
static void *getSymbol(void *library, const char *name) {
  return (void *)GetProcAddress((HMODULE)library, name);
}
#else
#ifdef __APPLE__
static const char *const kLoader = "libvulkan.1.dylib";
#else
static const char *const kLoader = "libvulkan.so.1";
#endif
static void *openLibrary() { return dlopen(kLoader, RTLD_NOW | RTLD_LOCAL); }
static void closeLibrary(void *library) { dlclose(library); }
static void *getSymbol(void *library, const char *name) {
  return dlsym(library, name);
}
#endif

VulkanState::~VulkanState() {
  // An opening that failed half-way may lack some of the functions.
  if (commandPool)
    vkDestroyCommandPool(device, commandPool, nullptr);
  if (device && vkDestroyDevice)
    vkDestroyDevice(device, nullptr);
  if (messenger) {
    auto destroy = (PFN_vkDestroyDebugUtilsMessengerEXT)getInstanceProcAddr(
        instance, "vkDestroyDebugUtilsMessengerEXT");
    destroy(instance, messenger, nullptr);
  }
  if (instance && vkDestroyInstance)
    vkDestroyInstance(instance, nullptr);
  if (library)
    closeLibrary(library);
}

static VKAPI_ATTR VkBool32 VKAPI_CALL
report(VkDebugUtilsMessageSeverityFlagBitsEXT, VkDebugUtilsMessageTypeFlagsEXT,
       const VkDebugUtilsMessengerCallbackDataEXT *data, void *state) {
  const VulkanOptions &options = static_cast<VulkanState *>(state)->options;
  if (options.onMessage)
    options.onMessage(data->pMessage);
  return VK_FALSE;
}

static const char *const kValidation = "VK_LAYER_KHRONOS_validation";

static bool hasValidation(const VulkanState &state) {
  auto enumerate =
      (PFN_vkEnumerateInstanceLayerProperties)state.getInstanceProcAddr(
          nullptr, "vkEnumerateInstanceLayerProperties");
  uint32_t count = 0;
  if (!enumerate || enumerate(&count, nullptr) != VK_SUCCESS)
    return false;
  std::vector<VkLayerProperties> layers(count);
  if (enumerate(&count, layers.data()) != VK_SUCCESS)
    return false;
  return std::any_of(layers.begin(), layers.end(), [](const auto &layer) {
    return std::strcmp(layer.layerName, kValidation) == 0;
  });
}

static Status createInstance(VulkanState &state) {
  state.library = openLibrary();
  if (!state.library)
    return Status(Code::NotFound,
                  std::string("there is no Vulkan loader: cannot open ") +
                      kLoader);
  state.getInstanceProcAddr = (PFN_vkGetInstanceProcAddr)getSymbol(
      state.library, "vkGetInstanceProcAddr");
  auto create = state.getInstanceProcAddr
                    ? (PFN_vkCreateInstance)state.getInstanceProcAddr(
                          nullptr, "vkCreateInstance")
                    : nullptr;
  if (!create)
    return Status(Code::NotFound,
                  std::string(kLoader) + " is not a Vulkan loader");

  VkApplicationInfo application = {};
  application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO;
  application.pApplicationName = "dlrt";
  application.apiVersion = VK_API_VERSION_1_3; // devices may have 1.2
  VkDebugUtilsMessengerCreateInfoEXT messages = {};
  messages.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT;
  messages.messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                             VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  messages.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                         VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  messages.pfnUserCallback = report;
  messages.pUserData = &state;
  const char *extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  VkInstanceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO;
  info.pApplicationInfo = &application;
  bool validate = state.options.validate && hasValidation(state);
  if (validate) {
    info.pNext = &messages;
    info.enabledLayerCount = info.enabledExtensionCount = 1;
    info.ppEnabledLayerNames = &kValidation;
    info.ppEnabledExtensionNames = &extension;
  }
  VkResult created = create(&info, nullptr, &state.instance);
  if (created != VK_SUCCESS) {
    state.instance = VK_NULL_HANDLE;
    if (created == VK_ERROR_INCOMPATIBLE_DRIVER)
      return Status(Code::NotFound, "there is no Vulkan driver");
    return toStatus(created, "vkCreateInstance");
  }
#define DLRT_LOAD(name)                                                        \
  state.vk##name =                                                             \
      (PFN_vk##name)state.getInstanceProcAddr(state.instance, "vk" #name);     \
  if (!state.vk##name)                                                         \
    return Status(Code::NotFound, "the Vulkan loader lacks vk" #name);
  DLRT_VULKAN_INSTANCE_FUNCTIONS(DLRT_LOAD)
#undef DLRT_LOAD
  if (!validate)
    return {};
  auto listen = (PFN_vkCreateDebugUtilsMessengerEXT)state.getInstanceProcAddr(
      state.instance, "vkCreateDebugUtilsMessengerEXT");
  return toStatus(listen(state.instance, &messages, nullptr, &state.messenger),
                  "vkCreateDebugUtilsMessengerEXT");
}

//===----------------------------------------------------------------------===//
// Device
//===----------------------------------------------------------------------===//

static int rank(VkPhysicalDeviceType type) {
  switch (type) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    return 3;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    return 2;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    return 1;
  default:
    return 0;
  }
}

namespace {
/// A device with a queue for kernels.
struct Candidate {
  VkPhysicalDevice device;
  VkPhysicalDeviceProperties properties;
  uint32_t queueFamily, timestampBits;
};
} // namespace

static bool findQueue(const VulkanState &state, Candidate &candidate) {
  uint32_t families = 0;
  state.vkGetPhysicalDeviceQueueFamilyProperties(candidate.device, &families,
                                                 nullptr);
  std::vector<VkQueueFamilyProperties> queues(families);
  state.vkGetPhysicalDeviceQueueFamilyProperties(candidate.device, &families,
                                                 queues.data());
  for (uint32_t i = 0; i < families; ++i)
    if (queues[i].queueCount && (queues[i].queueFlags & VK_QUEUE_COMPUTE_BIT)) {
      candidate.queueFamily = i;
      candidate.timestampBits = queues[i].timestampValidBits;
      return true;
    }
  return false;
}

/// The devices that may be used, the best first.
static Status findDevices(const VulkanState &state,
                          std::vector<Candidate> &result) {
  uint32_t count = 0;
  VkResult found =
      state.vkEnumeratePhysicalDevices(state.instance, &count, nullptr);
  std::vector<VkPhysicalDevice> devices(count);
  if (found == VK_SUCCESS && count)
    found = state.vkEnumeratePhysicalDevices(state.instance, &count,
                                             devices.data());
  DLRT_RETURN_IF_ERROR(toStatus(found, "vkEnumeratePhysicalDevices"));
  for (VkPhysicalDevice device : devices) {
    Candidate candidate = {device, {}, 0, 0};
    state.vkGetPhysicalDeviceProperties(device, &candidate.properties);
    if (candidate.properties.apiVersion >= VK_API_VERSION_1_2 &&
        findQueue(state, candidate))
      result.push_back(candidate);
  }
  std::stable_sort(
      result.begin(), result.end(), [](const Candidate &a, const Candidate &b) {
        return rank(a.properties.deviceType) > rank(b.properties.deviceType);
      });
  return {};
}

static Status chooseDevice(VulkanState &state) {
  std::vector<Candidate> devices;
  DLRT_RETURN_IF_ERROR(findDevices(state, devices));
  if (devices.empty())
    return Status(Code::NotFound,
                  "there is no Vulkan 1.2 device with a compute queue");
  int ordinal = state.options.ordinal;
  if (ordinal < 0 || size_t(ordinal) >= devices.size())
    return Status(Code::NotFound,
                  "there is no device vulkan:" + std::to_string(ordinal) +
                      ", but " + std::to_string(devices.size()));
  const Candidate &chosen = devices[size_t(ordinal)];
  state.physical = chosen.device;
  state.properties = chosen.properties;
  state.queueFamily = chosen.queueFamily;
  state.timestampBits = chosen.timestampBits;
  state.name = state.properties.deviceName;
  VkPhysicalDeviceDriverProperties driver = {};
  driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES;
  state.subgroups.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES;
  driver.pNext = &state.subgroups;
  VkPhysicalDeviceProperties2 all = {};
  all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2;
  all.pNext = &driver;
  state.vkGetPhysicalDeviceProperties2(state.physical, &all);
  state.driver = driver.driverID;
  state.vkGetPhysicalDeviceMemoryProperties(state.physical, &state.memory);
  return {};
}

static Status findExtensions(const VulkanState &state,
                             std::vector<VkExtensionProperties> &result) {
  uint32_t count = 0;
  VkResult found = state.vkEnumerateDeviceExtensionProperties(
      state.physical, nullptr, &count, nullptr);
  result.resize(count);
  if (found == VK_SUCCESS && count)
    found = state.vkEnumerateDeviceExtensionProperties(state.physical, nullptr,
                                                       &count, result.data());
  return toStatus(found, "vkEnumerateDeviceExtensionProperties");
}

static Status findMatrices(VulkanState &state) {
  constexpr const char *kName =
      "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR";
  using Find =
      VkResult(VKAPI_PTR *)(VkPhysicalDevice, uint32_t *, CooperativeMatrix *);
  auto find = (Find)state.getInstanceProcAddr(state.instance, kName);
  if (!find)
    return Status(Code::NotFound,
                  std::string("the Vulkan driver lacks ") + kName);
  uint32_t count = 0;
  VkResult found = find(state.physical, &count, nullptr);
  CooperativeMatrix empty = {};
  empty.sType = CooperativeMatrix::kType;
  state.matrices.assign(count, empty);
  if (found == VK_SUCCESS && count)
    found = find(state.physical, &count, state.matrices.data());
  return toStatus(found, kName);
}

/// Turns on the features that kernels may ask for, of those that the device
/// has, and names the extensions that this takes.
static Status chooseFeatures(VulkanState &state,
                             std::vector<const char *> &extensions) {
  std::vector<VkExtensionProperties> known;
  DLRT_RETURN_IF_ERROR(findExtensions(state, known));
  auto hasExtension = [&](const char *name) {
    return std::any_of(known.begin(), known.end(), [&](const auto &found) {
      return std::strcmp(found.extensionName, name) == 0;
    });
  };
  VkPhysicalDeviceShaderIntegerDotProductFeatures hasDot = {};
  hasDot.sType =
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES;
  VkPhysicalDevice16BitStorageFeatures has16 = {};
  has16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES;
  VkPhysicalDeviceVulkan12Features has12 = {};
  has12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  has12.pNext = &has16;
  VkPhysicalDeviceFeatures2 has = {};
  has.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
  has.pNext = &has12;
  CooperativeMatrixFeatures hasMatrix = {};
  hasMatrix.sType = CooperativeMatrixFeatures::kType;
  constexpr const char *kMatrices = "VK_KHR_cooperative_matrix";
  if (hasExtension(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME))
    has16.pNext = &hasDot;
  if (hasExtension(kMatrices)) {
    hasMatrix.pNext = has16.pNext;
    has16.pNext = &hasMatrix;
  }
  state.vkGetPhysicalDeviceFeatures2(state.physical, &has);
  // A read past the end of a buffer gives anything, and does no harm.
  state.features.robustBufferAccess = has.features.robustBufferAccess;
  state.features.shaderInt16 = has.features.shaderInt16;
  state.features.shaderInt64 = has.features.shaderInt64;
  state.features.shaderFloat64 = has.features.shaderFloat64;
  state.features16.sType = has16.sType;
  state.features16.storageBuffer16BitAccess = has16.storageBuffer16BitAccess;
  state.features12.sType = has12.sType;
  state.features12.pNext = &state.features16;
  state.features12.shaderInt8 = has12.shaderInt8;
  state.features12.shaderFloat16 = has12.shaderFloat16;
  state.features12.storageBuffer8BitAccess = has12.storageBuffer8BitAccess;
  // Barriers order memory for the whole device.
  state.features12.vulkanMemoryModel =
      state.features12.vulkanMemoryModelDeviceScope =
          has12.vulkanMemoryModel && has12.vulkanMemoryModelDeviceScope;
  if (hasDot.shaderIntegerDotProduct) {
    state.featuresDot.sType = hasDot.sType;
    state.featuresDot.shaderIntegerDotProduct = VK_TRUE;
    state.features16.pNext = &state.featuresDot;
    extensions.push_back(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
  }
  if (hasMatrix.cooperativeMatrix) {
    state.featuresMatrix.sType = CooperativeMatrixFeatures::kType;
    state.featuresMatrix.cooperativeMatrix = VK_TRUE;
    state.featuresMatrix.pNext = state.features16.pNext;
    state.features16.pNext = &state.featuresMatrix;
    extensions.push_back(kMatrices);
    return findMatrices(state);
  }
  return {};
}

static Status createDevice(VulkanState &state) {
  std::vector<const char *> extensions;
  DLRT_RETURN_IF_ERROR(chooseFeatures(state, extensions));
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {};
  queue.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO;
  queue.queueFamilyIndex = state.queueFamily;
  queue.queueCount = 1;
  queue.pQueuePriorities = &priority;
  VkDeviceCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO;
  info.pNext = &state.features12;
  info.queueCreateInfoCount = 1;
  info.pQueueCreateInfos = &queue;
  info.pEnabledFeatures = &state.features;
  info.enabledExtensionCount = uint32_t(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  DLRT_RETURN_IF_ERROR(toStatus(
      state.vkCreateDevice(state.physical, &info, nullptr, &state.device),
      "vkCreateDevice"));
#define DLRT_LOAD(name)                                                        \
  state.vk##name =                                                             \
      (PFN_vk##name)state.vkGetDeviceProcAddr(state.device, "vk" #name);       \
  if (!state.vk##name)                                                         \
    return Status(Code::NotFound, "the Vulkan driver lacks vk" #name);
  DLRT_VULKAN_DEVICE_FUNCTIONS(DLRT_LOAD)
#undef DLRT_LOAD
  if (state.options.onOpen)
    state.options.onOpen(state);
  state.vkGetDeviceQueue(state.device, state.queueFamily, 0, &state.queue);

  VkCommandPoolCreateInfo pool = {};
  pool.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO;
  pool.queueFamilyIndex = state.queueFamily;
  return toStatus(state.vkCreateCommandPool(state.device, &pool, nullptr,
                                            &state.commandPool),
                  "vkCreateCommandPool");
}

VulkanDevice::VulkanDevice() : state(std::make_unique<VulkanState>()) {}
VulkanDevice::~VulkanDevice() = default;

Status VulkanDevice::open(const VulkanOptions &options,
                          std::unique_ptr<VulkanDevice> &result) {
  std::unique_ptr<VulkanDevice> device(new VulkanDevice());
  device->state->options = options;
  DLRT_RETURN_IF_ERROR(createInstance(*device->state));
  DLRT_RETURN_IF_ERROR(chooseDevice(*device->state));
  DLRT_RETURN_IF_ERROR(createDevice(*device->state));
  result = std::move(device);
  return {};
}

std::vector<std::string> VulkanDevice::list() {
  VulkanState state;
  std::vector<Candidate> devices;
  if (!createInstance(state).ok() || !findDevices(state, devices).ok())
    return {};
  std::vector<std::string> names;
  for (const Candidate &device : devices)
    names.push_back(device.properties.deviceName);
  return names;
}

const std::string &VulkanDevice::name() const { return state->name; }
bool VulkanDevice::isValidated() const { return state->messenger; }
uint64_t VulkanDevice::maxBufferBytes() const {
  return state->properties.limits.maxStorageBufferRange;
}

bool VulkanDevice::hasTimer() const {
  return state->timestampBits && state->properties.limits.timestampPeriod > 0;
}

/// Mesa's compiler for CPUs (gallivm) counts all iterations of a function down
/// from 65535, and lets every loop end then.
int64_t VulkanDevice::mostIterations() const {
  constexpr int64_t kMesa = 65535;
  return state->driver == VK_DRIVER_ID_MESA_LLVMPIPE ? kMesa - 1 : 0;
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

VulkanBuffer::~VulkanBuffer() {
  if (buffer)
    state.vkDestroyBuffer(state.device, toHandle<VkBuffer>(buffer), nullptr);
  if (memory) // which ends its mapping too
    state.vkFreeMemory(state.device, toHandle<VkDeviceMemory>(memory), nullptr);
}

/// Host memory of the types that `allowed` has a bit for, on the device if
/// there is such; -1 where there is none. Coherent, so that nothing has to be
/// flushed.
static int findMemoryType(const VulkanState &state, uint32_t allowed) {
  constexpr VkMemoryPropertyFlags kHost = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                          VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  int result = -1;
  for (uint32_t i = 0; i < state.memory.memoryTypeCount; ++i) {
    VkMemoryPropertyFlags flags = state.memory.memoryTypes[i].propertyFlags;
    if (!(allowed >> i & 1) || (flags & kHost) != kHost)
      continue;
    if (flags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)
      return int(i);
    if (result < 0)
      result = int(i);
  }
  return result;
}

Status VulkanDevice::createBuffer(uint64_t bytes,
                                  std::unique_ptr<VulkanBuffer> &result,
                                  bool inParts) {
  if (bytes > maxBufferBytes() && !inParts)
    return Status(Code::Unsupported, "a buffer of " + std::to_string(bytes) +
                                         " bytes; " + name() + " takes " +
                                         std::to_string(maxBufferBytes()));
  std::unique_ptr<VulkanBuffer> made(new VulkanBuffer(*state));
  made->bytes = bytes;
  VkBufferCreateInfo info = {};
  info.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO;
  info.size = std::max<uint64_t>(bytes, 4); // Vulkan knows no empty buffer
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
               VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  VkBuffer buffer;
  DLRT_RETURN_IF_ERROR(
      toStatus(state->vkCreateBuffer(state->device, &info, nullptr, &buffer),
               "vkCreateBuffer"));
  made->buffer = toNumber(buffer);
  VkMemoryRequirements needs;
  state->vkGetBufferMemoryRequirements(state->device, buffer, &needs);
  int type = findMemoryType(*state, needs.memoryTypeBits);
  if (type < 0)
    return Status(Code::Unsupported,
                  name() + " has no memory that the host can see");
  VkMemoryAllocateInfo allocation = {};
  allocation.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO;
  allocation.allocationSize = needs.size;
  allocation.memoryTypeIndex = uint32_t(type);
  VkDeviceMemory memory;
  DLRT_RETURN_IF_ERROR(toStatus(
      state->vkAllocateMemory(state->device, &allocation, nullptr, &memory),
      "vkAllocateMemory"));
  made->memory = toNumber(memory);
  DLRT_RETURN_IF_ERROR(
      toStatus(state->vkBindBufferMemory(state->device, buffer, memory, 0),
               "vkBindBufferMemory"));
  DLRT_RETURN_IF_ERROR(
      toStatus(state->vkMapMemory(state->device, memory, 0, VK_WHOLE_SIZE, 0,
                                  &made->mapped),
               "vkMapMemory"));
  result = std::move(made);
  return {};
}
