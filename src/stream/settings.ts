import type { SchedulerLike } from 'rxjs';
import type { IOStreamError } from '../errors.ts';
import type { EventMask } from '../events.ts';
import { steadyScheduler } from '../util/real-time.ts';
import type { Plugin, Timeouts, Wire } from '../wire/signal.ts';
import { TIMEOUTS } from '../wire/timeouts.ts';
import type { Endpoint } from './endpoint.ts';
import { mergeTimeouts } from './merge-timeouts.ts';
import { DEFAULTS, type CallbackOf, type CallbackTarget, type StreamEventOf, type StreamOptions } from './options.ts';

const NO_PLUGINS: Readonly<Record<string, Plugin>> = /* @__PURE__ */ Object.freeze({});

/** The options of one stream with their defaults. Those that may change while the stream is open are read at each event. */
export class StreamSettings {
  // `declare`: the constructor assigns every field, and none needs to be defined before.
  declare readonly fh: Endpoint['fh'];
  declare readonly host: string | undefined;
  declare readonly port: number | undefined;
  declare readonly path: string | undefined;
  declare readonly wire: Wire | undefined;
  declare readonly plugin: Readonly<Record<string, Plugin>>;
  declare readonly onEvent: ((event: StreamEventOf<never>) => void) | undefined;
  declare readonly isFatal: ((error: IOStreamError) => boolean) | undefined;
  declare readonly highWaterMark: number;
  declare readonly signal: AbortSignal | undefined;
  declare readonly scheduler: SchedulerLike;

  declare cb: CallbackOf<never> | CallbackTarget | undefined;
  declare method: string;
  declare waitFor: EventMask | undefined;
  declare inBufLimit: number | undefined;
  declare outBufLimit: number;
  /** `undefined`: half-open in manual mode only. */
  declare allowHalfOpen: boolean | undefined;
  /** The times of this stream, in milliseconds. One object for all layers: the wire reads `close` from it when it closes. */
  declare readonly timeouts: Timeouts;

  /** @param options checked, and not shared with the caller. */
  constructor(options: StreamOptions<never>) {
    const endpoint: Endpoint = options;
    this.fh = endpoint.fh;
    this.host = endpoint.host;
    this.port = endpoint.port;
    this.path = endpoint.path;
    this.wire = endpoint.wire;
    const { plugin = NO_PLUGINS } = options as { plugin?: StreamSettings['plugin'] };
    this.plugin = Object.keys(plugin).length > 0 ? plugin : NO_PLUGINS;
    this.onEvent = options.onEvent;
    this.isFatal = options.isFatal;
    this.highWaterMark = options.highWaterMark ?? DEFAULTS.highWaterMark;
    this.signal = options.signal;
    this.scheduler = steadyScheduler(options.scheduler ?? DEFAULTS.scheduler);
    this.cb = options.cb;
    this.method = options.method ?? DEFAULTS.method;
    this.waitFor = options.waitFor;
    this.inBufLimit = options.inBufLimit;
    this.outBufLimit = options.outBufLimit ?? DEFAULTS.outBufLimit;
    this.allowHalfOpen = options.allowHalfOpen;
    this.timeouts = options.timeouts ? mergeTimeouts(TIMEOUTS, options.timeouts) : { ...TIMEOUTS };
  }

  get hasPlugins(): boolean {
    return this.plugin !== NO_PLUGINS;
  }

  /**
   * Changes some of the times.
   *
   * @throws TypeError for an unknown name, or a value that is not a time.
   */
  changeTimeouts(wanted: Partial<Timeouts>): void {
    Object.assign(this.timeouts, mergeTimeouts(this.timeouts, wanted));
  }
}
