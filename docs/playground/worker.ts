import {
  checkCodec,
  checkPlugin,
  marbles,
  type CheckCodecOptions,
  type CheckPluginOptions,
  type MarbleFailure,
  type MarbleTest,
  type PluginPeer,
  type Report,
} from 'rxjs-io-stream/testing';
import { evaluate, FILE, ScriptError, type Exports } from './evaluate.ts';
import type { CheckReport, MarbleOutcome, Outcome, Problem, Request } from './messages.ts';

type Plugin = MarbleTest['plugin'];
type Codec = Parameters<typeof checkCodec>[0];

onmessage = ({ data }: MessageEvent<Request>) => {
  void answer(data)
    .catch(problemOf)
    .then((outcome) => postMessage(outcome));
};

async function answer(request: Request): Promise<Outcome> {
  const exports = evaluate(request.code);
  return request.kind === 'marbles' ? runMarbles(request, exports) : { kind: 'check', reports: await check(exports) };
}

function runMarbles({ diagram, values }: Request & { kind: 'marbles' }, { plugin }: Exports): MarbleOutcome {
  if (typeof plugin !== 'function') throw new TypeError('expected the code to export a `plugin`, which is a function, for a marble test');
  const hasExpectation = /^\s*to (?:wire|app)\s*:/m.test(diagram);
  // Without an expectation `marbles` throws, because its test could not fail. Here you may look first.
  const test = { plugin: plugin as Plugin, values, diagram: hasExpectation ? diagram : `${diagram}\nto app:` };
  try {
    const { timelines } = marbles(test);
    return outcomeOf(timelines, hasExpectation, true);
  } catch (error) {
    if (!(error instanceof Error && 'timelines' in error)) throw error;
    const { timelines, message } = error as MarbleFailure;
    return { ...outcomeOf(timelines, hasExpectation, false), ...(hasExpectation ? { message } : {}) };
  }
}

function outcomeOf(timelines: MarbleOutcome['timelines'], hasExpectation: boolean, ok: boolean): MarbleOutcome {
  if (hasExpectation) return { kind: 'marbles', ok, timelines };
  const shown = timelines.filter(({ role }) => role !== 'expected');
  const asMatched = shown.map((line) => ({ ...line, signals: line.signals.map((signal) => ({ ...signal, isMatched: true })) }));
  return { kind: 'marbles', ok: undefined, timelines: asMatched };
}

async function check({ plugin, peer = plugin, rules, codec, messages, tooLong }: Exports): Promise<CheckReport[]> {
  const reports: CheckReport[] = [];
  if (plugin !== undefined) {
    const options = (rules === undefined ? {} : { rules }) as CheckPluginOptions;
    reports.push(await reportOf('plugin', () => checkPlugin(plugin as Plugin, peer as PluginPeer, options)));
  }
  if (codec !== undefined) {
    const options = (tooLong === undefined ? {} : { tooLong }) as CheckCodecOptions<unknown>;
    reports.push(await reportOf('codec', () => checkCodec(codec as Codec, messages as readonly unknown[], options)));
  }
  if (reports.length === 0) throw new TypeError('expected the code to export a `plugin` or a `codec`, got neither');
  return reports;
}

async function reportOf(subject: CheckReport['subject'], run: () => Promise<Report>): Promise<CheckReport> {
  const start = performance.now();
  const { ok, cases, results } = await run();
  return { subject, ok, cases, results, seconds: (performance.now() - start) / 1000 };
}

/** Describes what the code threw, with its line. */
function problemOf(error: unknown): Problem {
  if (!(error instanceof Error)) return { kind: 'problem', message: `the code threw ${String(error)}, which is not an Error` };
  const { loc } = error as { loc?: { line: number } };
  const line = loc?.line ?? Number(new RegExp(`${FILE}:(\\d+)`).exec(error.stack ?? '')?.[1]);
  const message = error.message.replace(`Error transforming ${FILE}: `, '').replace(/ \(\d+:\d+\)$/, '');
  const script = error instanceof ScriptError ? { script: error.script } : {};
  return { kind: 'problem', ...script, message: `${loc ? 'SyntaxError' : error.name}: ${message}`, line: line || undefined };
}
