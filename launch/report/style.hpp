#pragma once

namespace cogent::launch {

// The style sheet of a report, in light and dark.
inline constexpr const char* kReportStyle = R"css(
:root { color-scheme: light dark;
  --page: #f9f9f7; --surface: #fcfcfb; --ink: #0b0b0b; --quiet: #52514e; --grid: #e1e0d9;
  --series: #2a78d6; --gold: #f3ead2; --predicted: #dbe8f8; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0d0d0d; --surface: #1a1a19; --ink: #ffffff; --quiet: #c3c2b7; --grid: #33332f;
  --series: #3987e5; --gold: #3d351f; --predicted: #1c3048; } }
body { margin: 0 auto; padding: 24px; max-width: 1240px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 24px; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 32px 0 8px; }
h3 { font-size: 15px; margin: 16px 0 8px; }
p { margin: 4px 0; }
.quiet, figcaption span { color: var(--quiet); font-weight: normal; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; background: var(--surface); }
th, td { padding: 5px 12px; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--grid); }
th { color: var(--quiet); font-weight: 600; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 12px; }
figure { margin: 0; padding: 10px 12px 4px; background: var(--surface); border: 1px solid var(--grid); border-radius: 6px; }
figcaption { display: flex; justify-content: space-between; font-weight: 600; font-size: 14px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 11px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); stroke-width: 1; }
.line, .pale { fill: none; stroke: var(--series); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.pale { stroke-width: 1; opacity: 0.35; }
.mark { fill: var(--series); stroke: var(--surface); stroke-width: 2; }
.touch { fill: transparent; }
.touch:hover { fill: var(--series); }
.sample { margin: 8px 0; padding: 10px 12px; background: var(--surface); border: 1px solid var(--grid); border-radius: 6px; overflow-wrap: anywhere; }
.entity { display: inline-block; margin: 2px 4px 2px 0; padding: 0 8px; border-radius: 4px; }
.gold .entity { background: var(--gold); }
.predicted .entity { background: var(--predicted); }
.entity i { color: var(--quiet); font-style: normal; font-size: 12px; }
.name { display: inline-block; min-width: 80px; color: var(--quiet); }
pre { margin: 6px 0; padding: 8px; overflow-x: auto; white-space: pre-wrap; font-size: 12.5px; background: var(--page); border-radius: 4px; }
summary { cursor: pointer; color: var(--quiet); }
)css";

}  // namespace cogent::launch
