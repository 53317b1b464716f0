import assert from 'node:assert/strict';
import { EOF, IN, IOStream } from 'rxjs-io-stream';
import { describe, it } from 'vitest';
import { invariants } from '../support/harness.ts';
import { pair } from '../support/loopback.ts';
import { kept } from '../support/told.ts';

describe('own fields', () => {
  it(
    'whose names start with a capital are kept on the stream, as they were given',
    invariants(async (h) => {
      const { near } = await pair(h);
      const Session = { user: 'me' };
      const io = kept(h, new IOStream({ fh: near, waitFor: IN, Count: 0, Session, Name: undefined, Ünder: 'way' }));
      assert.equal(io.Count, 0);
      assert.equal(io.Session, Session);
      assert.ok('Name' in io);
      assert.equal((io as unknown as Record<string, unknown>)['Ünder'], 'way');
    }),
  );

  it(
    'are there from the first event on, and what the callback puts there stays',
    invariants(async (h) => {
      const { near, far } = await pair(h);
      const io = kept(
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
      assert.equal(io.Lines, 3);
      assert.equal(io.Log.at(-1), 'eof');
    }),
  );

  it(
    'belong to one stream each, and are not touched when it closes',
    invariants(async (h) => {
      const [a, b] = [await pair(h), await pair(h)];
      const first = kept(h, new IOStream({ fh: a.near, waitFor: IN, Count: 1 }));
      const second = kept(h, new IOStream({ fh: b.near, waitFor: IN, Count: 2 }));
      first.Count += 10;
      first.close();
      assert.deepEqual([first.Count, second.Count], [11, 2]);
    }),
  );
});
