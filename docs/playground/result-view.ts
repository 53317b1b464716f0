import { drawByteDiff } from './bytes-view.ts';
import { html } from './dom.ts';
import type { CheckOutcome, CheckReport, MarbleOutcome, Problem } from './messages.ts';
import { drawTimelines, firstDifference, inOrder } from './timeline.ts';

/** What is shown in place of a result: one sentence, and what belongs to it. */
export interface View {
  readonly verdict: HTMLElement;
  readonly parts: readonly Node[];
}

/** Shows a problem, with the line of the code. */
export function viewOfProblem({ message, line }: Problem, code: string): View {
  const source = line === undefined ? undefined : code.split('\n')[line - 1];
  const parts =
    source === undefined
      ? []
      : [html('h3', {}, `Line ${line} of the code`), html('pre', { class: 'source' }, html('mark', {}, `${line}  `), source)];
  return { verdict: verdict('bad', `✗ ${message}`), parts };
}

/** Shows the timelines of a marble test, and what differs. @param width pixels for the drawing. */
export function viewOfMarbles({ ok, message = '', timelines }: MarbleOutcome, width: number): View {
  const [first = '', ...rest] = message.split('\n');
  const text = {
    true: '✓ The run matches the diagram.',
    false: `✗ ${first}`,
    undefined: 'This is what the plugin does. Nothing is expected yet: a test needs a line to the wire or to the application.',
  }[`${ok}`];
  const drawing = html(
    'div',
    { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Timelines' },
    drawTimelines(timelines, width),
  );
  const legend =
    firstDifference(timelines) === undefined
      ? []
      : [html('p', { class: 'legend' }, '≠ with a dashed outline: expected, and missing. ≠ with a solid outline: not expected.')];
  const bytes = drawByteDiff(timelines);
  const asText = html('details', {}, html('summary', {}, 'The message of the test'), html('pre', {}, [first, ...rest].join('\n')));
  return {
    verdict: verdict(ok === undefined ? '' : ok ? 'good' : 'bad', text),
    parts: [drawing, ...legend, ...(bytes ? [bytes] : []), listOf(timelines), ...(message === '' ? [] : [asText])],
  };
}

/** The signals as a table: what a screen reader reads instead of the drawing. */
function listOf(timelines: MarbleOutcome['timelines']): HTMLElement {
  const rows = inOrder(timelines)
    .flatMap(({ line, role, signals }) => signals.map((signal) => ({ ...signal, name: role === 'played' ? line : `${line}, ${role}` })))
    .sort((a, b) => a.at - b.at)
    .map(({ at, name, text, bytes, isMatched }) => {
      const readable = bytes && bytes.length > 0 ? ` ${JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 40)))}` : '';
      const cells = [`${at} ms`, name, `${text}${readable}`, isMatched ? '' : 'differs'];
      return html('tr', {}, ...cells.map((cell) => html('td', {}, cell)));
    });
  const head = html('tr', {}, ...['time', 'line', 'signal', ''].map((cell) => html('th', { scope: 'col' }, cell)));
  const table = html('table', {}, html('thead', {}, head), html('tbody', {}, ...rows));
  return html('details', {}, html('summary', {}, 'The signals as a list'), html('div', { class: 'scroll' }, table));
}

/** Shows the rules that are broken, each with the shortest input that breaks it, then the others. */
export function viewOfChecks({ reports }: CheckOutcome): View {
  const broken = reports.flatMap(({ subject, results }) => results.filter(({ ok }) => !ok).map(() => subject));
  const text =
    broken.length === 0 ? '✓ All rules are kept.' : `✗ ${broken.length} ${broken.length === 1 ? 'rule is' : 'rules are'} broken.`;
  return { verdict: verdict(broken.length === 0 ? 'good' : 'bad', text), parts: reports.flatMap(partsOf) };
}

function partsOf({ subject, results, cases, seconds }: CheckReport): Node[] {
  const title = `The ${subject}: ${results.length} rules, ${cases} cases in ${seconds.toFixed(1)} s`;
  const broken = results.filter(({ ok }) => !ok);
  const kept = results.filter(({ ok }) => ok);
  const shown = broken.map(({ name, problem = '', text, input = '' }) =>
    html(
      'li',
      { class: 'broken' },
      html('strong', {}, name),
      html('p', {}, problem),
      html('p', {}, 'Shortest input: ', html('code', {}, input)),
      html('p', { class: 'text' }, `The rule: ${text}`),
    ),
  );
  const others = kept.map(({ name, text }) => html('li', {}, html('strong', {}, name), html('p', { class: 'text' }, text)));
  return [html('h3', {}, title), html('ul', { class: 'rules' }, ...shown), html('p', {}), html('ul', { class: 'rules kept' }, ...others)];
}

function verdict(kind: string, text: string): HTMLElement {
  return html('p', { class: `verdict ${kind}` }, text);
}
