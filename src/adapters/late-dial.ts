import { AsyncSubject, switchMap, type OperatorFunction } from 'rxjs';
import { baseWire } from '../stream/base-wire.ts';
import { checkStreamOptions } from '../stream/check-stream-options.ts';
import type { IOStreamOptions } from '../stream/io-stream.ts';
import type { Dial, Flow, Up, Wire } from '../wire/signal.ts';
import { stack, type Plugins } from '../wire/stack.ts';
import { targetOf, type ConnectionRequest } from './agent-request.ts';

/**
 * Lets a stream exist before its target is known.
 *
 * ```text
 *   new IOStream({ wire }) ── nothing is dialled ── start(request) ──▶ plugins ──▶ tcp or unix
 * ```
 */
export class LateDial {
  /** The plugins of the connection to come. */
  readonly plugin: Plugins;
  /** The host, once it is known. */
  host: string | undefined;
  isStarted = false;
  readonly #options: IOStreamOptions;
  readonly #operator$ = new AsyncSubject<OperatorFunction<Flow, Up>>();
  #dial: Dial | undefined;

  constructor(options: IOStreamOptions, plugin: Plugins) {
    this.#options = options;
    this.plugin = plugin;
  }

  /** The wire of one stream. Dials when `start` is called. */
  readonly wire: Wire = (dial) => {
    this.#dial = dial;
    return (flow$) => this.#operator$.pipe(switchMap((operator) => flow$.pipe(operator)));
  };

  /**
   * Dials. All time limits count from now on.
   *
   * @throws TypeError for wrong options; nothing is dialled then.
   */
  start(request: ConnectionRequest): void {
    const dial = this.#dial;
    if (!dial) throw new TypeError('expected the wire to be dialled before `start`, got none'); // Unreachable: `new IOStream` dials it.
    const options = checkStreamOptions({ ...this.#options, ...targetOf(request, this.#options) });
    const { wire, to, guard } = baseWire(options);
    const { scheduler, timeouts } = dial;
    const deadline = scheduler.now() + timeouts.establish;
    const operator = stack(this.plugin, wire)({ ...dial, to, guard, deadline });
    this.host = options.host;
    this.isStarted = true;
    this.#operator$.next(operator);
    this.#operator$.complete();
  }
}
