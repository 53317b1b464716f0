import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, createReadStream, createWriteStream, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect } from 'vitest';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import { file, fresh, isOpen } from '../../support/fh-peers.ts';
import { type Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: files', () => {
  spec('reads a descriptor from its present position and closes it', async (h) => {
    const fd = openSync(file('skip rest'), 'r');
    readSync(fd, Buffer.alloc(5));
    const io = carry(h, fd);
    await io.up.ended;
    expect([io.summary, io.text, isOpen(fd)]).toStrictEqual(['connected data end complete', 'rest', false]);
  });

  spec('writes a descriptor at its present position and closes it', async (h) => {
    const path = fresh();
    const fd = openSync(path, 'w');
    writeSync(fd, 'one ');
    const io = carry(h, fd);
    io.write('two');
    io.end();
    await io.up.ended;
    expect([io.summary, io.sent, isOpen(fd)]).toStrictEqual(['connected sent complete', 3, false]);
    expect(readFileSync(path, 'utf8')).toBe('one two');
  });

  spec('reads and writes one descriptor, and closes it when both are through', async (h) => {
    const path = file('old ');
    const fd = openSync(path, 'r+');
    const io = carry(h, fd);
    await io.waitFor('end');
    expect(isOpen(fd)).toBe(true);
    io.write('new');
    io.end();
    await io.up.ended;
    expect([io.summary, io.text, io.sent, isOpen(fd)]).toStrictEqual(['connected data end sent complete', 'old ', 3, false]);
    expect(readFileSync(path, 'utf8')).toBe('old new');
  });

  spec('flushes what was given when the flow completes', async (h) => {
    const path = fresh();
    const bytes = randomBytes(3_000_000);
    const io = carry(h, openSync(path, 'w'));
    io.write(bytes);
    io.close();
    await io.up.ended;
    expect([io.up.state, io.sent]).toStrictEqual(['complete', bytes.length]);
    h.sameBytes(readFileSync(path), bytes);
  });

  spec.each(['r', 'w', 'r+', 'w+'])('closes a descriptor opened for %s when it is unsubscribed', async (h, flags) => {
    const fd = openSync(file('content'), flags);
    carry(h, fd).up.unsubscribe();
    await h.until(() => !isOpen(fd));
  });

  spec('pauses and resumes', async (h) => {
    const bytes = randomBytes(1_000_000);
    const io = carry(h, openSync(file(bytes), 'r'));
    io.pause();
    await wait(50);
    const early = io.bytes.length;
    expect(early <= 65536, `${early} bytes came after the pause`).toBe(true);
    io.resume();
    await io.up.ended;
    h.sameBytes(io.bytes, bytes);
  });

  spec('copies 5 MB from file to file', async (h) => {
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
    expect([from.up.state, to.up.state, to.sent]).toStrictEqual(['complete', 'complete', bytes.length]);
    expect(to.summary.includes('pause') && to.summary.includes('resume')).toBe(true);
    h.sameBytes(readFileSync(path), bytes);
  });

  spec('carries fs.ReadStream and fs.WriteStream once they are open', async (h) => {
    const path = fresh();
    const to = carry(h, createWriteStream(path));
    expect(to.summary).toBe('');
    await to.waitFor('connected');
    to.write('hello');
    to.end();
    await to.up.ended;
    const from = carry(h, createReadStream(path));
    await from.up.ended;
    expect([to.sent, from.summary, from.text]).toStrictEqual([5, 'connected data end complete', 'hello']);
  });

  spec('gives the error of a file that cannot be opened', async (h) => {
    const io = carry(h, createReadStream(fresh()));
    await io.up.ended;
    h.error(io.up.error, { code: 'ENOENT', phase: 'connect' });
    expect(io.summary).toBe('error');
  });

  spec.each(['/dev/null', '/dev/full'])('reads and writes %s', async (h, path) => {
    const io = carry(h, openSync(path, path === '/dev/null' ? 'r+' : 'w'));
    io.write('gone');
    io.end();
    await io.up.ended;
    if (path === '/dev/null') expect([io.up.state, io.sent]).toStrictEqual(['complete', 4]);
    else h.error(io.up.error, { code: 'ENOSPC', phase: 'write' });
  });

  spec('reads a device without an end until it is closed', async (h) => {
    const fd = openSync('/dev/zero', 'r');
    const io = carry(h, fd);
    await h.until(() => io.bytes.length > 1_000_000);
    io.close();
    await io.up.ended;
    expect([io.summary, isOpen(fd)]).toStrictEqual(['connected data complete', false]);
  });
});

