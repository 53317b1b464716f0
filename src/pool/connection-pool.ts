import { AsyncSubject, firstValueFrom, Observable } from 'rxjs';
import { checkDeadline, type DrainOptions, type DrainReport } from '../stream/drain.ts';
import type { IOStream } from '../stream/io-stream.ts';
import { AsyncContext } from '../util/async-context.ts';
import { atTickEnd } from '../util/at-tick-end.ts';
import { describeValue } from '../util/describe.ts';
import { LinkedList } from '../util/linked-list.ts';
import { ticksOf, type TickQueue, type TickTarget } from '../util/tick-queue.ts';
import { after } from '../util/timer.ts';
import { PoolCounter } from './pool-counter.ts';
import { poolClosed, tooManyWaiting, waitedTooLong } from './pool-errors.ts';
import type { PoolPlan } from './pool-plan.ts';
import type { Pool, PoolCounts, PoolHandler } from './pool-types.ts';
import { PoolUse, type UseOwner } from './pool-use.ts';
import { PooledConnection, type ConnectionOwner, type EndOfConnection } from './pooled-connection.ts';

/**
 * Brings uses and connections together; see `pool`.
 *
 * ```text
 *   use ──▶ waiting ──────┬──▶ busy ── handler completes ──▶ checked ──▶ the next use, or idle
 *             └─▶ dial ── preparing ◀── validate ──────────────────────────────────────┘
 *                                          └─ anything else ──▶ ending ──▶ freed
 * ```
 */
export class ConnectionPool implements Pool<IOStream, unknown>, UseOwner, ConnectionOwner, TickTarget {
  readonly plan: PoolPlan;
  readonly counts$: Observable<PoolCounts>;
  readonly closed$: Observable<void>;
  isTickDue = false;
  readonly #ticks: TickQueue;
  readonly #counter: PoolCounter;
  readonly #closed = new AsyncSubject<void>();
  /** Connections are dialled in the async context of the pool, since many uses share them. */
  readonly #context = new AsyncContext();
  readonly #waiting = new LinkedList<PoolUse>();
  readonly #busy = new Set<PoolUse>();
  /** Number of busy connections that return, or end, at the end of this tick. */
  #returning = 0;
  /** The last one was used last: the others reach their `idleTimeout`. */
  readonly #idle: PooledConnection[] = [];
  /** Connections in their dial, `open` or `validate`. Each is for any use that waits. */
  readonly #preparing: PooledConnection[] = [];
  /** Connections that are closing. */
  readonly #ending = new Set<PooledConnection>();
  #isAccepting = true;
  #isClosed = false;

