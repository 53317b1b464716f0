// A chat client for chat-server.ts. Reconnects with the same name when the connection is lost; what you type meanwhile is sent then.
//   npx tsx examples/chat-client.ts NAME [PORT] [HOST]           ends at Ctrl-D, or at /quit
import { createInterface } from 'node:readline';
import { framed, handshake, lines, persistent } from 'rxjs-io-stream';
import { fail, parseCommandLine, parsePort } from './support/command-line.ts';

const [name = 'guest', port = '7000', host = '127.0.0.1'] = parseCommandLine().positionals;

/** Runs before anything you typed is sent, on each connection. */
const login = handshake({
  *talk(link) {
    const nextLine = function* () {
      return Buffer.from(yield* link.readUntil('\n', 1024))
        .toString()
        .trim();
    };
    yield* nextLine(); // * Welcome. What is your name?
    link.send(`${name}\n`);
    const answer = yield* nextLine(); // * NAME joins
    if (!answer.endsWith(' joins')) throw new Error(answer);
    return { answer };
  },
});

let isLeaving = false;
/** A name that is taken may be that of our lost connection, and is free soon. Another name is refused for ever. */
const retryIf = (error: unknown): boolean => !String(error).includes('A name has');
const line = persistent({ host, port: parsePort(port), plugin: { login } }, { initial: 100, max: 5000, retryIf });
const { messages$, write } = framed(line, lines({ maxLength: 1024 }));

line.status$.subscribe((status) => {
  if (status.state === 'connected') console.error(`-- connected as ${name}`);
  if (status.state !== 'waiting') return;
  console.error(status.error === undefined ? '-- the server closed the connection' : `-- ${(status.error as Error).message}`);
  if (isLeaving && line.pending === 0) line.close();
});

const typed = createInterface(process.stdin).on('line', (text) => (text === '/quit' ? typed.close() : write(text)));
typed.on('close', () => {
  isLeaving = true;
  write('/quit'); // after everything that was typed before; the server closes the connection then
});
messages$.subscribe({
  next: (text) => console.log(text),
  error: (error: unknown) => {
    fail(error); // the name was refused
    typed.close();
  },
});
