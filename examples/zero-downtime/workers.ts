// Worker processes that share a listening socket, and can be replaced while clients connect. For any program that uses `node:cluster`.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { DrainReport } from 'rxjs-io-stream';

/** How a worker was replaced. */
export interface Replaced extends DrainReport {
  /** The process ids of the old worker and of its successor. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Milliseconds from the start of the successor to the end of the old worker. */
  readonly took: number;
}

/** What the primary sends to a worker. The worker answers with a `DrainReport` when its connections have ended, and exits. */
export const DRAIN = 'drain';

/**
 * Keeps a number of workers running. Only for the primary of a cluster. The kernel's socket belongs to the primary, which never accepts:
 * a connection waits in its backlog until a worker does. So no connection is lost while workers come and go.
 */
export class Workers {
  #current: Worker[] = [];

  /** Starts the workers. Returns the address, which the first of them binds. */
  async start(count: number): Promise<AddressInfo | string> {
    cluster.schedulingPolicy = cluster.SCHED_NONE; // all workers accept from one socket
    let address: AddressInfo | string = '';
    for (let each = 0; each < count; each += 1) address = await this.#fork();
    return address;
  }

  /** Replaces the workers, one after another. Rejects if a successor does not listen: the old worker continues then. */
  async *replace(): AsyncGenerator<Replaced> {
    for (const old of [...this.#current]) {
      const started = performance.now();
      await this.#fork();
      const report = await this.#drain(old);
      yield { ...report, from: old.process.pid, to: this.#current.at(-1)?.process.pid, took: performance.now() - started };
    }
  }

  /** Drains all workers. */
  async stop(): Promise<void> {
    await Promise.all(this.#current.map((worker) => this.#drain(worker)));
  }

  async #fork(): Promise<AddressInfo | string> {
    const worker = cluster.fork();
    const stop = new AbortController();
    const failed = once(worker, 'exit', { signal: stop.signal }).then(([code]) => {
      throw new Error(`expected a worker that listens, it has exited with code ${code}`);
    });
    const [{ address, port }] = (await Promise.race([once(worker, 'listening'), failed]).finally(() => stop.abort())) as [AddressInfo];
    failed.catch(() => {}); // aborted
    this.#current.push(worker);
    worker.once('exit', () => {
      if (!this.#remove(worker)) return; // it was drained
      console.error(`worker ${worker.process.pid} has failed: another one starts`);
      this.#fork().catch(console.error);
    });
    return port > 0 ? { address, port, family: 'IPv4' } : address;
  }

  async #drain(worker: Worker): Promise<DrainReport> {
    this.#remove(worker);
    const exited = once(worker, 'exit');
    let report: DrainReport | undefined;
    worker.once('message', (message: DrainReport) => (report = message));
    worker.send(DRAIN);
    await exited;
    if (!report) throw new Error(`expected a report of worker ${worker.process.pid}, it has exited without one`);
    return report;
  }

  #remove(worker: Worker): boolean {
    const isCurrent = this.#current.includes(worker);
    this.#current = this.#current.filter((other) => other !== worker);
    return isCurrent;
  }
}