  constructor(plan: PoolPlan) {
    this.plan = plan;
    this.#ticks = ticksOf(plan.scheduler);
    this.#counter = new PoolCounter(this, plan.scheduler, () => this.#counts);
    this.counts$ = this.#counter.counts$;
    this.closed$ = new Observable((out) => {
      if (!this.#isAccepting) for (const connection of this.#ending) connection.awaitClose();
      return this.#closed.subscribe(out);
    });
  }

  readonly use = <R>(handler: PoolHandler<IOStream, unknown, R>): Observable<R> => {
    if (typeof handler !== 'function') throw new TypeError(`expected the handler of use() to be a function, got ${describeValue(handler)}`);
    return new Observable((out) => {
      const { max, maxWaiting } = this.plan;
      if (!this.#isAccepting) throw poolClosed();
      if (this.#waiting.size + this.#busy.size >= max + maxWaiting) throw tooManyWaiting(this.plan);
      const use = new PoolUse(this, handler as PoolHandler<never, never>, out);
      out.add(use);
      this.#waiting.add(use);
      this.#pump();
      if (use.isWaiting) this.#counter.publishWait();
      use.wait();
    });
  };

  readonly close = (): void => {
    this.#isAccepting = false;
    while (this.#failFirst(poolClosed('the pool was closed before it had a connection for this use')));
    this.#closeIfUnused();
  };

  readonly drain = (options: DrainOptions): Observable<DrainReport> => {
    const deadline = checkDeadline(options);
    return new Observable((out) => {
      const total = this.#waiting.size + this.#busy.size;
      let cut = 0;
      this.#isAccepting = false;
      out.add(
        after(deadline, this.plan.scheduler, () => {
          cut = this.#waiting.size + this.#busy.size;
          this.#cut();
        }),
      );
      out.add(
        this.closed$.subscribe(() => {
          out.next({ finished: total - cut, cut });
          out.complete();
        }),
      );
      this.#closeIfUnused();
    });
  };

  [Symbol.asyncDispose] = (): Promise<void> => {
    const closed = firstValueFrom(this.closed$, { defaultValue: undefined });
    this.close();
    return closed;
  };

  // Called by the uses

  left(use: PoolUse): void {
    this.#waiting.remove(use);
    // A dial that no use waits for is cancelled.
    const surplus = this.#preparing.length > this.#waiting.size ? this.#preparing.at(-1) : undefined;
    if (surplus) this.#end(surplus, 'leave');
    this.#changed();
  }

  timedOut(use: PoolUse): void {
    const error = waitedTooLong(this.plan, this.#counts);
    this.#counter.publishTimeout(error);
    this.left(use);
    use.fail(error);
  }

  completed(use: PoolUse, done: () => void): void {
    this.#returning += 1;
    atTickEnd(this.plan.scheduler, () => {
      this.#returning -= 1;
      if (use.connection?.isReusable() && this.#busy.delete(use)) this.#offer(use.connection);
      else this.stopped(use, 'close');
      done();
    });
  }

  stopped(use: PoolUse, how: EndOfConnection): void {
    if (this.#busy.delete(use) && use.connection) this.#end(use.connection, how);
  }

  // Called by the connections

  ready(connection: PooledConnection): void {
    remove(this.#preparing, connection);
    this.#offer(connection);
  }

  failed(connection: PooledConnection, error: unknown): void {
    this.#end(connection, 'reset');
    this.#failFirst(error);
  }

  expired(connection: PooledConnection): void {
    this.#end(connection, 'close');
  }

  lost(connection: PooledConnection, error: unknown): void {
    if (this.#preparing.includes(connection)) this.failed(connection, error);
    else if (this.#idle.includes(connection)) this.#end(connection, 'close');
  }

  freed(connection: PooledConnection): void {
    this.#ending.delete(connection);
    this.#changed();
  }

  // Work

  /** Something has changed: there may be room for the next use, or none may follow. */
  onTick(): void {
    if (this.#waiting.size > 0) this.#pump();
    this.#closeIfUnused();
  }

  get #counts(): PoolCounts {
    return { idle: this.#idle.length, busy: this.#busy.size, connecting: this.#preparing.length, waiting: this.#waiting.size };
  }

  /** Serves the uses that wait, in order, and prepares a connection for each of the others. */
  #pump(): void {
    const { validate, max } = this.plan;
    while (this.#waiting.size > 0) {
      const idle = this.#idle.at(-1);
      if (this.#preparing.length + this.#returning >= this.#waiting.size && !(idle && !validate)) break;
      if (idle && !idle.isFresh) this.#end(idle, 'close');
      else if (idle) {
        this.#idle.pop();
        if (validate) {
          this.#preparing.push(idle);
          idle.validate();
        } else this.#offer(idle);
      } else if (this.#preparing.length + this.#busy.size < max) this.#dial();
      else break;
    }
    this.#counter.changed();
  }

  #dial(): void {
    try {
      this.#context.run(() => this.#preparing.push(new PooledConnection(this.plan, this)), undefined, undefined);
    } catch (error) {
      this.#failFirst(error); // Wrong options of a function.
    }
  }

  /** Passes a connection to the use that has waited longest. Without one it becomes idle. */
  #offer(connection: PooledConnection): void {
    const use = this.#waiting.first;
    if (use) {
      this.#waiting.remove(use);
      this.#busy.add(use);
      this.#changed();
      use.start(connection);
    } else if (this.#isAccepting) {
      this.#idle.push(connection);
      connection.rest();
      this.#changed();
    } else this.#end(connection, 'close');
  }

  /** Errors the use that has waited longest. Returns whether there was one. */
  #failFirst(error: unknown): boolean {
    const use = this.#waiting.first;
    if (!use) return false;
    this.#waiting.remove(use);
    this.#changed();
    use.fail(error);
    return true;
  }

  #end(connection: PooledConnection, how: EndOfConnection): void {
    remove(this.#idle, connection);
    remove(this.#preparing, connection);
    if (connection.io.state !== 'closed') {
      this.#ending.add(connection);
      if (!this.#isAccepting && this.#closed.observed) connection.awaitClose();
    }
    // A bound for connections whose peers do not end.
    connection.end(this.#ending.size > this.plan.max ? 'reset' : how);
    this.#changed();
  }

  /** Ends all uses and connections at the deadline of a drain. */
  #cut(): void {
    const error = poolClosed('the pool was closed at the deadline of drain()');
    while (this.#failFirst(error));
    for (const use of [...this.#busy]) {
      use.fail(error);
      this.stopped(use, 'reset');
    }
    for (const connection of [...this.#ending]) connection.end('reset');
  }

  #changed(): void {
    this.#counter.changed();
    if (this.#waiting.size > 0 || !this.#isAccepting) this.#ticks.request(this);
  }

  /** Ends the connections that no use can get any more, then the pool when all are freed. */
  #closeIfUnused(): void {
    if (this.#isAccepting || this.#isClosed || this.#waiting.size > 0) return;
    for (let unused = this.#firstUnused; unused; unused = this.#firstUnused) this.#end(unused, 'close');
    if (this.#busy.size > 0 || this.#ending.size > 0) return;
    this.#isClosed = true;
    this.#counter.complete();
    this.#closed.next();
    this.#closed.complete();
  }

  get #firstUnused(): PooledConnection | undefined {
    return this.#idle[0] ?? this.#preparing[0];
  }
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
