import type { Outcome, Request } from './messages.ts';
import workerText from 'worker:';

/** Real seconds that a request may take. */
const LIMITS = { marbles: 10, check: 120 } as const;

const url = URL.createObjectURL(new Blob([workerText], { type: 'text/javascript' }));
let stopLast: (() => void) | undefined;

/**
 * Runs a request in a worker of its own, and stops the one before. Code that never ends does not block the page, and leaves nothing
 * behind.
 *
 * @returns the outcome; undefined if a later request or {@link stop} came first.
 */
export function run(request: Request): Promise<Outcome | undefined> {
  stop();
  return new Promise((resolve) => {
    const worker = new Worker(url);
    const finish = (outcome?: Outcome): void => {
      clearTimeout(timer);
      worker.terminate();
      stopLast = undefined;
      resolve(outcome);
    };
    const seconds = LIMITS[request.kind];
    const timer = setTimeout(() => {
      finish({ kind: 'problem', message: `stopped after ${seconds} s: the code has a loop that does not end, or waits for real time` });
    }, seconds * 1000);
    stopLast = () => finish();
    worker.onmessage = ({ data }: MessageEvent<Outcome>) => {
      if (data.kind !== 'problem' || data.script === undefined) finish(data);
      else void lineOf(data.script).then((line) => finish({ ...data, line }));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      finish({ kind: 'problem', message: event.message.replace('Uncaught ', '') });
    };
    worker.postMessage(request);
  });
}

/** Returns the line at which a script cannot be parsed. Only the `error` event of a worker made of that script has it. */
function lineOf(script: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const worker = new Worker(URL.createObjectURL(new Blob([`${script};postMessage(0)`])));
    const finish = (line?: number): void => {
      worker.terminate();
      resolve(line);
    };
    worker.onmessage = () => finish();
    worker.onerror = (event) => {
      event.preventDefault();
      finish(event.lineno || undefined);
    };
  });
}

/** Stops the request that runs, if any. */
export function stop(): void {
  stopLast?.();
}
