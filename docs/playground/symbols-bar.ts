import { html } from './dom.ts';

const SYMBOLS = [
  ['-', 'empty frame'],
  ['C', 'connected'],
  ['R', 'resolved'],
  ['S', 'sent'],
  ['E', 'end'],
  ['T', 'truncated end'],
  ['P', 'pause'],
  ['U', 'resume'],
  ['|', 'complete'],
  ['#ECONNRESET', 'error'],
  ['^', 'subscribe'],
  ['!', 'unsubscribe'],
] as const;

/** Fills a bar of buttons that insert a symbol into the line that was edited last. */
export function fillSymbolsBar(bar: HTMLElement, lines: readonly HTMLInputElement[]): void {
  let [edited] = lines;
  for (const line of lines) line.addEventListener('focus', () => (edited = line));
  for (const [symbol, meaning] of SYMBOLS) {
    const shown = html('code', {}, symbol.slice(0, 1));
    const button = html('button', { type: 'button', 'aria-label': `Insert ${symbol}: ${meaning}` }, shown, ` ${meaning}`);
    button.addEventListener('click', () => {
      if (!edited) return;
      edited.focus();
      edited.setRangeText(symbol, edited.selectionStart ?? 0, edited.selectionEnd ?? 0, 'end');
      edited.dispatchEvent(new Event('input', { bubbles: true }));
    });
    bar.append(button);
  }
}
