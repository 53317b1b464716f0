// The worker of worker-thread.ts: reads numbers, a line each, and answers each one.
import { workerData as port } from 'node:worker_threads';
import { connect, framed, lines, overMessages } from 'rxjs-io-stream';
import { fromEvent, map } from 'rxjs';

/** The smallest divisor of a number from 2 on: takes a second for a prime of 16 digits. */
function smallestDivisor(number) {
  if (number % 2 === 0) return 2;
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return divisor;
  return number;
}

function answer(line) {
  const number = Number(line);
  if (!Number.isSafeInteger(number) || number < 2) return `${line} is no integer from 2 to 9007199254740991\n`;
  const divisor = smallestDivisor(number);
  return divisor === number ? `${line} is prime\n` : `${line} is divisible by ${divisor}\n`;
}

const wire = overMessages({
  send: (message) => port.postMessage(message, [message.buffer]),
  messages$: fromEvent(port, 'message').pipe(map(({ data }) => data)),
  close: () => port.close(),
});

// The next line is tested when the answer before it was taken.
connect({ wire }, (io) => io.send(framed(io, lines({ maxLength: 1024 })).messages$.pipe(map(answer)))).subscribe();
