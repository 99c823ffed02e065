# Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models in PyTorch, with random weights, to be exported and to be compared with.

Structure and sizes are those of the papers: ResNet-50 (He et al., 2015), BERT-base (Devlin
et al., 2018), GPT-2 small (Radford et al., 2019), ViT-B/16 (Dosovitskiy et al., 2020).
"""
import torch
from torch import nn
from torch.nn import functional


class Bottleneck(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width),
        )
        self.short = nn.Identity()
        if stride > 1 or channels != 4 * width:
            self.short = nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))

    def forward(self, x):
        return functional.relu(self.body(x) + self.short(x))


def make_resnet50():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for i in range(count):
            layers.append(Bottleneck(channels, width, 2 if stage and i == 0 else 1))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Block(nn.Module):
    """A transformer's layer; norms before or after what they belong to."""

    def __init__(self, width, heads, first, causal, approximate):
        super().__init__()
        self.heads, self.first, self.causal = heads, first, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.approximate = approximate

    def attend(self, x, past):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        causal = self.causal and length > 1
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out(mixed.transpose(1, 2).reshape(batch, length, width))

    def widen(self, x):
        return self.down(functional.gelu(self.up(x), approximate=self.approximate))

    def forward(self, x, past=None):
        if self.first:
            x = x + self.attend(self.norm1(x), past)
            return x + self.widen(self.norm2(x))
        x = self.norm1(x + self.attend(x, past))
        return self.norm2(x + self.widen(x))


class Transformer(nn.Module):
    """Of tokens, or of images in patches of 16 x 16."""

    def __init__(self, kind):
        super().__init__()
        self.kind, width = kind, 768
        if kind == "vit":
            self.patches = nn.Conv2d(3, width, 16, 16)
            self.start, self.places = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 197, width))
        else:
            self.tokens = nn.Embedding(50257 if kind == "gpt2" else 30522, width)
            self.places = nn.Parameter(torch.zeros(1, 1024, width))
        gpt2 = kind == "gpt2"
        self.blocks = nn.ModuleList(
            Block(width, 12, kind != "bert", gpt2, "tanh" if gpt2 else "none") for _ in range(12)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 50257, bias=False) if gpt2 else nn.Linear(width, 1000) if kind == "vit" else None

    def forward(self, x, past=None):
        if self.kind == "vit":
            x = self.patches(x).flatten(2).transpose(1, 2)
            x = torch.cat((self.start.expand(x.shape[0], -1, -1), x), 1) + self.places
        else:
            first = 0 if past is None else past.shape[4]
            x = self.tokens(x) + self.places[:, first : first + x.shape[1]]
        if self.kind == "bert":
            x = self.norm(x)
        for i, block in enumerate(self.blocks):
            x = block(x, None if past is None else past[i])
        if self.kind == "bert":
            return x
        x = self.norm(x)
        return self.head(x[:, 0] if self.kind == "vit" else x)


def make_models(quick=False):
    """For each name, the module and its inputs, on the CPU in float32."""
    torch.manual_seed(0)
    length, past = (16, 15) if quick else (128, 511)
    image = torch.randn(1, 3, 224, 224)
    yield "resnet50, batch 1", make_resnet50(), (image,)
    if not quick:
        yield "resnet50, batch 64", make_resnet50(), (torch.randn(64, 3, 224, 224),)
    yield "bert_base", Transformer("bert"), (torch.randint(0, 30522, (1, length)),)
    gpt2 = Transformer("gpt2")
    yield "gpt2 prefill", gpt2, (torch.randint(0, 50257, (1, length)),)
    yield "gpt2 decode", gpt2, (torch.randint(0, 50257, (1, 1)), torch.randn(12, 2, 1, 12, past, 64))
    yield "vit_b16", Transformer("vit"), (image,)
