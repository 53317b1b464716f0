import type { Socket } from 'node:net';
import type { Worker } from 'node:worker_threads';
import { reset } from '../wire/discard.ts';
import { post } from './transferred-sockets.ts';

/** Transfers sockets to the workers that listen, in turn. Holds up to `limit` sockets while none does. */
export class WorkerRotation {
  readonly #limit: number;
  #listening: Worker[] = [];
  #waiting: Socket[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Transfers a socket to the next worker. Without one, the socket waits. */
  send(socket: Socket): void {
    const worker = this.#listening.shift();
    if (worker) {
      this.#listening.push(worker);
      this.#transfer(worker, socket);
    } else if (this.#waiting.length < this.#limit) {
      this.#waiting.push(socket);
    } else {
      reset(socket);
    }
  }

  /** Adds a worker that listens, at the end. */
  add(worker: Worker): void {
    this.#listening.push(worker);
    for (const socket of this.#waiting.splice(0)) this.send(socket);
  }

  /** Removes a worker, if it was added. */
  remove(worker: Worker): void {
    this.#listening = this.#listening.filter((other) => other !== worker);
  }

  /** Announces to the workers that no further socket will come, and resets those that wait. */
  end(): void {
    for (const worker of this.#listening.splice(0)) post(worker, { kind: 'end' });
    for (const socket of this.#waiting.splice(0)) reset(socket);
  }

  #transfer(worker: Worker, socket: Socket): void {
    try {
      post(worker, { kind: 'socket', socket });
    } catch {
      reset(socket); // It was reset by its client before it was accepted.
    }
  }
}
