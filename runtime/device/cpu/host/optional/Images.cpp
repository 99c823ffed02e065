// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/device/cpu/host/HostFunctions.h"
#include "runtime/device/cpu/host/optional/Functions.h"

#include "runtime/artifact/module_generated.h"

#include <csetjmp>
#include <cstring>
#include <leptonica/allheaders.h>
#include <memory>
#include <png.h>
#include <vector>

namespace dlrt {
namespace {

struct PixDeleter {
  void operator()(Pix *image) const { pixDestroy(&image); }
};
using Image = std::unique_ptr<Pix, PixDeleter>;

//===----------------------------------------------------------------------===//
// PNG: by itself, because Leptonica lets libpng print what is wrong
//===----------------------------------------------------------------------===//

struct PngSource {
  const png_byte *at;
  size_t left;
};

void readPngBytes(png_structp png, png_bytep to, size_t size) {
  auto *source = static_cast<PngSource *>(png_get_io_ptr(png));
  if (source->left < size)
    png_error(png, "cut short");
  memcpy(to, source->at, size);
  source->at += size;
  source->left -= size;
}

[[noreturn]] void failPng(png_structp png, png_const_charp) {
  longjmp(png_jmpbuf(png), 1);
}

void ignorePngWarning(png_structp, png_const_charp) {}

/// Reads the rows into `image`; what needs a destructor is the caller's.
bool readPngRows(png_structp png, png_infop info, PngSource &source,
                 Image &image, std::vector<png_byte> &pixels,
                 std::vector<png_bytep> &rows) {
  if (setjmp(png_jmpbuf(png)) != 0)
    return false;
  png_set_read_fn(png, &source, readPngBytes);
  png_read_info(png, info);
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  size_t width = png_get_image_width(png, info);
  size_t height = png_get_image_height(png, info);
  size_t stride = png_get_rowbytes(png, info);
  image.reset(
      pixCreate(static_cast<l_int32>(width), static_cast<l_int32>(height), 32));
  if (!image || stride != width * 3)
    return false;
  pixels.resize(stride * height);
  rows.resize(height);
  for (size_t y = 0; y < height; ++y)
    rows[y] = pixels.data() + y * stride;
  png_read_image(png, rows.data());
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < width; ++x) {
      const png_byte *pixel = rows[y] + x * 3;
      composeRGBPixel(pixel[0], pixel[1], pixel[2],
                      pixGetData(image.get()) +
                          y * static_cast<size_t>(pixGetWpl(image.get())) + x);
    }
  return true;
}

Image decodePng(const png_byte *bytes, size_t size) {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr,
                                           failPng, ignorePngWarning);
  png_infop info = png ? png_create_info_struct(png) : nullptr;
  PngSource source = {bytes, size};
  Image image;
  std::vector<png_byte> pixels;
  std::vector<png_bytep> rows;
  bool isRead = info && readPngRows(png, info, source, image, pixels, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  return isRead ? std::move(image) : nullptr;
}

//===----------------------------------------------------------------------===//
// All formats
//===----------------------------------------------------------------------===//

/// The image in a file, 32 bits a pixel, or of gray 8; null where it cannot be
/// read.
Image decode(const HostArgument &file) {
  auto *bytes = static_cast<const l_uint8 *>(file.data);
  l_int32 format = 0;
  if (findFileFormatBuffer(bytes, &format) == 0 && format == IFF_PNG)
    return decodePng(bytes, static_cast<size_t>(file.bytes));
  Image image(pixReadMem(bytes, static_cast<size_t>(file.bytes)));
  if (!image)
    return nullptr;
  // Palettes, other depths, and gray with an alpha channel.
  Image plain(pixRemoveColormap(image.get(), REMOVE_CMAP_BASED_ON_SRC));
  if (!plain)
    return nullptr;
  if (pixGetDepth(plain.get()) == 32)
    return plain;
  return Image(pixConvertTo8(plain.get(), /*cmapflag=*/0));
}

bool isFile(const HostArgument &file) {
  return file.type == fb::ElementType_U8 && file.rank == 1;
}

void fail(const HostResources &resources, const std::string &what) {
  *resources.status = {Code::Mismatch, what};
}

Status prepareSize(const HostCallFrame &frame, int64_t &) {
  if (frame.argCount == 2 && frame.attributeCount == 0 &&
      isFile(frame.args[0]) && frame.args[1].type == fb::ElementType_I64 &&
      frame.args[1].elements == 2)
    return {};
  return {Code::BadModule, "image_size has arguments that do not agree"};
}

void runSize(const HostCallFrame &frame, const HostResources &resources) {
  setMsgSeverity(L_SEVERITY_NONE); // this copy of it prints nothing
  const HostArgument &file = frame.args[0];
  l_int32 format = 0, width = 0, height = 0;
  // Its look at the beginning is a look at 12 bytes.
  if (file.bytes < 12 ||
      pixReadHeaderMem(static_cast<const l_uint8 *>(file.data),
                       static_cast<size_t>(file.bytes), &format, &width,
                       &height, nullptr, nullptr, nullptr) != 0)
    return fail(resources, "its " + std::to_string(file.bytes) +
                               " bytes are no image that can be read");
  auto *size = static_cast<int64_t *>(frame.args[1].data);
  size[0] = height;
  size[1] = width;
}

Status prepareDecode(const HostCallFrame &frame, int64_t &) {
  const HostArgument *args = frame.args;
  if (frame.argCount == 2 && frame.attributeCount == 1 && isFile(args[0]) &&
      args[1].type == fb::ElementType_U8 && args[1].rank == 3 &&
      args[1].dims[2] == (frame.attributes[0] == 2 ? 1 : 3))
    return {};
  return {Code::BadModule, "decode_image has arguments that do not agree"};
}

/// ITU-R 601-2, as Pillow rounds it.
uint8_t toGray(l_int32 red, l_int32 green, l_int32 blue) {
  return static_cast<uint8_t>(
      (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

void runDecode(const HostCallFrame &frame, const HostResources &resources) {
  setMsgSeverity(L_SEVERITY_NONE);
  Image image = decode(frame.args[0]);
  if (!image)
    return fail(resources, "the image cannot be read");
  const HostArgument &result = frame.args[1];
  int64_t height = pixGetHeight(image.get()), width = pixGetWidth(image.get());
  if (height != result.dims[0] || width != result.dims[1])
    return fail(resources, "the image has another size than its file says");
  bool isColor = pixGetDepth(image.get()) == 32;
  auto *to = static_cast<uint8_t *>(result.data);
  l_uint32 *row = pixGetData(image.get());
  for (int64_t y = 0; y < height; ++y, row += pixGetWpl(image.get()))
    for (int64_t x = 0; x < width; ++x) {
      l_int32 red, green, blue;
      if (isColor)
        extractRGBValues(row[x], &red, &green, &blue);
      else
        red = green = blue = GET_DATA_BYTE(row, static_cast<int>(x));
      if (frame.attributes[0] == 2) {
        *to++ = isColor ? toGray(red, green, blue) : static_cast<uint8_t>(red);
        continue;
      }
      if (frame.attributes[0] == 1)
        std::swap(red, blue);
      *to++ = static_cast<uint8_t>(red);
      *to++ = static_cast<uint8_t>(green);
      *to++ = static_cast<uint8_t>(blue);
    }
}

} // namespace

const HostFunction kImageSizeFunction = {"image_size", prepareSize, runSize};
const HostFunction kDecodeImageFunction = {"decode_image", prepareDecode,
                                           runDecode};

} // namespace dlrt
