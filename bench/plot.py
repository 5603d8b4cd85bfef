"""Small plots as SVG, readable on light and dark pages: lines over time, bars. No libraries."""
import math
import os
from collections import namedtuple
from xml.sax.saxutils import escape

from common import ROOT

WIDTH, LEFT, RIGHT = 860, 64, 20
PANEL_TOP, PANEL_BOTTOM = 46, 30
HEAD = 40

STYLE = """
svg { color-scheme: light dark; font: 12px system-ui, sans-serif; }
.page { fill: #ffffff; } text { fill: #444c56; } .title { font-size: 15px; font-weight: 600; }
.strong { font-weight: 600; fill: #1f2328; } .title { fill: #1f2328; }
.grid { stroke: #d8dee4; stroke-width: 1; } .band { fill: #8c959f; opacity: .13; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; } .c2 { stroke: #1a7f37; } .c3 { stroke: #6e7781; }
.f0 { fill: #0969da; } .f1 { fill: #bc4c00; } .f2 { fill: #1a7f37; } .f3 { fill: #6e7781; }
.dash { stroke-dasharray: 5 4; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } text { fill: #9da7b3; } .strong, .title { fill: #e6edf3; }
.grid { stroke: #2b323b; } .band { fill: #9da7b3; opacity: .16; }
.c0 { stroke: #4493f8; } .c1 { stroke: #f0883e; } .c2 { stroke: #3fb950; } .c3 { stroke: #9da7b3; }
.f0 { fill: #4493f8; } .f1 { fill: #f0883e; } .f2 { fill: #3fb950; } .f3 { fill: #9da7b3; }
}
"""

# A line: its name, number of its colour, dashed or not, and points (x, y); y None where it pauses.
Line = namedtuple("Line", "name color points dashed", defaults=(False,))
# A part of a plot with its own scale of y. Bands are (from x, to x, text).
Panel = namedtuple("Panel", "title lines is_log bands height", defaults=(False, (), 190))
# Of a bar plot: name, value, the text beside it, number of its colour.
Bar = namedtuple("Bar", "name value text color")


def steps(low, high, count):
    """Round numbers from low to high, about so many."""
    raw = (high - low) / count or 1
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"


class Scale:
    """Values of one axis to places on the page."""

    def __init__(self, low, high, start, end, is_log=False):
        self.is_log = is_log
        if is_log:
            low = 10 ** math.floor(math.log10(low))
            high = 10 ** math.ceil(math.log10(high) + 1e-9)
            self.ticks = [10.0 ** i for i in range(round(math.log10(low)),
                                                   round(math.log10(high)) + 1)]
        else:
            self.ticks = steps(low, high, 5)
        self.low, self.high = self.place(low), self.place(high)
        self.start, self.end = start, end

    def place(self, value):
        return math.log10(value) if self.is_log else value

    def __call__(self, value):
        part = (self.place(value) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def text_at(x, y, text, anchor="start", kind=""):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{escape(text)}</text>'


def path_of(points, x, y, is_log):
    """Lines through the points; interrupted where there is no value."""
    out, pen = [], "M"
    for at, value in points:
        if value is None or (is_log and value <= 0):
            pen = "M"
            continue
        out.append(f"{pen}{x(at):.1f} {y(value):.1f}")
        pen = "L"
    return "".join(out)


def panel_svg(panel, top, x):
    """One panel, of which the plot begins PANEL_TOP below top."""
    values = [value for line in panel.lines for _, value in line.points
              if value is not None and (value > 0 or not panel.is_log)]
    low = min(values) if panel.is_log else 0
    start, end = top + panel.height - PANEL_BOTTOM, top + PANEL_TOP
    y = Scale(low, max(values) * (1 if panel.is_log else 1.06) or 1, start, end, panel.is_log)
    out = [text_at(LEFT, top + 16, panel.title, kind="strong")]
    for first, last, text in panel.bands:
        out.append(f'<rect class="band" x="{x(first):.1f}" y="{end}" '
                   f'width="{x(last) - x(first):.1f}" height="{start - end}"/>')
        out.append(text_at((x(first) + x(last)) / 2, end + 13, text, "middle"))
    for tick in y.ticks:
        out.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}"/>')
        out.append(text_at(LEFT - 6, y(tick) + 4, number(tick), "end"))
    for tick in x.ticks:
        out.append(text_at(x(tick), start + 16, number(tick), "middle"))
    at = LEFT
    for line in panel.lines:
        dash = " dash" if line.dashed else ""
        out.append(f'<path class="line c{line.color}{dash}" '
                   f'd="{path_of(line.points, x, y, panel.is_log)}"/>')
        out.append(f'<path class="line c{line.color}{dash}" d="M{at} {top + 31}h22"/>')
        out.append(text_at(at + 27, top + 35, line.name))
        at += 27 + 6.6 * len(line.name) + 18
    return "\n".join(out)


def page(title, description, height, body, left=LEFT):
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
 aria-labelledby="title desc">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
<style>{STYLE}</style>
<rect class="page" width="{WIDTH}" height="{height}"/>
{text_at(left, 24, title, kind="title")}
{body}
</svg>
"""


def time_series(title, description, panels):
    """Panels below each other with one axis of seconds."""
    last = max(at for panel in panels for line in panel.lines for at, _ in line.points)
    x = Scale(0, last, LEFT, WIDTH - RIGHT)
    top, parts = HEAD, []
    for panel in panels:
        parts.append(panel_svg(panel, top, x))
        top += panel.height
    parts.append(text_at(WIDTH - RIGHT, top + 6, "seconds", "end"))
    return page(title, description, top + 14, "\n".join(parts))


def bars(title, description, groups):
    """Groups of bars, each with its own scale: [(heading, bars)]."""
    names, row = 300, 22
    top, parts = HEAD, []
    for heading, rows in groups:
        parts.append(text_at(20, top + 14, heading, kind="strong"))
        top += 24
        most = max(bar.value for bar in rows)
        for bar in rows:
            width = (WIDTH - names - 130) * bar.value / most
            parts.append(text_at(names - 8, top + 14, bar.name, "end"))
            parts.append(f'<rect class="f{bar.color}" x="{names}" y="{top + 3}" rx="2" '
                         f'width="{max(width, 1):.1f}" height="{row - 7}"/>')
            parts.append(text_at(names + max(width, 1) + 6, top + 14, bar.text))
            top += row
        top += 14
    return page(title, description, top, "\n".join(parts), 20)


def save(name, text):
    """Writes bench/plots/NAME.svg."""
    folder = os.path.join(ROOT, "bench/plots")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".svg"), "w", encoding="utf-8") as file:
        file.write(text)
    print(f"bench/plots/{name}.svg")
