// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef DL_HOST_OPS_TD
#define DL_HOST_OPS_TD

include "ir/dialect/DlBase.td"

// Ops on strings and images, which functions of the runtime compute
// (`runtime/device/cpu/host`). `dl-intern-strings` turns them into `dl.host_call`.

//===----------------------------------------------------------------------===//
// Strings
//===----------------------------------------------------------------------===//

class Dl_StringMapOp<string mnemonic, list<Trait> traits = []>
    : Dl_PureOp<mnemonic, "Opaque", !listconcat([Dl_InferTypes], traits)>;

def Dl_StringConcatOp : Dl_StringMapOp<"string_concat"> {
  let summary = "strings joined element by element";
  let description = [{
    Semantics: `result[i]` is `lhs[i]` followed by `rhs[i]`. Operands are broadcast as
    in `dl.add`.

    Constraints:
    - (C2) the operands' shapes broadcast

    Example: `%r = dl.string_concat %a, %b : (tensor<2x!dl.string>, tensor<!dl.string>) -> tensor<2x!dl.string>`
  }];
  let arguments = (ins Dl_StringTensor:$lhs, Dl_StringTensor:$rhs);
  let results = (outs Dl_StringTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Dl_StringFindOp : Dl_StringMapOp<"string_find"> {
  let summary = "the positions of strings in a list";
  let description = [{
    Semantics: `result[i]` is the position of the first of `keys` that equals
    `operand[i]`, or the number of keys where none does.

    Example: `%r = dl.string_find %x {keys = ["a", "b"]} : (tensor<4x!dl.string>) -> tensor<4xi64>`
  }];
  let arguments = (ins Dl_StringTensor:$operand, StrArrayAttr:$keys);
  let results = (outs Dl_IntTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_StringCaseOp : Dl_StringMapOp<"string_case"> {
  let summary = "strings in lower or upper case";
  let description = [{
    Letters change as in the language of `locale` ("en_US"; empty for no particular
    one). Without the runtime's library of optional functions, only ASCII letters can.

    Example: `%r = dl.string_case %x {upper = true, locale = "en_US"} : (tensor<4x!dl.string>) -> tensor<4x!dl.string>`
  }];
  let arguments = (ins Dl_StringTensor:$operand, BoolAttr:$upper,
                   DefaultValuedStrAttr<StrAttr, "">:$locale);
  let results = (outs Dl_StringTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

class Dl_StringPartsOp<string mnemonic, list<Trait> traits = []>
    : Dl_PureOp<mnemonic, "Opaque", traits> {
  let arguments = (ins Dl_StringTensor:$operand,
                   DefaultValuedStrAttr<StrAttr, "">:$delimiter,
                   DefaultValuedAttr<I64Attr, "-1">:$max_splits);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_StringCountOp : Dl_StringPartsOp<"string_count", [Dl_InferTypes]> {
  let summary = "how many parts strings have between delimiters";
  let description = [{
    A string is divided at each `delimiter`, from the left, at most `max_splits` times
    where that is not negative; the rest is the last part. Without a delimiter, parts
    stand between runs of white space; it begins and ends none of them but the rest,
    which keeps what ends it. The empty string has no part without a delimiter, and
    one, which is empty, with one.

    Example: `%r = dl.string_count %x {delimiter = ","} : (tensor<4x!dl.string>) -> tensor<4xi64>`
  }];
  let results = (outs Dl_IntTensor:$result);
}

def Dl_StringSplitOp : Dl_StringPartsOp<"string_split"> {
  let summary = "the parts of strings between delimiters";
  let description = [{
    The parts of `dl.string_count` along a new last dimension. Empty strings follow
    the last part; parts that the dimension has no room for are left out.

    Constraints:
    - (C1) the result has the operand's shape, and one more dimension

    Example: `%r = dl.string_split %x {delimiter = ","} : (tensor<4x!dl.string>) -> tensor<4x3x!dl.string>`
  }];
  let results = (outs Dl_StringTensor:$result);
  let hasVerifier = 1;
}

def Dl_StringMatchOp : Dl_StringMapOp<"string_match"> {
  let summary = "whether strings match a regular expression";
  let description = [{
    Semantics: `result[i]` is whether the whole of `operand[i]` matches `pattern`, in
    the syntax of RE2. A pattern that is not valid ends the run.

    Example: `%r = dl.string_match %x {pattern = "a+"} : (tensor<4x!dl.string>) -> tensor<4xi1>`
  }];
  let arguments = (ins Dl_StringTensor:$operand, StrAttr:$pattern);
  let results = (outs Dl_BoolTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_StringRankOp : Dl_StringMapOp<"string_rank"> {
  let summary = "the places of strings in their order";
  let description = [{
    Semantics: `result[i]` is how many different strings of the operand come before
    `operand[i]`, in the order of their bytes.

    Example: `%r = dl.string_rank %x : (tensor<4x!dl.string>) -> tensor<4xi64>`
  }];
  let arguments = (ins Dl_StringTensor:$operand);
  let results = (outs Dl_IntTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def Dl_StringToNumberOp : Dl_PureOp<"string_to_number", "Opaque"> {
  let summary = "the numbers that strings write";
  let description = [{
    A number is decimal, with a point or an exponent where it is a float; "nan", "inf"
    and "infinity" in any case, and a sign, count as floats. White space around it is
    left out. To integers, a float truncates. A string that writes no number, or one
    that the type does not hold, ends the run.

    Constraints:
    - (C1) the result has the operand's shape

    Example: `%r = dl.string_to_number %x : (tensor<4x!dl.string>) -> tensor<4xf32>`
  }];
  let arguments = (ins Dl_StringTensor:$operand);
  let results = (outs Dl_NumberTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_NumberToStringOp : Dl_StringMapOp<"number_to_string"> {
  let summary = "numbers as strings";
  let description = [{
    A float is written with the fewest digits that give it back, as f32 where it is
    narrower: with a point, or, below 1e-4 and from 1e16 on, an exponent. "NaN", "INF"
    and "-INF" are the others.

    Example: `%r = dl.number_to_string %x : (tensor<4xf32>) -> tensor<4x!dl.string>`
  }];
  let arguments = (ins Dl_NumberTensor:$operand);
  let results = (outs Dl_StringTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

def Dl_PixelFormat : Dl_Enum<"PixelFormat", "what the channels of a pixel are", [
    I32EnumCase<"Rgb", 0, "rgb">, I32EnumCase<"Bgr", 1, "bgr">,
    I32EnumCase<"Grayscale", 2, "grayscale">]>;
def Dl_PixelFormatAttr : Dl_EnumAttr<Dl_PixelFormat, "pixel_format">;

def Dl_ImageSizeOp : Dl_PureOp<"image_size", "Opaque"> {
  let summary = "the height and the width of an encoded image";
  let description = [{
    The operand is a file: BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP. Anything else
    ends the run.

    Constraints:
    - (C1) the operand has rank 1 and elements of ui8
    - (C2) the result has two elements of i64

    Example: `%r = dl.image_size %x : (tensor<900xui8>) -> tensor<2xi64>`
  }];
  let arguments = (ins Dl_IntTensor:$operand);
  let results = (outs Dl_IntTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Dl_DecodeImageOp : Dl_PureOp<"decode_image", "Opaque"> {
  let summary = "the pixels of an encoded image";
  let description = [{
    The operand is as for `dl.image_size`, the result [height, width, channels]. Its
    gray is (19595 R + 38470 G + 7471 B) / 65536, to the nearest.

    Constraints:
    - (C1) the operand has rank 1 and elements of ui8
    - (C2) the result has rank 3 and elements of ui8, three channels, of `grayscale` one

    Example: `%r = dl.decode_image rgb, %x : (tensor<900xui8>) -> tensor<32x32x3xui8>`
  }];
  let arguments = (ins Dl_PixelFormatAttr:$format, Dl_IntTensor:$operand);
  let results = (outs Dl_IntTensor:$result);
  let assemblyFormat = "$format `,` $operand attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // DL_HOST_OPS_TD
