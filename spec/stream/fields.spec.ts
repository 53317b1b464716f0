import type { Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { CONNECTED, handshake, IOStream, passthrough } from 'rxjs-io-stream';
import { memoryPair } from '../../src/testing/memory/memory-pair.ts';
import { spec } from '../support/spec.ts';
import { closedReport, connectedToPeer, streamPair, resetAtEnd, pattern, scriptedStream, ticks } from './tools.ts';
import { cpuTime } from '../support/cpu-time.ts';

describe('the fields of a stream', () => {
  spec('`state` changes from opening to open, closing and closed', async (h) => {
    const seen: string[] = [];
    const { io, socket } = await connectedToPeer(h, {
      onEvent: ({ io, mask }) => {
        if (mask === CONNECTED) seen.push(io.state);
      },
    });
    seen.push(io.state);
    io.close();
    seen.push(io.state);
    socket.resume().end();
    await closedReport(io);
    seen.push(io.state);
    expect(seen).toStrictEqual(['open', 'open', 'closing', 'closed']);
  });

  spec('addresses are those of the socket, and undefined without one', async (h) => {
    const { io, socket } = await connectedToPeer(h);
    expect([io.remoteAddress, io.remotePort, io.localAddress, io.localPort]).toStrictEqual([
      '127.0.0.1',
      socket.localPort,
      '127.0.0.1',
      socket.remotePort,
    ]);
    expect(io.ip).toBe('127.0.0.1');
    const [a] = streamPair(h);
    await ticks();
    expect([a.remoteAddress, a.remotePort, a.localAddress, a.localPort, a.ip, a.fh]).toStrictEqual(Array(6).fill(undefined));
  });

  spec('`details` holds the result of each plugin by name, and `plugin` the plugins', async (h) => {
    const knock = handshake({
      *talk(link) {
        link.send('?');
        return { answer: String.fromCharCode(...(yield* link.read(2))) };
      },
    });
    const noop = passthrough();
    const [wireA, wireB] = memoryPair();
    const [a, b] = resetAtEnd(h, new IOStream({ wire: wireA, plugin: { knock, noop } }), new IOStream({ wire: wireB }));
    expect([a.details, Object.keys(a.plugin)]).toStrictEqual([{}, ['knock', 'noop']]);
    expect(a.plugin.knock).toBe(knock);
    expect(() => ((a.plugin as Record<string, unknown>).x = noop)).toThrow(TypeError);
    const { events } = h.watch(a);
    b.write('ok and more');
    await events.value(({ mask }) => mask === CONNECTED);
    expect(a.details.knock?.answer).toBe('ok');
    const rest = h.observed(a.data$);
    await rest.value();
    h.sameBytes(rest.values, ' and more');
  });

  spec('fields of the user are kept and typed', (h) => {
    const { wire } = scriptedStream();
    const list = [1];
    const [io] = resetAtEnd(h, new IOStream({ wire, Count: 0, List: list }));
    io.Count += 1;
    const count: number = io.Count;
    expect([count, io.List === list]).toStrictEqual([1, true]);
    // @ts-expect-error there is no such field
    expect(io.Other).toBe(undefined);
  });

  spec('`read` removes and returns bytes of `inBuf`, which can be assigned', async (h) => {
    const [a, b] = streamPair(h);
    a.write('hello world');
    await h.until(() => b.inBuf.length === 11);
    expect([String(b.read(5)), String(b.inBuf)]).toStrictEqual(['hello', ' world']);
    expect([b.read(0).length, String(b.read(100)), b.inBuf.length, b.read().length]).toStrictEqual([0, ' world', 0, 0]);
    b.inBuf = 'text';
    const view = b.inBuf;
    expect(Buffer.isBuffer(view)).toBe(true);
    b.inBuf = new Uint8Array([65]);
    expect([String(view), String(b.inBuf)], 'an earlier view is unchanged').toStrictEqual(['text', 'A']);
  });

  spec('`inBuf` is read without a copy: 20,000 times 1 MiB', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, waitFor: 16, inBufLimit: 0 }));
    await ticks();
    up({ kind: 'data', bytes: pattern(2 ** 20) });
    const start = cpuTime();
    let sum = 0;
    for (let each = 0; each < 20_000; each += 1) {
      up({ kind: 'data', bytes: pattern(1) });
      sum += io.inBuf.length;
    }
    const took = cpuTime() - start;
    expect(sum > 20_000 * 2 ** 20 && took < 2000, `${took} ms`).toBe(true);
  });

  spec('`write` sends all bytes of a tick as one chunk', async (h) => {
    const { wire, down } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
    await ticks();
    for (let each = 0; each < 1000; each += 1) io.write('0123456789');
    await ticks();
    expect(down.map((signal) => (signal.kind === 'data' ? signal.bytes.length : signal.kind))).toStrictEqual([10_000]);
  });

  spec('`pause` and `resume` send one signal for repeated calls, and each change within a tick', async (h) => {
    const { wire, down } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
    h.observed(io.data$);
    io.pause();
    await ticks();
    io.pause();
    await ticks();
    io.resume();
    io.resume();
    await ticks();
    io.pause();
    io.resume();
    await ticks();
    expect(down.map(({ kind }) => kind)).toStrictEqual(['pause', 'resume', 'pause', 'resume']);
  });

  spec('`ref` and `unref` reach the socket, also when they are called before it exists', async (h) => {
    let accepted = 0;
    const { io } = await connectedToPeer(h, {}, () => (accepted += 1));
    const socket = io.fh as Socket;
    const refs = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
    const before = refs();
    io.unref();
    expect(refs()).toBe(before - 1);
    io.ref();
    expect(refs()).toBe(before);
    expect(socket).toBeTruthy();
    const early = new IOStream({ host: '127.0.0.1', port: io.remotePort ?? 0 });
    resetAtEnd(h, early);
    early.unref();
    await h.until(() => early.state === 'open' && accepted === 2);
    await ticks();
    expect(refs(), 'the peer’s end of the second connection only').toBe(before + 1);
  });

  spec('the `fh` of a stream that was reset is rejected with a TypeError', async (h) => {
    const { io } = await connectedToPeer(h);
    const { io: other } = await connectedToPeer(h);
    const fh = other.fh as Socket;
    other.reset();
    await closedReport(other);
    expect(() => new IOStream({ fh })).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/can't get file descriptor/) }),
    );
    expect(io.fh).toBeTruthy();
  });

  spec('`outBufLimit` is validated like the option, and applies to the next write', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire, isFatal: () => false }));
    const { errors } = h.watch(io);
    await ticks();
    up({ kind: 'pause' });
    expect(io.outBufLimit).toBe(64 * 2 ** 20);
    io.write(pattern(100));
    io.outBufLimit = 100;
    expect(io.outBufLimit).toBe(100);
    expect(io.write('x')).toBe(false);
    await ticks();
    h.error(errors.values[0], { code: 'EOUTBUFLIMIT' });
    io.outBufLimit = 0;
    expect(io.write('x')).toBe(true);
    expect(io.output.pending).toBe(101);
    io.outBufLimit = undefined;
    expect(io.outBufLimit).toBe(64 * 2 ** 20);
    for (const wrong of [-1, 1.5, '5', null])
      expect(() => (io.outBufLimit = wrong as number)).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/^usage: .*`outBufLimit`/) }),
      );
  });

  spec('`outBufLimit` changes `blocked$` if the queue crosses the new limit', async (h) => {
    const { wire, up } = scriptedStream();
    const [io] = resetAtEnd(h, new IOStream({ wire }));
    await ticks();
    up({ kind: 'pause' });
    const blocked = h.observed(io.output.blocked$);
    io.write(pattern(100));
    io.outBufLimit = 50;
    io.outBufLimit = 1000;
    expect(blocked.values).toStrictEqual([false, true, false]);
  });
});
