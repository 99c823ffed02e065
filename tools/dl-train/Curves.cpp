// Part of the dl compiler, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/dl-train/Records.h"

#include <algorithm>
#include <cmath>

namespace dl::train {

namespace {

using Curve = std::vector<std::pair<int64_t, double>>;

constexpr double kWidth = 760, kHeight = 260, kLeft = 70, kTop = 34,
                 kRight = 150, kBottom = 36;
constexpr const char *kColours[] = {"#1f77b4", "#d62728", "#2ca02c",
                                    "#9467bd", "#ff7f0e", "#17becf"};

std::string toText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", number);
  return text;
}

/// One panel with its axes.
class Panel {
public:
  Panel(std::vector<std::pair<std::string, const Curve *>> curves, double top)
      : curves(std::move(curves)), top(top) {
    for (const auto &[name, curve] : this->curves)
      for (auto [step, value] : *curve) {
        if (!std::isfinite(value))
          continue;
        low = std::min(low, value), high = std::max(high, value);
        last = std::max(last, double(step));
      }
    if (!(low <= high))
      low = 0, high = 1;
    if (low == high)
      low -= 0.5, high += 0.5;
  }

  std::string draw() const {
    std::string svg;
    for (int i = 0; i <= 4; ++i) {
      double value = low + (high - low) * i / 4, step = last * i / 4;
      svg += "<line class='grid' x1='" + toText(kLeft) + "' x2='" +
             toText(kWidth - kRight) + "' y1='" + toText(y(value)) + "' y2='" +
             toText(y(value)) + "'/>\n" +
             text(kLeft - 6, y(value) + 4, "end", toText(value)) +
             text(x(step), top + kHeight - kBottom + 18, "middle",
                  toText(std::round(step)));
    }
    svg += text((kLeft + kWidth - kRight) / 2, top + kHeight - 2, "middle",
                "step");
    for (size_t i = 0; i < curves.size(); ++i) {
      const char *colour = kColours[i % std::size(kColours)];
      svg += "<polyline stroke='" + std::string(colour) + "' points='";
      // A point for each pixel at most: the mean of what falls on it.
      double sum = 0, place = -1;
      int count = 0;
      auto flush = [&] {
        if (count)
          svg += toText(place) + "," + toText(y(sum / count)) + " ";
        sum = count = 0;
      };
      for (auto [step, value] : *curves[i].second) {
        if (!std::isfinite(value))
          continue;
        if (std::round(x(double(step))) != place)
          flush();
        place = std::round(x(double(step)));
        sum += value, ++count;
      }
      flush();
      double row = top + kTop + 14 + 18 * double(i);
      svg += "'/>\n<line stroke-width='2' stroke='" + std::string(colour) +
             "' x1='" + toText(kWidth - kRight + 12) + "' x2='" +
             toText(kWidth - kRight + 32) + "' y1='" + toText(row) + "' y2='" +
             toText(row) + "'/>\n" +
             text(kWidth - kRight + 38, row + 4, "start", curves[i].first);
    }
    return svg;
  }

private:
  double x(double step) const {
    return kLeft + (kWidth - kLeft - kRight) * (last > 0 ? step / last : 0);
  }
  double y(double value) const {
    return top + kHeight - kBottom -
           (kHeight - kTop - kBottom) * (value - low) / (high - low);
  }
  static std::string text(double x, double y, const char *anchor,
                          const std::string &what) {
    return "<text x='" + toText(x) + "' y='" + toText(y) + "' text-anchor='" +
           anchor + "'>" + what + "</text>\n";
  }

  std::vector<std::pair<std::string, const Curve *>> curves;
  double top, low = INFINITY, high = -INFINITY, last = 0;
};

} // namespace

std::string drawCurves(const std::map<std::string, Curve> &curves) {
  std::vector<std::pair<std::string, const Curve *>> losses, others;
  for (const auto &[name, curve] : curves)
    (name.find("loss") != std::string::npos ? losses : others)
        .push_back({name, &curve});
  std::string body;
  double height = 0;
  for (auto &part : {losses, others})
    if (!part.empty()) {
      body += Panel(part, height).draw();
      height += kHeight;
    }
  return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " +
         toText(kWidth) + " " + toText(std::max(height, 1.0)) +
         "' font-family='sans-serif' font-size='12'>\n"
         "<style>.grid{stroke:#ddd} polyline{fill:none;stroke-width:1.5} "
         "text{fill:#333}</style>\n"
         "<rect width='100%' height='100%' fill='white'/>\n" +
         body + "</svg>\n";
}

} // namespace dl::train
