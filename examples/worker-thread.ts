// Tests numbers in a worker thread, so that this thread stays free. Lines travel over a MessagePort, with backpressure both ways.
//   npx tsx examples/worker-thread.ts [NUMBER…]
import { connect, framed, lines, overMessages } from 'rxjs-io-stream';
import { MessageChannel, Worker } from 'node:worker_threads';
import { fromEvent, map, takeUntil } from 'rxjs';
import { fail, parseCommandLine } from './support/command-line.ts';

const { positionals } = parseCommandLine();
const numbers = positionals.length > 0 ? positionals : ['9007199254740881', '9007199254740883', '9007199254740997'];

const { port1: port, port2 } = new MessageChannel();
const worker = new Worker(new URL('./worker-thread/worker.js', import.meta.url), { workerData: port2, transferList: [port2] });
worker.on('error', fail);

const wire = overMessages({
  send: (message) => port.postMessage(message, [message.buffer]), // transferred, not copied
  messages$: fromEvent<MessageEvent>(port, 'message').pipe(
    map(({ data }) => data as Uint8Array),
    takeUntil(fromEvent(port, 'close')), // the worker has ended
  ),
  close: () => port.close(),
});

connect({ wire }, (io) => {
  const { messages$, write } = framed(io, lines({ maxLength: 1024 }));
  for (const number of numbers) write(number);
  io.end();
  return messages$;
}).subscribe({ next: (line) => console.log(line), error: fail });
