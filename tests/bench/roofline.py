"""Draws every CPU kernel below the machine's roof, from one run of two benchmarks:

    OMP_NUM_THREADS=2 build/release/tests/kernel_bench --benchmark_repetitions=3 --benchmark_out=KERNELS.json
    OMP_NUM_THREADS=2 build/release/tests/gemm_bench > PRODUCTS.txt
    python tests/bench/roofline.py KERNELS.json PRODUCTS.txt > docs/roofline.svg

A kernel stands at its arithmetic for each byte that it must move (each value once) and the rate that it reached; medians. The
roof is the lower of the fused multiply-adds that the machine does in registers and of the triad's bandwidth, once from the memory
and once from the caches. Products are one point a number of rows, the geometric mean over the model's layers.
"""

import json
import math
import statistics
import sys
from collections import defaultdict

LEFT, RIGHT, TOP, BOTTOM = 60, 590, 30, 430
WIDTH, HEIGHT = 930, 480
INTENSITIES = (0.1, 1000)  # of the axes: floating-point operations a byte
RATES = (0.5, 400)  # GFLOP/s


def median_rates(path):
    """{name: {counter: median}} of a run with repetitions, or of a single one."""
    rates = defaultdict(lambda: defaultdict(list))
    with open(path) as file:
        for run in json.load(file)["benchmarks"]:
            if run.get("run_type") != "aggregate":
                for counter in ("GB/s", "GFLOP/s"):
                    if counter in run:
                        rates[run["name"].removesuffix("/real_time")][counter].append(run[counter])
    return {name: {key: statistics.median(values) for key, values in counters.items()} for name, counters in rates.items()}


def product_points(path):
    """[(rows, operations a byte, GFLOP/s)]: geometric means over the layers of gemm_bench's table."""
    points = defaultdict(list)
    with open(path) as file:
        for line in file:
            fields = line.split()
            if len(fields) < 8 or not fields[0].isdigit() or not fields[1].isdigit():
                continue
            rows, n, k = map(int, fields[:3])
            intensity = 2 * rows * n * k / (4 * (n * k + rows * (n + k)))
            points[rows].append((intensity, float(fields[3])))
    mean = statistics.geometric_mean
    return [(rows, mean([p[0] for p in found]), mean([p[1] for p in found])) for rows, found in sorted(points.items())]


def place(intensity, rate):
    def share(value, ends):
        return math.log(value / ends[0]) / math.log(ends[1] / ends[0])

    return LEFT + share(intensity, INTENSITIES) * (RIGHT - LEFT), BOTTOM - share(rate, RATES) * (BOTTOM - TOP)


def roof_line(bandwidth, peak, style, label):
    corner = peak / bandwidth
    low = max(INTENSITIES[0], RATES[0] / bandwidth)
    ends = [place(low, low * bandwidth), place(corner, peak), place(INTENSITIES[1], peak)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ends)
    x, y = place(low * 1.15, low * 1.15 * bandwidth)
    slope = math.degrees(math.atan2(ends[1][1] - ends[0][1], ends[1][0] - ends[0][0]))
    return (
        f'<polyline points="{points}" fill="none" stroke="#444" {style}/>'
        f'<text x="{x:.1f}" y="{y - 6:.1f}" transform="rotate({slope:.1f} {x:.1f} {y - 6:.1f})">{label}</text>'
    )


def axes():
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{RIGHT - LEFT}" height="{BOTTOM - TOP}" fill="none" stroke="#999"/>']
    for intensity in (0.1, 1, 10, 100, 1000):
        x, _ = place(intensity, RATES[0])
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{intensity:g}</text>')
    for rate in (1, 10, 100):
        _, y = place(INTENSITIES[0], rate)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{rate:g}</text>')
    parts.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 36}" text-anchor="middle">floating-point operations a byte</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 10}" text-anchor="middle">GFLOP/s</text>')
    return parts


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rates = median_rates(sys.argv[1])
    peak = rates["fma"]["GFLOP/s"]
    memory, cache = rates["triad/512"]["GB/s"], rates["triad/6"]["GB/s"]
    marks = [(f"product, {rows} rows", intensity, rate, "#1565c0") for rows, intensity, rate in product_points(sys.argv[2])]
    for name, counters in rates.items():
        if len(counters) == 2:
            marks.append((name, counters["GFLOP/s"] / counters["GB/s"], counters["GFLOP/s"], "#c62828"))
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">')
    print(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    print("\n".join(axes()))
    print(roof_line(memory, peak, 'stroke-width="2"', f"memory, {memory:.0f} GB/s"))
    print(roof_line(cache, peak, 'stroke-dasharray="4 3"', f"caches, {cache:.0f} GB/s"))
    x, y = place(INTENSITIES[1], peak)
    print(f'<text x="{x:.1f}" y="{y - 6:.1f}" text-anchor="end">{peak:.0f} GFLOP/s</text>')
    for number, (name, intensity, rate, colour) in enumerate(marks, 1):
        x, y = place(intensity, rate)
        share = rate / min(peak, memory * intensity)
        row = TOP + 18 * (number - 1) + 4
        print(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{colour}" fill-opacity="0.85"/>')
        print(f'<text x="{x:.1f}" y="{y + 3.5:.1f}" font-size="9" fill="white" text-anchor="middle">{number}</text>')
        print(f'<circle cx="{RIGHT + 22}" cy="{row}" r="8" fill="{colour}"/>')
        print(f'<text x="{RIGHT + 22}" y="{row + 3.5}" font-size="9" fill="white" text-anchor="middle">{number}</text>')
        print(f'<text x="{RIGHT + 36}" y="{row + 4}">{name.replace("_", " ")}: {rate:.3g} GFLOP/s, {100 * share:.0f} %</text>')
    print(f'<text x="{RIGHT + 14}" y="{BOTTOM + 36}" fill="#555">share of the memory roof; above 100 %: from caches</text>')
    print("</svg>")


if __name__ == "__main__":
    main()
