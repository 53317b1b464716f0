/** The style of the page, for light and dark systems. */
export const STYLE = `
:root {
  --page: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #5b6572; --line: #d8dde3; --hover: #eef3fa;
  --in: #0969da; --out: #bc4c00; --pending: #8250df; --unread: #1a7f37; --pause: #e5b000; --bad: #cf222e; --good: #1a7f37;
  color-scheme: light dark;
  font: 14px/1.45 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #161b22; --text: #e6edf3; --soft: #9aa5b1; --line: #30363d; --hover: #1c2531;
    --in: #58a6ff; --out: #f0883e; --pending: #bc8cff; --unread: #3fb950; --pause: #e3b341; --bad: #ff7b72; --good: #3fb950;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 16px 20px; max-width: 1280px; background: var(--page); color: var(--text); overflow-wrap: anywhere; }
header { display: flex; gap: 8px 20px; align-items: baseline; flex-wrap: wrap; margin-bottom: 12px; }
h1 { font-size: 20px; margin: 0; }
h2 { font-size: 15px; margin: 0 0 8px; }
h3 { font-size: 13px; margin: 16px 0 4px; color: var(--soft); font-weight: 600; }
#summary { margin: 0; color: var(--soft); flex: 1; }
#summary.lost { color: var(--bad); font-weight: 600; }
input, button {
  font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px;
}
button { cursor: pointer; }
button:hover { background: var(--hover); }
button:focus-visible, input:focus-visible, tr:focus-visible { outline: 2px solid var(--in); outline-offset: -2px; }
button.danger { color: var(--bad); }
#connections { max-height: 70vh; overflow: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
main.selected #connections { max-height: 32vh; }
table { width: 100%; border-collapse: collapse; }
th { position: sticky; top: 0; background: var(--card); text-align: left; font-weight: 600; color: var(--soft); font-size: 12px; white-space: nowrap; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); vertical-align: middle; }
tbody tr { cursor: pointer; }
tbody tr:hover, tbody tr[aria-selected=true] { background: var(--hover); }
tbody tr[aria-selected=true] td:first-child { box-shadow: inset 3px 0 var(--in); }
tr.closed { color: var(--soft); }
.number, .value { font-variant-numeric: tabular-nums; }
.value { display: inline-block; min-width: 84px; font-size: 12px; white-space: nowrap; }
.peer { min-width: 180px; }
td.number { white-space: nowrap; }
th i { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-left: 8px; }
i.in { background: var(--in); } i.out { background: var(--out); } i.pending { background: var(--pending); }
i.unread { background: var(--unread); } i.pause { background: var(--pause); opacity: .6; }
.state { border-radius: 10px; padding: 1px 8px; font-size: 12px; border: 1px solid currentColor; white-space: nowrap; }
.state.open { color: var(--good); } .state.error { color: var(--bad); } .state.opening, .state.closing { color: var(--pause); }
.layer { font: 12px ui-monospace, monospace; border: 1px solid var(--line); border-radius: 4px; padding: 0 5px; margin-right: 4px;
  display: inline-block; max-width: 260px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: middle; }
svg { display: block; overflow: visible; }
svg .line { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
svg .in { stroke: var(--in); } svg .out { stroke: var(--out); } svg .pending { stroke: var(--pending); } svg .unread { stroke: var(--unread); }
svg .band { fill: var(--pause); opacity: .35; }
svg .axis { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
.spark { display: flex; gap: 8px; align-items: center; }
#detail, #errors { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px; margin-top: 14px; }
#detail .head { display: flex; gap: 8px; align-items: center; flex-wrap: wrap; }
#detail .head h2 { flex: 1; margin: 0; }
#detail .columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 28px; }
.scale { display: flex; justify-content: space-between; gap: 12px; color: var(--soft); }
div.scale { font-size: 11px; }
.scale span { white-space: nowrap; }
.facts { margin: 6px 0 0; color: var(--soft); font-size: 13px; }
.phase { display: grid; grid-template-columns: 34% minmax(0, 1fr) 104px; gap: 8px; align-items: center; font-size: 12px; }
.phase .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.phase svg rect { fill: var(--in); } .phase.failed svg rect { fill: var(--bad); } .phase.failed .took { color: var(--bad); }
.phase.total svg rect { fill: var(--good); }
.took { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ol { margin: 0; padding: 0; list-style: none; font-size: 13px; }
ol li { padding: 2px 0; word-break: break-word; }
.code { font-family: ui-monospace, monospace; color: var(--bad); }
.soft { color: var(--soft); }
.picture { max-width: 100%; display: block; margin: 6px 0; }
pre {
  max-height: 320px; overflow: auto; margin: 6px 0 0; padding: 8px 10px; font: 12px/1.5 ui-monospace, monospace;
  background: var(--page); border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; word-break: break-all;
}
a { color: var(--in); }
[hidden] { display: none !important; }
@media (max-width: 760px) {
  body { padding: 10px; }
  .wide { display: none; }
  th, td { padding: 4px 6px; }
  #detail .columns { grid-template-columns: minmax(0, 1fr); }
  .spark svg { display: none; }
}
`;
