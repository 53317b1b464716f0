import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { served, unwatched } from '../support/loopback.ts';
import { runProgram } from '../support/run-program.ts';

describe('line-client', () => {
  it('prints whole lines however the bytes are cut, and reconnects after a reset', async () => {
    const sockets: Socket[] = [];
    const place = await served(unwatched(onTestFinished), (socket) => {
      socket.setNoDelay().write(sockets.push(socket) === 1 ? 'first\nsec' : 'third\n');
    });
    const client = runProgram('examples/line-client.ts', (place as { port: number }).port);
    await client.prints(/first/);
    sockets[0]?.write('ond\nlost');
    await client.prints(/second/);
    sockets[0]?.resetAndDestroy();
    await client.prints(/third/);
    const accent = Buffer.from('é');
    sockets[1]?.write(Buffer.concat([Buffer.from('four '), accent.subarray(0, 1)]));
    await new Promise(setImmediate);
    sockets[1]?.end(Buffer.concat([accent.subarray(1), Buffer.from('\r\n\nend\n')]));
    const { code, stdout, stderr } = await client.ended;
    expect([code, stdout], stderr).toEqual([0, 'first\nsecond\nthird\nfour é\n\nend\n']);
    expect(stderr).toMatch(/ECONNRESET.*; dialling again\n/);
    expect(stderr).toMatch(/the server ended\n$/);
  });
});
