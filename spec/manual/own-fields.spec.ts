import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { describe, expect } from 'vitest';
import { spec } from '../support/spec.ts';
import { pair } from '../support/loopback.ts';
import { watchedStream } from '../support/watched-stream.ts';

describe('own fields', () => {
  spec('whose names start with a capital letter are set on the stream unchanged', async (h) => {
    const { near } = await pair(h);
    const Session = { user: 'me' };
    const io = watchedStream(h, new IOStream({ fh: near, waitFor: IN, Count: 0, Session, Name: undefined, Ünder: 'way' }));
    expect(io.Count).toBe(0);
    expect(io.Session).toBe(Session);
    expect('Name' in io).toBe(true);
    expect((io as unknown as Record<string, unknown>)['Ünder']).toBe('way');
  });

  spec('exist from the first event on, and keep what the callback assigns', async (h) => {
    const { near, far } = await pair(h);
    const io = watchedStream(
      h,
      new IOStream({
        fh: near,
        waitFor: IN | EOF,
        Lines: 0,
        Log: [] as string[],
        cb: (stream, mask) => {
          stream.Lines += stream.read().filter((byte) => byte === 10).length;
          stream.Log.push(mask & EOF ? 'eof' : 'in');
        },
      }),
    );
    far.end('one\ntwo\nthree\n');
    await h.until(() => io.isEof, 'EOF');
    expect(io.Lines).toBe(3);
    expect(io.Log.at(-1)).toBe('eof');
  });

  spec('belong to one stream each, and stay unchanged when it closes', async (h) => {
    const [a, b] = [await pair(h), await pair(h)];
    const first = watchedStream(h, new IOStream({ fh: a.near, waitFor: IN, Count: 1 }));
    const second = watchedStream(h, new IOStream({ fh: b.near, waitFor: IN, Count: 2 }));
    first.Count += 10;
    first.close();
    expect([first.Count, second.Count]).toStrictEqual([11, 2]);
  });
});
