import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NEVER, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import type { Flow } from '../../src/wire/signal.ts';
import { unix } from '../../src/wire/unix.ts';
import { spec } from '../support/spec.ts';
import { socketContract } from '../support/socket-contract/socket-contract.ts';
import { listen, type SocketSite } from '../support/socket-contract/socket-site.ts';

const folder = mkdtempSync(join(tmpdir(), 'rxjs-io-stream-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const fresh = (): string => join(folder, `${(count += 1)}.sock`);

const site: SocketSite = { wire: unix(), at: () => ({ path: fresh() }), target: (path) => ({ path: path as string }), rst: false };

socketContract('unix', site);

describe('unix', () => {
  spec('reports the path it has connected to', async (h) => {
    const { to } = await listen(h, site);
    const seen = h.observed(NEVER.pipe(unix()(testDial({ to }))));
    expect(await seen.value()).toMatchObject({ kind: 'connected', details: [{ wire: 'unix', path: (to as { path: string }).path }] });
  });

  spec.each([
    ['ENOENT', 'when there is no such path', () => fresh()],
    [
      'ECONNREFUSED',
      'when nobody listens on it',
      () => {
        const path = fresh();
        writeFileSync(path, '');
        return path;
      },
    ],
  ])('errors with %s %s', async (h, code, _, make) => {
    const path = make();
    const seen = await h.observed(NEVER.pipe(unix()(testDial({ to: { path } })))).ended;
    h.error(seen.error, { code, phase: 'connect', fatal: true });
    expect(seen.error).toMatchObject({ name: 'IOStreamError', syscall: 'connect', address: path });
    expect(seen.values).toEqual([]);
  });

  spec('errors with an IOStreamError for a path that is too long', async (h) => {
    const path = join(folder, 'x'.repeat(200));
    const seen = await h.observed(NEVER.pipe(unix()(testDial({ to: { path } })))).ended;
    expect(seen.error).toMatchObject({ name: 'IOStreamError', code: 'ENAMETOOLONG', phase: 'connect', syscall: 'connect' });
  });

  spec('errors with ETOCONNECT after `timeouts.connect`', async (h) => {
    const { to } = await listen(h, site);
    const scheduler = new TestScheduler(() => {});
    const seen = h.observed(new Subject<Flow>().pipe(unix()(testDial({ to, scheduler, timeouts: { connect: 1000 } }))));
    scheduler.maxFrames = Infinity;
    scheduler.flush(); // all the time there is, before the kernel gets a turn
    h.error(seen.error, { code: 'ETOCONNECT', phase: 'connect' });
    expect((seen.error as Error).message).toContain('within 1000 ms');
  });

  it('errors with a TypeError when it is dialled without a path', () => {
    const errors: unknown[] = [];
    for (const to of [undefined, { host: '127.0.0.1', port: 1 }]) {
      NEVER.pipe(unix()(testDial({ to }))).subscribe({ error: (error: unknown) => errors.push(error) });
    }
    expect(errors.map(String)).toEqual([
      'TypeError: expected a target with a path for unix, got none',
      'TypeError: expected a target with a path for unix, got host and port',
    ]);
  });
});
