import { describe, expect, it } from 'vitest';
import { deadPort } from '../support/loopback.ts';
import { runProgram, type Running } from '../support/run-program.ts';

const CLIENT = 'examples/chat-client.ts';

async function serve(port: number): Promise<Running> {
  const server = runProgram('examples/chat-server.ts', '--port', port);
  await server.prints(/listening on/);
  return server;
}

describe('chat-client', () => {
  it('reconnects with its name after the server was stopped, and sends what was typed meanwhile', async () => {
    const port = await deadPort();
    const first = await serve(port);
    const client = runProgram(CLIENT, 'ann', port);
    client.stdin.write('hello\n');
    await client.prints(/^<ann> hello$/m);
    await first.interrupt();
    await client.prints(/^-- (?!connected)/m);
    client.stdin.end('are you back?\n');
    const second = await serve(port);
    await second.prints(/^<ann> are you back\?\n\* ann leaves$/m);
    const { code, stdout } = await client.ended;
    expect([code, stdout]).toEqual([0, '<ann> hello\n<ann> are you back?\n']);
  });

  it('waits while its name is taken', async () => {
    const port = await deadPort();
    await serve(port);
    const holder = runProgram(CLIENT, 'bob', port);
    await holder.prints(/connected as bob/);
    const client = runProgram(CLIENT, 'bob', port);
    await client.prints(/That name is taken/);
    holder.stdin.end();
    await client.prints(/connected as bob/);
    client.stdin.end();
    expect(await client.ended).toMatchObject({ code: 0 });
  });

  it('ends when its name is refused', async () => {
    const port = await deadPort();
    await serve(port);
    const { code, stderr } = await runProgram(CLIENT, 'a b', port).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/A name has 1 to 20 letters or digits/);
  });
});
