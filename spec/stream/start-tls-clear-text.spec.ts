import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { firstValueFrom, switchMap } from 'rxjs';
import { framed, IOStream, lengthPrefixed, lines, type Codec } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { startTls } from '../../src/stream/start-tls.ts';
import * as certificates from '../support/certificates.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { closedReport, resetAtEnd, serve } from './tools.ts';
import { ask, CLIENT, grants } from './start-tls-tools.ts';

const { server } = certificates;

describe('startTls', () => {
  spec('fails with EPROTOCOL if clear text follows the go-ahead, and leaves it unread', async (h) => {
    let secured = 0;
    const port = await grants(h, 'INJECTED', (secure) => secure.on('secure', () => (secured += 1)));
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    const upgrade = h.observed(ask(io).pipe(switchMap(() => startTls(io, CLIENT))));
    await upgrade.ended;
    h.error(upgrade.error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'tls' });
    expect([io.state, io.inBuf.toString(), secured, upgrade.values]).toStrictEqual(['open', 'INJECTED', 0, []]);
  });

  spec('fails with ETLS if clear text arrives in the handshake', async (h) => {
    const port = await serve(h, (socket: Socket) => {
      socket.once('data', () => socket.write('220 go\r\n'));
      socket.once('data', () => socket.once('data', () => socket.write('INJECTED')));
    });
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    const upgrade = h.observed(ask(io).pipe(switchMap(() => startTls(io, CLIENT))));
    await upgrade.ended;
    h.error(upgrade.error, { code: 'ETLS', phase: 'handshake', layer: 'tls' });
    expect((await closedReport(io)).by).toBe('upgraded');
  });
});

describe('startTls after a codec', () => {
  /** Reads a greeting and a go-ahead with a codec. `more` arrives with the go-ahead. */
  async function framedGoAhead(
    h: Harness,
    codec: Codec<unknown, never>,
    greeting: string,
    goAhead: string,
    more: string,
  ): Promise<IOStream> {
    const port = await serve(h, (socket: Socket) => {
      socket.write(greeting);
      socket.once('data', () => {
        socket.write(`${goAhead}${more}`);
        const secure = new TLSSocket(socket, { ...server, isServer: true });
        h.defer(() => secure.destroy());
        secure.on('error', () => {}).pipe(secure);
      });
    });
    const [io] = resetAtEnd(h, new IOStream({ host: '127.0.0.1', port }));
    const { messages$ } = framed(io, codec);
    await firstValueFrom(messages$);
    io.write('STARTTLS\r\n');
    await firstValueFrom(messages$);
    return io;
  }

  const numbered = lengthPrefixed({ bytes: 1, maxLength: 99 }) as Codec<unknown, never>;
  const injected: Record<
    string,
    readonly [codec: Codec<unknown, never>, greeting: string, goAhead: string, more: string, message: RegExp]
  > = {
    'an unread message': [
      lines({ maxLength: 99 }),
      '220 hi\r\n',
      '220 go\r\n',
      '250 INJECTED\r\n',
      /sent 1 unread message behind the clear text/,
    ],
    'several messages': [
      lines({ maxLength: 99 }),
      '220 hi\r\n',
      '220 go\r\n',
      'a\r\nb\r\nc',
      /sent 2 unread messages behind the clear text/,
    ],
    'a part of a line': [
      lines({ maxLength: 99 }),
      '220 hi\r\n',
      '220 go\r\n',
      '250 INJ',
      /sent an unread part of a message behind the clear text/,
    ],
    'a part of a frame': [numbered, '\u0002hi', '\u0002go', '\u0005INJ', /sent an unread part of a message behind the clear text/],
    'a part of a length': [numbered, '\u0002hi', '\u0002go', '\u0005', /sent an unread part of a message behind the clear text/],
  };
  spec.each(Object.keys(injected))('fails with EPROTOCOL if the codec buffers %s', async (h, what) => {
    const [codec, greeting, goAhead, more, message] = injected[what]!;
    const io = await framedGoAhead(h, codec, greeting, goAhead, more);
    const upgrade = h.observed(startTls(io, CLIENT));
    await upgrade.ended;
    h.error(upgrade.error, { code: 'EPROTOCOL', phase: 'handshake', layer: 'tls' });
    expect((upgrade.error as Error).message).toMatch(message);
    expect([io.state, upgrade.values]).toStrictEqual(['open', []]);
    const again = h.observed(startTls(io, CLIENT));
    await again.ended;
    h.error(again.error, { code: 'EPROTOCOL' });
  });

  spec.each(['lines', 'frames'])('upgrades if the codec buffers nothing: %s', async (h, kind) => {
    const io =
      kind === 'lines'
        ? await framedGoAhead(h, lines({ maxLength: 99 }), '220 hi\r\n', '220 go\r\n', '')
        : await framedGoAhead(h, numbered, '\u0002hi', '\u0002go', '');
    const secure = await h.observed(startTls(io, CLIENT)).value();
    const echo = h.observed(secure.data$);
    secure.end('hello');
    await echo.ended;
    expect(Buffer.concat(echo.values).toString()).toBe('hello');
  });
});
