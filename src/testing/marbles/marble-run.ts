import { Observable, ReplaySubject, type Subscriber, type Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { IOStreamError } from '../../errors.ts';
import type { Dial, Flow, LayerDetails, Plugin, Up, Wire } from '../../wire/signal.ts';
import type { Line, LineName, Mark, Moment } from './diagram.ts';
import { codeOf } from '../same.ts';

type Seen = 'to wire' | 'to app';

/** Plays the signals of the application and the wire in virtual time, and records those of the plugin. */
export class MarbleRun {
  readonly seen: Record<Seen, Moment[]> = { 'to wire': [], 'to app': [] };
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
  #over = false;
  /** Bytes written, and bytes reported by `sent`: by the plugin to the wire (`to wire`), and by the application (`to app`). */
  readonly #given: Record<Seen, number> = { 'to wire': 0, 'to app': 0 };
  readonly #sent: Record<Seen, number> = { 'to wire': 0, 'to app': 0 };

  constructor(plugin: Plugin, dial: (scheduler: TestScheduler) => Dial) {
    this.#plugin = plugin;
    this.#dial = dial;
  }

  /** @param end the first frame after the test. */
  play(lines: ReadonlyMap<LineName, Line>, start: number, end: number): void {
    const scheduler = this.#scheduler;
    const at = (moments: readonly Moment[] = [], does: (mark: Mark) => void): void => {
      for (const { frame, mark } of moments) scheduler.schedule(() => does(mark), frame);
    };
    // Actions of one frame run in the order of scheduling: the wire's signals come first.
    scheduler.run(({ flush }) => {
      scheduler.schedule(() => this.#subscribe(), start);
      at(lines.get('wire')?.moments, (mark) => this.#wireDoes(mark));
      at(lines.get('app')?.moments, (mark) => this.#appDoes(mark));
      scheduler.maxFrames = end - 0.001;
      flush();
      this.#over = true;
      this.#subscription?.unsubscribe();
    });
  }

  #saw(name: Seen, mark: Mark): void {
    if (!this.#over) this.seen[name].push({ frame: this.#scheduler.frame, text: '', mark });
  }

  #subscribe(): void {
    const dial = this.#dial(this.#scheduler);
    this.#host = dial.to && 'host' in dial.to ? dial.to.host : 'target.test';
    this.#subscription = this.#flow.pipe(this.#plugin(this.#wire)(dial)).subscribe({
      next: (signal) => this.#appGets(signal),
      error: (error: unknown) => {
        this.error = error;
        this.#saw('to app', { kind: 'error', code: codeOf(error), error });
      },
      complete: () => this.#saw('to app', { kind: 'complete' }),
    });
  }

  #appGets(signal: Up): void {
    if (signal.kind === 'connected') this.details = signal.details;
    if (signal.kind !== 'sent') {
      this.#saw('to app', signal);
      return;
    }
    this.#sent['to app'] += signal.bytes;
    this.#saw('to app', { ...signal, all: this.#sent['to app'] === this.#given['to app'] });
  }

  readonly #wire: Wire = () => (flow$) =>
    new Observable<Up>((up) => {
      this.#up = up;
      let ended = false;
      this.#saw('to wire', { kind: 'subscribed' });
      const flow = flow$.subscribe({
        next: (signal) => {
          if (signal.kind === 'data') this.#given['to wire'] += signal.bytes.length;
          this.#saw('to wire', signal);
        },
        error: (error: unknown) => {
          this.#saw('to wire', { kind: 'error', code: codeOf(error), error });
          ended = true;
          up.error(error);
        },
        complete: () => this.#saw('to wire', { kind: 'complete' }),
      });
      this.#ends = () => (ended = true);
      up.add(() => {
        if (!ended) this.#saw('to wire', { kind: 'unsubscribed' });
        flow.unsubscribe();
      });
    });

  /** Called when the wire itself ends the connection, so that its teardown is not recorded as an unsubscription. */
  #ends: () => void = () => undefined;

  #wireDoes(mark: Mark): void {
    if (mark.kind === 'complete' || mark.kind === 'error') this.#ends();
    if (mark.kind === 'complete') this.#up?.complete();
    else if (mark.kind === 'error') this.#up?.error(wireError(mark.code ?? ''));
    else if (mark.kind === 'connected') this.#up?.next({ kind: 'connected', details: [{ wire: 'marbles' }] });
    else if (mark.kind === 'resolved') this.#up?.next({ kind: 'resolved', host: this.#host, ip: '192.0.2.1', family: 4 });
    else if (mark.kind === 'sent') {
      const bytes = mark.bytes ?? this.#given['to wire'] - this.#sent['to wire'];
      this.#sent['to wire'] += bytes;
      if (bytes > 0) this.#up?.next({ kind: 'sent', bytes });
    } else if (isFlow(mark)) this.#up?.next(mark);
  }

  #appDoes(mark: Mark): void {
    if (mark.kind === 'data') this.#given['to app'] += mark.bytes.length;
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
