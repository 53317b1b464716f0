import { Observable, ReplaySubject, type Subscriber, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { IOStreamError } from '../../errors.ts';
import type { Dial, Flow, LayerDetails, Plugin, Up, Wire } from '../../wire/signal.ts';
import type { Line } from './diagram.ts';
import type { LineName, Mark, Moment } from './mark.ts';
import { codeOf } from '../same.ts';

type Output = 'to wire' | 'to app';

/** Plays the signals of the application and the wire in virtual time, and records those of the plugin. */
export class MarbleRun {
  readonly outputs: Record<Output, Moment[]> = { 'to wire': [], 'to app': [] };
  error: unknown;
  details: readonly LayerDetails[] = [];
  readonly #plugin: Plugin;
  readonly #dial: (scheduler: TestScheduler) => Dial;
  readonly #scheduler = new TestScheduler(() => undefined);
  /** Replays, because a plugin may subscribe to the flow late, when its wire is connected. */
  readonly #flow = new ReplaySubject<Flow>(Infinity);
  #host = '';
  #subscription: Subscription | undefined;
  #up: Subscriber<Up> | undefined;
  #isOver = false;
  /** Bytes written, and bytes reported by `sent`: by the plugin to the wire (`to wire`), and by the application (`to app`). */
  readonly #written: Record<Output, number> = { 'to wire': 0, 'to app': 0 };
  readonly #sent: Record<Output, number> = { 'to wire': 0, 'to app': 0 };

  constructor(plugin: Plugin, dial: (scheduler: TestScheduler) => Dial) {
    this.#plugin = plugin;
    this.#dial = dial;
  }

  /** @param end the first frame after the test. */
  play(lines: ReadonlyMap<LineName, Line>, start: number, end: number): void {
    const scheduler = this.#scheduler;
    const at = (moments: readonly Moment[] = [], play: (mark: Mark) => void): void => {
      for (const { frame, mark } of moments) scheduler.schedule(() => play(mark), frame);
    };
    // Actions of one frame run in the order of scheduling: the wire's signals come first.
    scheduler.run(({ flush }) => {
      scheduler.schedule(() => this.#subscribe(), start);
      at(lines.get('wire')?.moments, (mark) => this.#playWire(mark));
      at(lines.get('app')?.moments, (mark) => this.#playApp(mark));
      scheduler.maxFrames = end - 0.001;
      flush();
      this.#isOver = true;
      this.#subscription?.unsubscribe();
    });
  }

  #record(name: Output, mark: Mark): void {
    if (!this.#isOver) this.outputs[name].push({ frame: this.#scheduler.frame, text: '', mark });
  }

  #subscribe(): void {
    const dial = this.#dial(this.#scheduler);
    this.#host = dial.to && 'host' in dial.to ? dial.to.host : 'target.test';
    this.#subscription = this.#flow.pipe(this.#plugin(this.#wire)(dial)).subscribe({
      next: (signal) => this.#onUp(signal),
      error: (error: unknown) => {
        this.error = error;
        this.#record('to app', { kind: 'error', code: codeOf(error), error });
      },
      complete: () => this.#record('to app', { kind: 'complete' }),
    });
  }

  #onUp(signal: Up): void {
    if (signal.kind === 'connected') this.details = signal.details;
    if (signal.kind !== 'sent') {
      this.#record('to app', signal);
      return;
    }
    this.#sent['to app'] += signal.bytes;
    this.#record('to app', { ...signal, all: this.#sent['to app'] === this.#written['to app'] });
  }

  readonly #wire: Wire = () => (flow$) =>
    new Observable<Up>((up) => {
      this.#up = up;
      let hasEnded = false;
      this.#record('to wire', { kind: 'subscribed' });
      const flow = flow$.subscribe({
        next: (signal) => {
          if (signal.kind === 'data') this.#written['to wire'] += signal.bytes.length;
          this.#record('to wire', signal);
        },
        error: (error: unknown) => {
          this.#record('to wire', { kind: 'error', code: codeOf(error), error });
          hasEnded = true;
          up.error(error);
        },
        complete: () => this.#record('to wire', { kind: 'complete' }),
      });
      this.#markEnded = () => (hasEnded = true);
      up.add(() => {
        if (!hasEnded) this.#record('to wire', { kind: 'unsubscribed' });
        flow.unsubscribe();
      });
    });

  /** Called when the wire itself ends the connection, so that its teardown is not recorded as an unsubscription. */
  #markEnded: () => void = () => undefined;

  #playWire(mark: Mark): void {
    if (mark.kind === 'complete' || mark.kind === 'error') this.#markEnded();
    if (mark.kind === 'complete') this.#up?.complete();
    else if (mark.kind === 'error') this.#up?.error(wireError(mark.code ?? ''));
    else if (mark.kind === 'connected') this.#up?.next({ kind: 'connected', details: [{ wire: 'marbles' }] });
    else if (mark.kind === 'resolved') this.#up?.next({ kind: 'resolved', host: this.#host, ip: '192.0.2.1', family: 4 });
    else if (mark.kind === 'sent') {
      const bytes = mark.bytes ?? this.#written['to wire'] - this.#sent['to wire'];
      this.#sent['to wire'] += bytes;
      if (bytes > 0) this.#up?.next({ kind: 'sent', bytes });
    } else if (isFlow(mark)) this.#up?.next(mark);
  }

  #playApp(mark: Mark): void {
    if (mark.kind === 'data') this.#written['to app'] += mark.bytes.length;
    if (mark.kind === 'unsubscribed') this.#subscription?.unsubscribe();
    else if (mark.kind === 'complete') this.#flow.complete();
    else if (mark.kind === 'error') this.#flow.error(appError(mark.code));
    else if (isFlow(mark)) this.#flow.next(mark);
  }
}

function isFlow(mark: Mark): mark is Mark & Flow {
  return mark.kind === 'data' || mark.kind === 'end' || mark.kind === 'pause' || mark.kind === 'resume';
}

function wireError(code: string): IOStreamError {
  return new IOStreamError(code, { phase: 'read', message: `${code}: the wire failed, as drawn` });
}

function appError(code: string | undefined): Error {
  return Object.assign(new Error('the application resets, as drawn'), code === undefined ? {} : { code });
}
