import type { DiagnosticsMessages as Messages } from '../diagnostics/messages.ts';
import type { IOStream } from '../stream/io-stream.ts';
import type { ClosedReport, StreamState } from '../stream/report.ts';
import { internalsOf } from '../stream/stream-fields.ts';
import { hostAndPort } from '../util/host.ts';
import { errorFacts } from '../util/log-format.ts';
import type { Target } from '../wire/signal.ts';
import { Paused } from './paused.ts';
import { short } from './short.ts';
import { MAX_PHASES, Waterfall, type Phase } from './waterfall.ts';

/** Number of samples kept of each connection: the width of the charts. */
export const MAX_SAMPLES = 120;

/** Number of errors kept of each connection. */
const MAX_ERRORS = 8;

/** One sample: its number, bytes a second in and out, pending and unread bytes, and the share of time that reading and writing were paused. */
export type Sample = readonly [
  tick: number,
  inRate: number,
  outRate: number,
  pending: number,
  unread: number,
  inPaused: number,
  outPaused: number,
];

/** An error, as the page shows it. `at` is on the clock of the samples. */
export interface ShownError {
  readonly at: number;
  readonly id: number;
  readonly code: string | undefined;
  readonly phase: string | undefined;
  readonly message: string;
  readonly fatal: boolean;
}

/** What the page shows of one connection. */
export interface ConnectionState {
  readonly id: number;
  readonly role: 'client' | 'server';
  readonly state: StreamState;
  readonly target: string | undefined;
  readonly remote: string | undefined;
  readonly local: string | undefined;
  readonly layers: readonly string[];
  readonly dialled: number;
  readonly connected: number | undefined;
  readonly closed: number | undefined;
  readonly report: { readonly by: string; readonly unsent: number } | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly isPaused: { readonly in: boolean; readonly out: boolean };
  readonly phases: readonly Phase[];
  readonly errors: readonly ShownError[];
  readonly samples: readonly Sample[];
}

/** Keeps what the page shows of one connection, within bounds. Never keeps its stream alive. */
export class InspectedConnection {
  readonly id: number;
  readonly #role: 'client' | 'server';
  readonly #target: Target | undefined;
  readonly #layers: readonly string[];
  readonly #stream: WeakRef<IOStream>;
  readonly #dialled: number;
  readonly #waterfall: Waterfall;
  readonly #errors: ShownError[] = [];
  readonly #samples: Sample[] = [];
  readonly #paused = { in: new Paused(), out: new Paused() };
  #state: StreamState = 'opening';
  #remote: string | undefined;
  #local: string | undefined;
  #connected: number | undefined;
  #closed: number | undefined;
  #report: ClosedReport | undefined;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor({ id, role, target, layers, stream }: Messages['connection:dial'], now: number) {
    this.id = id;
    this.#role = role;
    this.#target = target;
    this.#layers = layers.slice(0, MAX_PHASES).map(short);
    this.#stream = new WeakRef(stream);
    this.#dialled = now;
    this.#waterfall = new Waterfall(now);
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Whether all layers have been connected. */
  get isConnected(): boolean {
    return this.#connected !== undefined;
  }

  /** The stream, while anything else refers to it. */
  get stream(): IOStream | undefined {
    return this.#stream.deref();
  }

  // Messages

  resolved({ host, error, duration }: Messages['connection:resolved'], now: number): void {
    this.#waterfall.add(`resolve ${host}`, now - duration, now, error);
  }

  attempt({ address, port, event, error }: Messages['connection:attempt'], now: number): void {
    this.#waterfall.step(`connect ${endpoint(address, port)}`, event === 'start', now, error);
  }

  handshake({ layer, event, error }: Messages['connection:handshake'], now: number): void {
    this.#waterfall.step(layer, event === 'start', now, error);
  }

  opened({ remoteAddress, remotePort, localAddress, localPort }: Messages['connection:connected'], now: number): void {
    this.#state = 'open';
    this.#connected = now;
    this.#remote = remoteAddress && endpoint(remoteAddress, remotePort);
    this.#local = localAddress && endpoint(localAddress, localPort);
  }

  pause(direction: 'in' | 'out', now: number): void {
    this.#paused[direction].start(now);
  }

  resume(direction: 'in' | 'out', now: number): void {
    this.#paused[direction].end(now);
  }

  /** Returns the error as it is shown. */
  failed({ error, fatal }: Messages['connection:error'], now: number): ShownError {
    const { code, phase, message } = errorFacts(error);
    const shown = { at: now, id: this.id, code: code && short(code), phase, message: short(message), fatal };
    if (this.#errors.push(shown) > MAX_ERRORS) this.#errors.shift();
    return shown;
  }

  /** Takes the last sample, and keeps the report. */
  ended({ report }: Messages['connection:closed'], tick: number, now: number, elapsed: number): void {
    this.sample(tick, now, elapsed, report);
    this.#paused.in.end(now);
    this.#paused.out.end(now);
    this.#state = 'closed';
    this.#closed = now;
    this.#report = report;
  }

  // Samples

  /** Adds a sample. @param elapsed milliseconds since the sample before it. */
  sample(tick: number, now: number, elapsed: number, report?: ClosedReport): void {
    if (this.isClosed) return;
    const stream = this.stream;
    const parts = stream && internalsOf(stream);
    if (parts) this.#state = parts.lifetime.state;
    const bytesIn = report?.bytesIn ?? parts?.lifetime.bytesIn ?? this.#bytesIn;
    const bytesOut = report?.bytesOut ?? parts?.writes.sent ?? this.#bytesOut;
    const rate = (bytes: number): number => Math.round((bytes * 1000) / Math.max(1, elapsed));
    const { in: reading, out: writing } = this.#paused;
    this.#samples.push([
      tick,
      rate(bytesIn - this.#bytesIn),
      rate(bytesOut - this.#bytesOut),
      report ? 0 : (parts?.writes.pending ?? 0),
      report ? 0 : (parts?.reads.unread ?? 0),
      reading.share(now, elapsed),
      writing.share(now, elapsed),
    ]);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
    this.#bytesIn = bytesIn;
    this.#bytesOut = bytesOut;
  }

  /** Returns what the page shows. @param since the number of the last sample that the page has. */
  stateSince(since: number): ConnectionState {
    const { in: reading, out: writing } = this.#paused;
    return {
      id: this.id,
      role: this.#role,
      state: this.#state,
      target: this.#target && short('path' in this.#target ? this.#target.path : endpoint(this.#target.host, this.#target.port)),
      remote: this.#remote,
      local: this.#local,
      layers: this.#layers,
      dialled: this.#dialled,
      connected: this.#connected,
      closed: this.#closed,
      report: this.#report && { by: this.#report.by, unsent: this.#report.unsent },
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      isPaused: { in: reading.isPaused, out: writing.isPaused },
      phases: this.#waterfall.phases,
      errors: this.#errors,
      samples: this.#samples.filter(([tick]) => tick > since),
    };
  }
}

function endpoint(address: string, port: number | undefined): string {
  return short(hostAndPort(address, port));
}
