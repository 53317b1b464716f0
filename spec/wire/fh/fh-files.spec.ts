import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, createReadStream, createWriteStream, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, it } from 'vitest';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { WireDriver } from '../../support/carry.ts';
import { file, fresh, isOpen } from '../../support/fh-peers.ts';
import { invariants, type Harness } from '../../support/harness.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: files', () => {
  it(
    'reads a descriptor from its present position and closes it',
    invariants(async (h) => {
      const fd = openSync(file('skip rest'), 'r');
      readSync(fd, Buffer.alloc(5));
      const io = carry(h, fd);
      await io.up.ended;
      assert.deepEqual([io.story, io.text, isOpen(fd)], ['connected data end complete', 'rest', false]);
    }),
  );

  it(
    'writes a descriptor at its present position and closes it',
    invariants(async (h) => {
      const path = fresh();
      const fd = openSync(path, 'w');
      writeSync(fd, 'one ');
      const io = carry(h, fd);
      io.write('two');
      io.end();
      await io.up.ended;
      assert.deepEqual([io.story, io.sent, isOpen(fd)], ['connected sent complete', 3, false]);
      assert.equal(readFileSync(path, 'utf8'), 'one two');
    }),
  );

  it(
    'reads and writes one descriptor, and closes it when both are through',
    invariants(async (h) => {
      const path = file('old ');
      const fd = openSync(path, 'r+');
      const io = carry(h, fd);
      await io.saw('end');
      assert.ok(isOpen(fd));
      io.write('new');
      io.end();
      await io.up.ended;
      assert.deepEqual([io.story, io.text, io.sent, isOpen(fd)], ['connected data end sent complete', 'old ', 3, false]);
      assert.equal(readFileSync(path, 'utf8'), 'old new');
    }),
  );

  it(
    'flushes what was given when the flow completes',
    invariants(async (h) => {
      const path = fresh();
      const bytes = randomBytes(3_000_000);
      const io = carry(h, openSync(path, 'w'));
      io.write(bytes);
      io.close();
      await io.up.ended;
      assert.deepEqual([io.up.state, io.sent], ['complete', bytes.length]);
      h.sameBytes(readFileSync(path), bytes);
    }),
  );

  it.each(['r', 'w', 'r+', 'w+'])('closes a descriptor opened for %s when it is unsubscribed', (flags) =>
    invariants(async (h) => {
      const fd = openSync(file('content'), flags);
      carry(h, fd).up.unsubscribe();
      await h.until(() => !isOpen(fd));
    })(),
  );

  it(
    'pauses and resumes',
    invariants(async (h) => {
      const bytes = randomBytes(1_000_000);
      const io = carry(h, openSync(file(bytes), 'r'));
      io.pause();
      await wait(50);
      const early = io.bytes.length;
      assert.ok(early <= 65536, `${early} bytes came after the pause`);
      io.resume();
      await io.up.ended;
      h.sameBytes(io.bytes, bytes);
    }),
  );

  it(
    'copies 5 MB from file to file',
    invariants(async (h) => {
      const bytes = randomBytes(5_000_000);
      const path = fresh();
      const from = carry(h, openSync(file(bytes), 'r'));
      const to = carry(h, openSync(path, 'w'));
      let [read, told] = [0, 0];
      await h.until(() => {
        // A relay by hand: bytes, pause and resume of the one are the flow of the other.
        for (; read < from.up.values.length; read += 1) {
          const signal = from.up.values[read];
          if (signal?.kind === 'data') to.write(signal.bytes);
          if (signal?.kind === 'end') to.end();
        }
        for (; told < to.up.values.length; told += 1) {
          const kind = to.up.values[told]?.kind;
          if (kind === 'pause') from.pause();
          if (kind === 'resume') from.resume();
        }
        return from.up.state !== 'open' && to.up.state !== 'open';
      }, 'the copy is done');
      assert.deepEqual([from.up.state, to.up.state, to.sent], ['complete', 'complete', bytes.length]);
      assert.ok(to.story.includes('pause') && to.story.includes('resume'));
      h.sameBytes(readFileSync(path), bytes);
    }),
  );

  it(
    'carries fs.ReadStream and fs.WriteStream once they are open',
    invariants(async (h) => {
      const path = fresh();
      const to = carry(h, createWriteStream(path));
      assert.equal(to.story, '');
      await to.saw('connected');
      to.write('hello');
      to.end();
      await to.up.ended;
      const from = carry(h, createReadStream(path));
      await from.up.ended;
      assert.deepEqual([to.sent, from.story, from.text], [5, 'connected data end complete', 'hello']);
    }),
  );

  it(
    'gives the error of a file that cannot be opened',
    invariants(async (h) => {
      const io = carry(h, createReadStream(fresh()));
      await io.up.ended;
      h.error(io.up.error, { code: 'ENOENT', phase: 'connect' });
      assert.equal(io.story, 'error');
    }),
  );

  it.each(['/dev/null', '/dev/full'])('reads and writes %s', (path) =>
    invariants(async (h) => {
      const io = carry(h, openSync(path, path === '/dev/null' ? 'r+' : 'w'));
      io.write('gone');
      io.end();
      await io.up.ended;
      if (path === '/dev/null') assert.deepEqual([io.up.state, io.sent], ['complete', 4]);
      else h.error(io.up.error, { code: 'ENOSPC', phase: 'write' });
    })(),
  );

  it(
    'reads a device without an end until it is closed',
    invariants(async (h) => {
      const fd = openSync('/dev/zero', 'r');
      const io = carry(h, fd);
      await h.until(() => io.bytes.length > 1_000_000);
      io.close();
      await io.up.ended;
      assert.deepEqual([io.story, isOpen(fd)], ['connected data complete', false]);
    }),
  );
});