describe('fromFh: FileHandle', () => {
  spec.each(['r', 'w', 'r+'])('carries one opened for %s, and closes it', async (h, flags) => {
    const path = file('old ');
    const handle = await open(path, flags);
    const io = carry(h, handle);
    if (flags !== 'w') await io.waitFor('end');
    if (flags !== 'r') io.write('new');
    io.end();
    await io.up.ended;
    const expected = { r: ['old ', 'old '], w: ['', 'new'], 'r+': ['old ', 'old new'] }[flags];
    expect([io.text, readFileSync(path, 'utf8')]).toStrictEqual(expected);
    expect([io.up.state, handle.fd]).toStrictEqual(['complete', -1]);
  });

  spec('keeps a reference to the handle until it is closed, so that it is not garbage-collected', async (h) => {
    const wire = fromFh(await open(file('content'), 'r'));
    for (let round = 0; round < 3; round += 1) {
      globalThis.gc?.();
      await turn();
    }
    const io = new WireDriver(h, wire);
    await io.up.ended;
    expect(io.text).toBe('content');
  });

  spec('closes it when it is unsubscribed', async (h) => {
    const handle = await open(file('content'), 'r+');
    carry(h, handle).up.unsubscribe();
    await h.until(() => handle.fd === -1);
  });

  spec('errors when other code closes the handle', async (h) => {
    const handle = await open('/dev/zero', 'r');
    const io = carry(h, handle);
    io.pause();
    await handle.close();
    await io.up.ended;
    h.error(io.up.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });
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

  spec('carries bytes from end to end, and the end', async (h) => {
    const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
    const [from, to] = [carry(h, out), carry(h, into)];
    const bytes = randomBytes(1_000_000);
    to.write(bytes);
    to.end();
    await Promise.all([from.up.ended, to.up.ended]);
    expect([from.summary, to.up.state, to.sent]).toStrictEqual(['connected data end complete', 'complete', bytes.length]);
    h.sameBytes(from.bytes, bytes);
    expect([isOpen(out), isOpen(into)]).toStrictEqual([false, false]);
  });

  spec('pauses and resumes, back to the writer', async (h) => {
    const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
    const [from, to] = [carry(h, out), carry(h, into)];
    const bytes = randomBytes(1_000_000);
    from.pause();
    to.write(bytes);
    await to.waitFor('pause');
    expect(to.sent).toBeLessThan(bytes.length);
    from.resume();
    await to.waitFor('resume');
    to.close();
    await from.up.ended;
    h.sameBytes(from.bytes, bytes);
  });

  spec('closes one that is open both ways at once: no peer answers with a FIN', async (h) => {
    // If it waited for a FIN, it would wait forever.
    const io = new WireDriver(h, fromFh(openSync(path, O_RDWR | O_NONBLOCK)), dialOf({ close: Infinity }));
    io.write('to myself');
    await io.waitFor('data');
    io.close();
    await io.up.ended;
    expect([io.text, io.sent, io.up.state]).toStrictEqual(['to myself', 9, 'complete']);
  });

  spec('errors with EPIPE when there is no reader any more', async (h) => {
    const [out, into] = [openSync(path, O_RDONLY | O_NONBLOCK), openSync(path, O_WRONLY | O_NONBLOCK)];
    const [from, to] = [carry(h, out), carry(h, into)];
    from.close();
    await from.up.ended;
    to.write('x');
    await to.up.ended;
    h.error(to.up.error, { code: 'EPIPE', phase: 'write' });
  });

  spec('carries FileHandles, and frees them at once while no bytes arrive', async (h) => {
    const both = openSync(path, O_RDWR | O_NONBLOCK);
    const [out, into] = [await open(path, 'r'), await open(path, 'w')];
    h.defer(() => closeSync(both));
    const [from, to] = [carry(h, out), carry(h, into)];
    to.write('hello');
    await Promise.all([from.waitFor('data'), to.waitFor('sent')]);
    expect([from.text, to.sent]).toStrictEqual(['hello', 5]);
    to.end();
    await to.up.ended;
    from.up.unsubscribe();
    await h.until(() => out.fd === -1 && into.fd === -1);
  });
});
