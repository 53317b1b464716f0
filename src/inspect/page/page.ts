import { SCRIPT } from './script.ts';
import { STYLE } from './style.ts';

/**
 * Returns the HTML of the page. It loads nothing but its state, from the server that sent it.
 *
 * @param nonce allows this script and this style in the Content-Security-Policy.
 */
export function pageOf(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Connections</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header>
<h1>Connections</h1>
<p id="summary" role="status">Loading …</p>
<label class="filter">Filter <input id="filter" type="search" placeholder="address, layer, state"></label>
</header>
<main>
<div id="connections">
<table>
<thead><tr>
<th class="number">#</th><th>state</th><th>peer</th><th class="wide">layers</th>
<th>traffic <i class="in"></i> in <i class="out"></i> out</th>
<th>queues <i class="pending"></i> pending <i class="unread"></i> unread <i class="pause"></i> paused</th>
</tr></thead>
<tbody id="list"></tbody>
</table>
</div>
<p id="empty">No connections yet. The page shows those that are opened after <code>inspect()</code> was subscribed.</p>
<section id="detail" aria-label="Selected connection" hidden></section>
</main>
<section id="errors" aria-label="Last errors" hidden><h2>Last errors</h2><ol></ol></section>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}
