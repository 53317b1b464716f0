import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Harness } from './harness.ts';

/** Number of connections that Linux completes for a backlog of 1 before they are accepted. */
const ACCEPT_QUEUE = 2;
const LISTENER = `
  const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 });
  server.on('listening', () => process.send(server.address().port));
`;

/** A port that never answers: the backlog of its listener is full, and the listener accepts nothing. */
export async function blackHole(h: Harness): Promise<{ host: string; port: number }> {
  const { host, port } = await slowPort(h);
  return { host, port };
}

/** A port that does not answer until `answer()` is called. It then accepts the retry of the kernel, a second after the first attempt. */
export async function slowPort(h: Harness): Promise<{ host: string; port: number; answer: () => void }> {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: { NODE_OPTIONS: '' } });
  const exit = once(child, 'exit');
  h.defer(() => {
    child.kill('SIGKILL');
    return exit;
  });
  const [port] = (await once(child, 'message')) as [number];
  child.disconnect();
  child.kill('SIGSTOP');
  for (let filled = 0; filled < ACCEPT_QUEUE; filled += 1) {
    const filler = connect({ port, host: '127.0.0.1' }).on('error', () => {});
    h.defer(() => filler.destroy());
    await once(filler, 'connect');
  }
  return { host: '127.0.0.1', port, answer: () => void child.kill('SIGCONT') };
}
