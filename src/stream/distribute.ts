import { createServer, Socket, type AddressInfo } from 'node:net';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { noop, Observable } from 'rxjs';
import { IOStreamError } from '../errors.ts';
import { checkOptions, type OptionSet } from '../util/check-options.ts';
import { describeValue } from '../util/describe.ts';
import { definedOptions } from '../util/own-options.ts';
import { isBoolean, isCount, isPortOrZero, isText } from '../util/value-tests.ts';
import { toBindError } from './bind-error.ts';
import { post, received, type FromWorker } from './transferred-sockets.ts';
import { WorkerRotation } from './worker-rotation.ts';

/** The address to listen on, and the threads that serve. */
export interface DistributeOptions {
  /** The address to listen on. @default all addresses, IPv6 and IPv4 */
  readonly host?: string | undefined;
  /** The port to listen on; 0 = any free one. */
  readonly port: number;
  /** The workers. Each one that calls `listen({ from: parentPort })` gets connections, in rotation. */
  readonly to: readonly Worker[];
  /** Maximum number of connections that wait to be accepted, and of accepted ones while no worker listens. @default 511 */
  readonly backlog?: number | undefined;
  /** Do not accept IPv4 on an IPv6 address. @default false */
  readonly ipv6Only?: boolean | undefined;
}

const BACKLOG = 511;

const OPTIONS: OptionSet = {
  caller: 'distribute',
  usage: 'usage: distribute({ port, host?, to: workers })',
  rules: {
    host: ['an address to listen on', isText],
    port: ['an integer from 0 to 65535', isPortOrZero],
    to: ['an array of Workers, 1 or more', (value) => Array.isArray(value) && value.length > 0 && value.every(isWorker)],
    backlog: ['a number of connections', isCount],
    ipv6Only: ['a boolean', isBoolean],
  },
  required: ['port', 'to'],
  show: describeValue,
};

/**
 * Accepts connections, and transfers each one to a worker thread, in rotation.
 *
 * ```text
 *   main thread                       worker threads
 *   distribute ── accept ──▶ socket ──┬──▶ listen({ from: parentPort }, handler)
 *                                     └──▶ listen({ from: parentPort }, handler)
 * ```
 *
 * Needs a Node that transfers sockets between threads (26.6 or newer), which is probed when it is subscribed. Elsewhere use `node:cluster`.
 *
 * **Errors**
 * - ENOTSUP if Node cannot transfer sockets.
 * - A failed bind errors with its code (EADDRINUSE, EACCES, …).
 *
 * **Closing**
 * - Unsubscribing stops listening. Connections of the workers stay open.
 * - A worker that drains, stops or exits gets no further connection.
 * - Connections on their way to a worker that drains or stops go to another. Those on their way to one that exits are lost.
 *
 * **Memory**: while no worker listens, `backlog` connections wait. Further ones are reset.
 *
 * @param options the address, and the workers.
 * @returns a cold Observable that emits the bound address, and does not complete.
 * @throws TypeError for wrong options, at the call.
 * @see {@link listen}
 *
 * ```ts
 * import { isMainThread, parentPort, Worker } from 'node:worker_threads';
 * import { distribute, listen } from 'rxjs-io-stream';
 *
 * if (isMainThread) {
 *   const workers = [1, 2].map(() => new Worker(new URL(import.meta.url)));
 *   distribute({ host: '127.0.0.1', port: 7007, to: workers }).subscribe({ error: console.error });
 * } else if (parentPort) {
 *   listen({ from: parentPort }, (io) => io.send(io)).subscribe({ error: console.error });
 * }
 * ```
 */
export function distribute(options: DistributeOptions): Observable<AddressInfo> {
  const { to, backlog = BACKLOG, ...bind } = checkOptions(options, OPTIONS);
  const workers = [...to];
  return new Observable((out) => {
    if (!canTransfer()) throw unsupported();
    // `allowHalfOpen` moves with the socket. Only a socket that has not been read can move.
    const net = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const rotation = new WorkerRotation(backlog);
    net.on('connection', (socket) => rotation.send(socket));
    net.on('error', (cause) => toBindError(cause, {}, (error) => out.error(error)));
    net.listen({ ...definedOptions(bind, 'distribute'), backlog }, () => {
      const address = net.address() as AddressInfo;
      for (const worker of workers) out.add(follow(worker, rotation, address));
      out.next(address);
    });
    return () => {
      net.close(noop);
      rotation.end();
    };
  });
}

/** Follows what a worker wants. Returns the function that stops it. */
function follow(worker: Worker, rotation: WorkerRotation, address: AddressInfo): () => void {
  const onMessage = (value: unknown): void => {
    const message = received(value) as FromWorker | undefined;
    if (message?.kind === 'listening') {
      post(worker, { kind: 'address', address });
      rotation.add(worker);
    } else if (message?.kind === 'stop') {
      rotation.remove(worker);
      post(worker, { kind: 'end' });
    } else if (message?.kind === 'return') {
      rotation.send(message.socket);
    }
  };
  const onExit = (): void => rotation.remove(worker);
  worker.on('message', onMessage).on('exit', onExit);
  return () => worker.off('message', onMessage).off('exit', onExit);
}

function isWorker(value: unknown): boolean {
  return typeof (value as Worker | undefined)?.postMessage === 'function' && typeof (value as Worker).on === 'function';
}

/** Whether this Node transfers sockets: one without a connection is refused for that reason only where connected ones are not. */
function canTransfer(): boolean {
  const { port1 } = new MessageChannel();
  const socket = new Socket();
  try {
    port1.postMessage(socket, [socket as never]);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_HANDLE_NOT_TRANSFERABLE';
  } finally {
    port1.close();
  }
}

function unsupported(): IOStreamError {
  const message = `distribute: expected Node 26.6 or newer, which transfers sockets to threads, got ${process.version}: use node:cluster`;
  return new IOStreamError('ENOTSUP', { phase: 'connect', message });
}
