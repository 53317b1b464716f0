import { once } from 'node:events';
import { openSync } from 'node:fs';
import { Duplex, PassThrough, Readable, Writable, type DuplexOptions } from 'node:stream';
import { EMPTY } from 'rxjs';
import { describe, expect } from 'vitest';
import { fromFh, type Fh } from '../../../src/wire/fh/fh.ts';
import { WireDriver, dialOf } from '../../support/wire-driver.ts';
import { pair, textOf } from '../../support/fh-peers.ts';
import type { Harness } from '../../support/harness.ts';
import { spec } from '../../support/spec.ts';

const carry = (h: Harness, fh: Fh): WireDriver => new WireDriver(h, fromFh(fh));

describe('fromFh: streams', () => {
  spec('does nothing before it is subscribed', () => {
    const fh = new PassThrough();
    const before = fh.eventNames().length;
    fromFh(fh)(dialOf());
    expect([fh.eventNames().length, fh.readableFlowing]).toStrictEqual([before, null]);
    fh.destroy();
  });

  spec('carries a Duplex', async (h) => {
    const io = carry(h, new PassThrough());
    io.write('echo');
    io.end();
    await io.up.ended;
    expect([io.text, io.sent, io.up.state]).toStrictEqual(['echo', 4, 'complete']);
    expect(io.summary.includes('end')).toBe(true);
  });

  spec('carries a Readable', async (h) => {
    const io = carry(h, Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false }));
    await io.up.ended;
    expect([io.summary, io.text]).toStrictEqual(['connected data end complete', 'ab']);
  });

  spec('carries a Writable, and emits no end for the direction it never had', async (h) => {
    const got: Buffer[] = [];
    const writable = new Writable({ write: (chunk: Buffer, _, done) => (got.push(chunk), setImmediate(done)) });
    const io = carry(h, writable);
    io.write('abc');
    io.end();
    await io.up.ended;
    expect([io.summary, io.sent, Buffer.concat(got).toString()]).toStrictEqual(['connected sent complete', 3, 'abc']);
  });

  spec('pauses its application while a Writable is full', async (h) => {
    const dones: (() => void)[] = [];
    const fh = new Writable({ highWaterMark: 4, write: (_chunk, _, done) => void dones.push(done) });
    const io = carry(h, fh);
    io.write('abcd');
    io.write('ef');
    expect(io.summary).toBe('connected pause');
    dones.shift()?.();
    await io.waitFor('sent');
    expect(io.sent).toBe(4);
    dones.shift()?.();
    await io.waitFor('resume');
    expect(io.sent).toBe(6);
  });

  spec('emits no end for a Duplex that never could be read', async (h) => {
    const io = carry(h, new Duplex({ readable: false, write: (_chunk, _, done) => done() } as DuplexOptions));
    io.write('abc');
    io.end();
    await io.up.ended;
    expect([io.summary, io.sent]).toStrictEqual(['connected sent complete', 3]);
  });

  spec('emits the end of a Duplex whose input has ended before', async (h) => {
    const fh = new Duplex({ read() {}, write: (_chunk, _, done) => done() });
    fh.push(null);
    await once(fh.resume(), 'end');
    const io = carry(h, fh);
    expect(io.summary).toBe('connected end');
    io.write('a');
    io.end();
    await io.up.ended;
    expect([io.summary, io.sent]).toStrictEqual(['connected end sent complete', 1]);
  });

  spec('reads a Duplex that was ended before; writing to it errors with EPIPE', async (h) => {
    const { fh, peer } = await pair(h, 'accepted');
    fh.end('ours');
    const io = carry(h, fh);
    peer.end('theirs');
    await io.up.ended;
    expect([io.summary, io.text, await textOf(peer)]).toStrictEqual(['connected data end complete', 'theirs', 'ours']);

    const second = await pair(h, 'accepted');
    second.fh.end();
    const other = carry(h, second.fh);
    other.write('x');
    h.error(other.up.error, { code: 'EPIPE', phase: 'write', fatal: true });
  });

  spec.each([
    ['a Readable', () => new Readable({ read() {} })],
    ['a Duplex that cannot be written', () => new Duplex({ writable: false, read() {} } as DuplexOptions)],
    ['a descriptor that is read-only', () => openSync('/dev/zero', 'r')],
  ])('errors with EBADF when %s is written to', (h, _name, make) => {
    const io = carry(h, make());
    io.end();
    expect(io.up.state).toBe('open');
    io.write('x');
    h.error(io.up.error, { code: 'EBADF', phase: 'write', fatal: true });
  });

  spec('errors with the error of a stream, after the bytes before it', async (h) => {
    const fh = new PassThrough();
    const io = carry(h, fh);
    fh.push('before');
    await io.waitFor('data');
    fh.destroy(Object.assign(new Error('no'), { code: 'EIO', syscall: 'read' }));
    await io.up.ended;
    expect(io.summary).toBe('connected data error');
    h.error(io.up.error, { code: 'EIO', phase: 'read' });
  });

  spec('errors when other code closes the stream', async (h) => {
    const fh = new PassThrough();
    const io = carry(h, fh);
    fh.destroy();
    await io.up.ended;
    h.error(io.up.error, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  });

  spec('destroys the stream at once when it is unsubscribed, and leaves no listener', async (h) => {
    const fh = new PassThrough();
    const before = fh.eventNames().length;
    const io = carry(h, fh);
    io.up.unsubscribe();
    expect(fh.destroyed).toBe(true);
    await once(fh, 'close');
    expect(fh.eventNames().length).toBe(before);
  });

  spec('closes the stream when the flow has ended before the subscription', (h) => {
    const fh = new PassThrough();
    expect(h.observed(EMPTY.pipe(fromFh(fh)(dialOf()))).state).toBe('complete');
    expect(fh.destroyed).toBe(true);
  });

  spec('can be subscribed once, and a second subscription does not disturb the first', (h) => {
    const fh = new PassThrough();
    const wire = fromFh(fh);
    const first = new WireDriver(h, wire);
    h.error(new WireDriver(h, wire).up.error, { code: 'EALREADY', phase: 'connect' });
    expect([first.summary, fh.destroyed]).toStrictEqual(['connected', false]);
  });
});
