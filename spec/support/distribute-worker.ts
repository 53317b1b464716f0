/**
 * A worker thread that serves what `distribute` transfers: sends its thread id and all that it reads. Posts the address, and after the message
 * `drain` the report. `workerData.delay` is the number of milliseconds before it listens.
 */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { concat } from 'rxjs';
import { listen } from '../../src/stream/listen.ts';

/** Milliseconds in which the worker does not read its messages, before it drains. */
const BUSY = 300;

const port = parentPort!;
const { delay = 0 } = workerData as { delay?: number };

setTimeout(() => {
  const serving = listen({ from: port }, (io) => concat(io.send([`${threadId} ${io.remoteAddress}\n`]), io.send(io))).subscribe(
    (server) => {
      port.postMessage({ address: server.address });
      const onDrain = (message: unknown): void => {
        if (message !== 'drain') return;
        port.off('message', onDrain);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY);
        server.drain({ deadline: 5000 }).subscribe((report) => {
          port.postMessage({ report });
          serving.unsubscribe();
        });
      };
      port.on('message', onDrain);
    },
  );
}, delay);