describe('fromFh: FileHandle', () => {
  it.each(['r', 'w', 'r+'])('carries one opened for %s, and closes it', (flags) =>
    invariants(async (h) => {
      const path = file('old ');
      const handle = await open(path, flags);
      const io = carry(h, handle);
      if (flags !== 'w') await io.saw('end');
      if (flags !== 'r') io.write('new');
      io.end();
      await io.up.ended;
      const expected = { r: ['old ', 'old '], w: ['', 'new'], 'r+': ['old ', 'old new'] }[flags];
      assert.deepEqual([io.text, readFileSync(path, 'utf8')], expected);
      assert.deepEqual([io.up.state, handle.fd], ['complete', -1]);
    })(),
  );

  it(
    'holds it until it is closed: the collector never has to',
    invariants(async (h) => {
      const wire = fromFh(await open(file('content'), 'r'));
      for (let round = 0; round < 3; round += 1) {
        globalThis.gc?.();
        await turn();
      }
      const io = new WireDriver(h, wire);
      await io.up.ended;
      assert.equal(io.text, 'content');
    }),
  );

  it(
    'closes it when it is unsubscribed',
    invariants(async (h) => {
      const handle = await open(file('content'), 'r+');
      carry(h, handle).up.unsubscribe();
      await h.until(() => handle.fd === -1);
    }),
  );

  it(
    'errors when somebody else closes it',
    invariants(async (h) => {
      const handle = await open('/dev/zero', 'r');
      const io = carry(h, handle);
      io.pause();
      await handle.close();
      await io.up.ended;
      h.error(io.up.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
    }),
  );
});

/** Node runs on systems without FIFOs as well. */
const hasFifo = spawnSync('mkfifo', ['--version']).error === undefined;

describe.runIf(hasFifo)('fromFh: FIFOs', () => {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_RDWR } = constants;
  let path: string;
  beforeAll(() => {
    path = fresh();
    execFileSync('mkfifo', [path]);
  });

  it(
    'carries bytes from end to end, and the end',
    invariants(async (h) => {
      const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
      const [from, to] = [carry(h, out), carry(h, into)];
      const bytes = randomBytes(1_000_000);
      to.write(bytes);
      to.end();
      await Promise.all([from.up.ended, to.up.ended]);
      assert.deepEqual([from.story, to.up.state, to.sent], ['connected data end complete', 'complete', bytes.length]);
      h.sameBytes(from.bytes, bytes);
      assert.deepEqual([isOpen(out), isOpen(into)], [false, false]);
    }),
  );

  it(
    'pauses and resumes, back to the writer',
    invariants(async (h) => {
      const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
      const [from, to] = [carry(h, out), carry(h, into)];
      const bytes = randomBytes(1_000_000);
      from.pause();
      to.write(bytes);
      await to.saw('pause');
      assert.ok(to.sent < bytes.length);
      from.resume();
      await to.saw('resume');
      to.close();
      await from.up.ended;
      h.sameBytes(from.bytes, bytes);
    }),
  );

  it(
    'closes one that is open both ways at once: no peer answers with a FIN',
    invariants(async (h) => {
      const io = carry(h, openSync(path, O_RDWR | O_NONBLOCK));
      io.write('to myself');
      await io.saw('data');
      const start = performance.now();
      io.close();
      await io.up.ended;
      assert.ok(performance.now() - start < 1000);
      assert.deepEqual([io.text, io.sent, io.up.state], ['to myself', 9, 'complete']);
    }),
  );

  it(
    'gives EPIPE when nobody reads any more',
    invariants(async (h) => {
      const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
      const [from, to] = [carry(h, out), carry(h, into)];
      from.close();
      await from.up.ended;
      to.write('x');
      await to.up.ended;
      h.error(to.up.error, { code: 'EPIPE', phase: 'write' });
    }),
  );

  it(
    'carries FileHandles, and frees them at once while nothing comes',
    invariants(async (h) => {
      const both = openSync(path, O_RDWR | O_NONBLOCK);
      const [out, into] = [await open(path, 'r'), await open(path, 'w')];
      h.defer(() => closeSync(both));
      const [from, to] = [carry(h, out), carry(h, into)];
      to.write('hello');
      await from.saw('data');
      assert.deepEqual([from.text, to.sent], ['hello', 5]);
      to.end();
      await to.up.ended;
      from.up.unsubscribe();
      await h.until(() => out.fd === -1 && into.fd === -1);
    }),
  );
});
