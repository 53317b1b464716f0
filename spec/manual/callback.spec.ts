import { EOF, IN, IOStream, SENT, type EventMask } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { pair } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';

type Call = [callee: string, mask: EventMask, code?: string];

describe('cb', () => {
  spec('is a function that is called with the stream, the events and no error', async (h) => {
    const { near, far } = await pair(h);
    const calls: unknown[][] = [];
    const io: IOStream = watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: (...args) => calls.push(args) }));
    far.write('x');
    await h.until(() => calls.length > 0, 'a call');
    expect(calls).toStrictEqual([[io, IN, undefined]]);
  });

  spec('is called with mask 0 and the error when an error occurs', async (h) => {
    const { near, far } = await pair(h);
    const calls: [EventMask, string | undefined][] = [];
    watchedStream(h, new IOStream({ fh: near, waitFor: 0, cb: (_io, mask, error) => calls.push([mask, error?.code]) }));
    far.write('x');
    await h.until(() => calls.length > 0, 'a call');
    expect(calls[0]).toStrictEqual([0, 'EREQINEOF']);
  });

  spec('may be an object, on which the method `IO` is called', async (h) => {
    const { near, far } = await pair(h);
    const calls: Call[] = [];
    const server = {
      name: 'server',
      IO(_io: IOStream, mask: EventMask) {
        calls.push([this.name, mask]);
      },
    };
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: server }));
    far.write('x');
    await h.until(() => calls.length > 0, 'a call');
    expect(calls).toStrictEqual([['server', IN]]);
  });

  spec('may be a class, on which the static method named by `method` is called', async (h) => {
    const { near, far } = await pair(h);
    const calls: Call[] = [];
    // eslint-disable-next-line @typescript-eslint/no-extraneous-class -- the manual's "class name"
    class Client {
      static readonly title = 'Client';
      static onIO(_io: IOStream, mask: EventMask) {
        calls.push([this.title, mask]);
      }
    }
    watchedStream(h, new IOStream({ fh: near, waitFor: IN, cb: Client, method: 'onIO' }));
    far.write('x');
    await h.until(() => calls.length > 0, 'a call');
    expect(calls).toStrictEqual([['Client', IN]]);
  });

  spec('may be changed, and `method` too, while the stream is open', async (h) => {
    const { near, far } = await pair(h);
    const calls: Call[] = [];
    const first = { IO: (_io: IOStream, mask: EventMask) => calls.push(['first', mask]) };
    const second = {
      IO: (_io: IOStream, mask: EventMask) => calls.push(['second.IO', mask]),
      later: (_io: IOStream, mask: EventMask) => calls.push(['second.later', mask]),
    };
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: first }));
    expect(io.method).toBe('IO');
    const step = async (change: () => void): Promise<void> => {
      const before = calls.length;
      change();
      far.write('x');
      await h.until(() => calls.length > before, 'another call');
    };
    await step(() => {});
    await step(() => (io.cb = second));
    await step(() => (io.method = 'later'));
    await step(() => (io.cb = (_io: IOStream, mask: EventMask) => calls.push(['function', mask])));
    expect(calls.map(([callee]) => callee)).toStrictEqual(['first', 'second.IO', 'second.later', 'function']);
  });

  spec('may be changed inside the callback: the new one receives the next event', async (h) => {
    const { near, far } = await pair(h);
    const calls: Call[] = [];
    const second = (_io: IOStream, mask: EventMask): void => void calls.push(['second', mask]);
    const first = (io: IOStream, mask: EventMask): void => {
      calls.push(['first', mask]);
      io.cb = second;
    };
    watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: first }));
    far.end('x');
    await h.until(() => calls.length === 2, 'two calls');
    expect(calls).toStrictEqual([
      ['first', IN],
      ['second', EOF],
    ]);
  });

  spec('may be removed: no callback is called any more', async (h) => {
    const { near, far } = await pair(h);
    let calls = 0;
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN | EOF, cb: () => (calls += 1) }));
    io.cb = undefined;
    far.end('x');
    await h.until(() => io.isEof, 'isEof');
    expect(calls).toBe(0);
  });

  spec('may be shared by two streams: its first argument is the stream of the event', async (h) => {
    const pairs = [await pair(h), await pair(h)];
    const seen = new Map<IOStream, string>();
    const both = { IO: (io: IOStream) => void seen.set(io, io.inBuf.toString()) };
    const streams = pairs.map(({ near }) => watchedStream(h, new IOStream({ fh: near, waitFor: IN | SENT, cb: both })));
    pairs.forEach(({ far }, at) => far.write(`stream ${at}`));
    await h.until(() => seen.size === 2, 'both');
    expect(streams.map((io) => seen.get(io))).toStrictEqual(['stream 0', 'stream 1']);
  });
});
