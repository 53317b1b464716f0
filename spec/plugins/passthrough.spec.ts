import { EMPTY, NEVER, of, throwError, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { passthrough } from '../../src/plugins/passthrough.ts';
import { testDial } from '../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME, type Flow, type Up, type Wire } from '../../src/wire/signal.ts';
import { data, inWords, sent } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';

const WHY = new Error('why');

const echo: Wire = () => (flow$) => flow$;

function run(flow$: Observable<Flow>): unknown[] {
  const log: unknown[] = [];
  flow$.pipe(passthrough()(echo)(testDial())).subscribe({
    next: (signal) => log.push(...inWords([signal])),
    error: (error: unknown) => log.push(error),
    complete: () => log.push('complete'),
  });
  return log;
}

describe('passthrough', () => {
  it('passes on never, empty, one, many, an error', () => {
    expect(run(NEVER)).toEqual([]);
    expect(run(EMPTY)).toEqual(['complete']);
    expect(run(of(data('a')))).toEqual(['data a', 'complete']);
    expect(run(of(data('a'), PAUSE, data('b'), RESUME, END))).toEqual(['data a', 'pause', 'data b', 'resume', 'end', 'complete']);
    expect(run(throwError(() => WHY))).toEqual([WHY]);
  });

  it('passes on the very signals, both ways', () => {
    const driver = new PluginDriver(passthrough());
    const down: Flow[] = [data('a'), PAUSE, RESUME, END];
    const up: Up[] = [{ kind: 'connected', details: [] }, data('b'), sent(1), PAUSE, RESUME, { kind: 'end', truncated: true }];
    for (const signal of down) driver.app.next(signal);
    driver.wire.emit(...up);
    driver.wire.down.forEach((signal, index) => expect(signal).toBe(down[index]));
    driver.up.forEach((signal, index) => expect(signal).toBe(up[index]));
    expect([driver.wire.down.length, driver.up.length]).toEqual([4, 6]);
  });

  it('passes on completion, errors and unsubscribe, both ways', () => {
    const rides = Array.from({ length: 5 }, () => new PluginDriver(passthrough()));
    rides[0]?.app.complete();
    rides[1]?.app.error(WHY);
    rides[2]?.unsubscribe();
    rides[3]?.wire.complete();
    rides[4]?.wire.fail(WHY);
    expect(rides.map(({ state, wire }) => [state, wire.flow])).toEqual([
      ['open', 'complete'],
      ['error', 'error'],
      ['unsubscribed', 'unsubscribed'],
      ['complete', 'unsubscribed'],
      ['error', 'unsubscribed'],
    ]);
    expect(rides.map(({ app }) => app.observed)).toEqual([false, false, false, false, false]);
  });

  it('dials the wire below with the same dial at each subscription', () => {
    const dial = testDial({ to: { host: 'h', port: 1 }, layer: 'noop' });
    const plugin = passthrough();
    expect([new PluginDriver(plugin, { dial }), new PluginDriver(plugin, { dial })].map(({ wire }) => wire.dials)).toEqual([
      [dial],
      [dial],
    ]);
  });
});
