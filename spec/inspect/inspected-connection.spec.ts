import { afterAll, describe, expect, it } from 'vitest';
import { IOStream } from 'rxjs-io-stream';
import { memoryPair } from 'rxjs-io-stream/testing';
import { InspectedConnection } from '../../src/inspect/inspected-connection.ts';
import { Paused } from '../../src/inspect/paused.ts';

const stream = new IOStream({ wire: memoryPair()[0], cb: () => {} });
afterAll(() => stream.reset());

const about = { id: 7, stream };

/** A connection that is dialled at 1000 ms. */
function dialled(): InspectedConnection {
  return new InspectedConnection({ ...about, role: 'client', target: { path: '/run/x' }, layers: [], startedAt: 0 }, 1000);
}

/** The report of a connection that was closed by us. */
const report = (bytesIn: number, bytesOut: number) => ({ by: 'us', bytesIn, bytesOut, unsent: 0, startedAt: 0, closedAt: 0 }) as const;

describe('a connection on the page', () => {
  it('keeps the last 120 samples, and 32 phases', () => {
    const connection = dialled();
    for (let tick = 1; tick <= 200; tick += 1) connection.sample(tick, 1000 + tick, 1, report(0, 0));
    for (let port = 1; port <= 100; port += 1) connection.attempt({ ...about, address: '::1', port, event: 'start' }, 1000);
    const { samples, phases } = connection.stateSince(0);
    expect([samples.length, samples[0]?.[0], samples.at(-1)?.[0]]).toEqual([120, 81, 200]);
    expect(phases).toHaveLength(32);
    expect(phases[0]).toEqual({ name: 'connect [::1]:1', start: 0 });
  });

  it('counts bytes a second by the time that has passed', () => {
    const connection = dialled();
    connection.sample(1, 3000, 2000, report(10_000, 500));
    connection.sample(2, 3500, 500, report(10_000, 600));
    expect(connection.stateSince(-1).samples.map((sample) => sample.slice(1, 3))).toEqual([
      [5000, 250],
      [0, 200],
    ]);
  });

  it('shows the last sample, and no later one, when it is closed', () => {
    const connection = dialled();
    connection.pause('in', 1000);
    connection.ended({ ...about, report: report(100, 0) }, 1, 2000, 1000);
    connection.sample(2, 3000, 1000);
    const { samples, state, closed, isPaused } = connection.stateSince(-1);
    expect({ samples, state, closed, isPaused }).toEqual({
      samples: [[1, 100, 0, 0, 0, 1, 0]],
      state: 'closed',
      closed: 2000,
      isPaused: { in: false, out: false },
    });
  });

  it('ends the phase that has started last under the same name', () => {
    const connection = dialled();
    connection.handshake({ ...about, layer: 'ssl', event: 'start' }, 1010);
    connection.handshake({ ...about, layer: 'ssl', event: 'done' }, 1030);
    connection.handshake({ ...about, layer: 'proxy', event: 'failed', error: new Error('refused') }, 1040);
    connection.resolved({ ...about, host: 'x.test', ip: '::1', duration: 5 }, 1005);
    expect(connection.stateSince(-1).phases).toEqual([
      { name: 'ssl', start: 10, end: 30 },
      { name: 'proxy', start: 40, end: 40, error: 'refused' },
      { name: 'resolve x.test', start: 0, end: 5 },
    ]);
  });
});

describe('the paused share of an interval', () => {
  it('adds up pauses, and splits one that goes on', () => {
    const paused = new Paused();
    paused.start(100);
    paused.start(150); // is paused already
    paused.end(200);
    paused.end(250);
    paused.start(900);
    expect(paused.share(1000, 1000)).toBe(0.2);
    expect(paused.isPaused).toBe(true);
    expect(paused.share(2000, 1000)).toBe(1);
    paused.end(2250);
    expect(paused.share(3000, 1000)).toBe(0.25);
    expect(paused.share(4000, 1000)).toBe(0);
  });
});
