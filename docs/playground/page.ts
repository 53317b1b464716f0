import { byId, html } from './dom.ts';
import { EXAMPLES, FIELDS, type Field } from './examples.ts';
import { marbleText } from './marble-text.ts';
import type { MarbleOutcome, Outcome, Problem, Request } from './messages.ts';
import { viewOfChecks, viewOfMarbles, viewOfProblem, type View } from './result-view.ts';
import { run, stop } from './runner.ts';
import { readHash, stateOf, writeHash, type State } from './state.ts';
import { fillSymbolsBar } from './symbols-bar.ts';
import { testSource } from './test-source.ts';
import { applyTheme } from './theme.ts';
import { parseValues } from './values.ts';

const LINES = ['app', 'to wire', 'wire', 'to app'] as const;
const fields = Object.fromEntries(FIELDS.map((name) => [name, byId(name.replace(' ', '-'))])) as Record<
  Field,
  HTMLInputElement | HTMLTextAreaElement
>;
const lines = LINES.map((name) => fields[name] as HTMLInputElement);
const select = byId('example') as HTMLSelectElement;
const [status, verdict, output] = [byId('status'), byId('verdict'), byId('output')];
let state: State = readHash(location.hash);
let shown: MarbleOutcome | undefined;
let shownWidth = 0;

/** The test as it stands in the fields. */
function current(): State['fields'] {
  return Object.fromEntries(FIELDS.map((name) => [name, fields[name].value])) as State['fields'];
}

function diagram(): string {
  return LINES.map((name) => [name, fields[name].value] as const)
    .filter(([, text]) => text.trim() !== '')
    .map(([name, text]) => `${name}: ${text}`)
    .join('\n');
}

function fill(next: State): void {
  state = next;
  select.value = state.example.id;
  for (const name of FIELDS) fields[name].value = state.fields[name];
  fitRows();
  byId('foreign').hidden = !state.isForeign;
  updateLines();
  show({ verdict: html('p', { class: 'verdict' }, 'Not run yet.'), parts: [] });
  if (!state.isForeign) void runTest();
}

function fitRows(): void {
  for (const name of ['code', 'values'] as const) {
    const rows = fields[name].value.trimEnd().split('\n').length + 1;
    (fields[name] as HTMLTextAreaElement).rows = Math.max(4, Math.min(26, rows));
  }
}

function show({ verdict: text, parts }: View): void {
  verdict.replaceChildren(text);
  output.replaceChildren(...parts);
}

function showOutcome(outcome: Outcome): void {
  shown = outcome.kind === 'marbles' ? outcome : undefined;
  if (outcome.kind === 'problem') show(viewOfProblem(outcome, fields.code.value));
  else if (outcome.kind === 'check') show(viewOfChecks(outcome));
  else showMarbles(outcome);
}

function showMarbles(outcome: MarbleOutcome): void {
  shownWidth = output.clientWidth;
  const view = viewOfMarbles(outcome, shownWidth);
  show({ ...view, parts: [...view.parts, ...(outcome.ok === true ? [] : [expectButton(outcome)])] });
}

/** A button that takes what the plugin did as the expectation. */
function expectButton({ timelines }: MarbleOutcome): HTMLElement {
  const button = html('button', { type: 'button', id: 'expect' }, 'Expect what the plugin did');
  button.addEventListener('click', () => {
    let { values } = current();
    for (const { line, role, signals } of timelines) {
      if (role !== 'actual') continue;
      const drawn = marbleText(signals, [...Object.keys(parseValues(values)), ...LINES.map((name) => fields[name].value)].join(''));
      if (!drawn) {
        status.textContent = `The line ${line} cannot be drawn: signals stand inside the frames of a group. Move the played signals apart.`;
        return;
      }
      fields[line].value = drawn.text;
      values = `${values.trimEnd()}\n${drawn.values}`;
    }
    fields.values.value = values.trimStart();
    fitRows();
    edited();
    void runTest();
  });
  return button;
}

async function runTest(): Promise<void> {
  let values: ReturnType<typeof parseValues>;
  try {
    values = parseValues(fields.values.value);
  } catch (error) {
    showOutcome({ kind: 'problem', message: (error as Problem).message });
    return;
  }
  await perform({ kind: 'marbles', code: fields.code.value, diagram: diagram(), values }, 'Running …');
}

async function perform(request: Request, text: string): Promise<void> {
  byId('foreign').hidden = true;
  status.textContent = text;
  byId('stop').hidden = false;
  output.setAttribute('aria-busy', 'true');
  const outcome = await run(request);
  // Undefined: a later request shows its own result.
  if (!outcome) return;
  idle();
  showOutcome(outcome);
}

/** Scrolls to the result if its first sentence cannot be seen, as on a phone. */
function showResult(): void {
  const { top, bottom } = verdict.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) byId('result').scrollIntoView();
}

function idle(): void {
  status.textContent = '';
  byId('stop').hidden = true;
  output.removeAttribute('aria-busy');
}

/** Updates what depends on the fields: the link, and the width of the lines. */
function edited(): void {
  history.replaceState(null, '', writeHash({ example: state.example, fields: current() }));
  updateLines();
}

function updateLines(): void {
  const columns = Math.max(...lines.map(({ value }) => value.length));
  const box = document.querySelector<HTMLElement>('.lines');
  box?.style.setProperty('--columns', String(columns));
  const ruler = box?.querySelector('.ruler');
  if (ruler) ruler.textContent = Array.from({ length: Math.ceil((columns + 1) / 5) }, (_, at) => String(at * 5).padEnd(5)).join('');
}

async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = `Copied ${what}.`;
  } catch {
    status.textContent = 'The browser does not allow to copy here.';
  }
}

applyTheme();
select.append(...EXAMPLES.map(({ id, title }) => html('option', { value: id }, title)));
fillSymbolsBar(byId('symbols'), lines);
select.addEventListener('change', () => {
  const next = stateOf(EXAMPLES.find(({ id }) => id === select.value) ?? EXAMPLES[0]);
  // A new entry of the history: "back" returns to the test that was edited.
  history.pushState(null, '', writeHash(next));
  fill(next);
});
byId('test').addEventListener('input', (event) => {
  if (event.target !== select) edited();
});
byId('test').addEventListener('submit', (event) => {
  event.preventDefault();
  void runTest().then(showResult);
});
byId('test').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void runTest().then(showResult);
});
byId('check').addEventListener('click', () => void perform({ kind: 'check', code: fields.code.value }, 'Checking …').then(showResult));
byId('stop').addEventListener('click', () => {
  stop();
  idle();
});
byId('copy-link').addEventListener('click', () => void copy(location.href, 'the link'));
byId('copy-test').addEventListener('click', () => void copy(testSource(current()), 'the test'));
addEventListener('hashchange', () => fill(readHash(location.hash)));
addEventListener('resize', () => {
  if (shown && output.clientWidth !== shownWidth) showMarbles(shown);
});
fill(state);
