import { channelsOf } from '../util/diagnostics-channel.ts';
import type { DialProbe } from '../wire/dial-probe.ts';
import { isServed } from '../wire/served-wires.ts';
import type { Endpoints } from '../wire/signal.ts';
import type { ConnectionMessages } from './connection-messages.ts';
import type { Lifetime } from './lifetime.ts';
import type { ClosedReport } from './report.ts';
import type { StreamSettings } from './settings.ts';

type Messages = ConnectionMessages<object>;

/** The connection that a message is about. */
export interface Diagnosed {
  readonly id: number;
  readonly io: object;
}

/** The connection with its options and times. */
interface DiagnosedFully extends Diagnosed {
  readonly settings: StreamSettings;
  readonly lifetime: Lifetime;
  readonly endpoints: Endpoints;
}

const channel = /* @__PURE__ */ channelsOf<Messages>();

// Each function below publishes one kind of message, and does nothing without a subscriber.

const DIAL = /* @__PURE__ */ channel('connection:dial');

export function publishDial({ id, io, settings, lifetime }: DiagnosedFully, wasAccepted: boolean): void {
  if (!DIAL.hasSubscribers) return;
  const role = wasAccepted || isServed(settings.wire) ? 'server' : 'client';
  DIAL.publish({ id, stream: io, role, target: targetOf(settings), layers: Object.keys(settings.plugin), startedAt: lifetime.startedAt });
}

function targetOf({ host, port, path }: StreamSettings): Messages['connection:dial']['target'] {
  if (path !== undefined) return { path };
  return host === undefined || port === undefined ? undefined : { host, port };
}

const RESOLVED = /* @__PURE__ */ channel('connection:resolved');
const ATTEMPT = /* @__PURE__ */ channel('connection:attempt');
const HANDSHAKE = /* @__PURE__ */ channel('connection:handshake');

/** Returns the probe of a dial; `undefined` if none of its channels has a subscriber. */
export function probeOf({ id, io }: Diagnosed): DialProbe | undefined {
  return RESOLVED.hasSubscribers || ATTEMPT.hasSubscribers || HANDSHAKE.hasSubscribers ? new Probe(id, io) : undefined;
}

/** Publishes the phases of one dial. */
class Probe implements DialProbe {
  readonly #id: number;
  readonly #stream: object;
  /** The layers whose handshakes have started, and are not done. */
  readonly #started = new Set<string>();

  constructor(id: number, stream: object) {
    this.#id = id;
    this.#stream = stream;
  }

  resolved(host: string, outcome: { readonly ip: string } | { readonly error: unknown }, duration: number): void {
    RESOLVED.publish({ id: this.#id, stream: this.#stream, host, ...outcome, duration });
  }

  attempt(address: string, port: number | undefined, event: 'start' | 'connected' | 'failed', error?: unknown): void {
    ATTEMPT.publish({ id: this.#id, stream: this.#stream, address, port, event, ...(event === 'failed' && { error }) });
  }

  handshake(layer: string, event: 'start' | 'done' | 'failed', error?: unknown): void {
    if (event === 'start') this.#started.add(layer);
    // A layer whose lower layer has failed, has not failed itself.
    else if (!this.#started.delete(layer)) return;
    HANDSHAKE.publish({ id: this.#id, stream: this.#stream, layer, event, ...(event === 'failed' && { error }) });
  }
}

const CONNECTED = /* @__PURE__ */ channel('connection:connected');

export function publishConnected({ id, io, settings, lifetime, endpoints }: DiagnosedFully): void {
  if (!CONNECTED.hasSubscribers) return;
  const { remoteAddress, remotePort, localAddress, localPort } = endpoints;
  const duration = settings.scheduler.now() - lifetime.startedAt;
  CONNECTED.publish({ id, stream: io, duration, remoteAddress, remotePort, localAddress, localPort });
}

const PAUSE = /* @__PURE__ */ channel('connection:pause');
const RESUME = /* @__PURE__ */ channel('connection:resume');

export function publishPaused({ id, io }: Diagnosed, direction: 'in' | 'out', isPaused: boolean): void {
  const paused = isPaused ? PAUSE : RESUME;
  if (paused.hasSubscribers) paused.publish({ id, stream: io, direction });
}

const LIMIT = /* @__PURE__ */ channel('connection:limit');

export function publishLimit({ id, io }: Diagnosed, name: 'inBufLimit' | 'outBufLimit', limit: number, bytes: number): void {
  if (LIMIT.hasSubscribers) LIMIT.publish({ id, stream: io, name, limit, bytes });
}

const ERROR = /* @__PURE__ */ channel('connection:error');

export function publishError({ id, io }: Diagnosed, error: unknown, fatal: boolean): void {
  if (ERROR.hasSubscribers) ERROR.publish({ id, stream: io, error, fatal });
}

const CLOSED = /* @__PURE__ */ channel('connection:closed');

export function publishClosed({ id, io }: Diagnosed, report: ClosedReport | undefined): void {
  if (CLOSED.hasSubscribers && report) CLOSED.publish({ id, stream: io, report });
}
