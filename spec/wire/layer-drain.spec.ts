import { catchError, concat, EMPTY, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Plugin, Up } from '../../src/wire/signal.ts';
import { data, inWords } from '../support/signal-text.ts';
import { PluginDriver } from '../support/plugin-driver.ts';
import { plugin } from '../support/layer-tools.ts';

const boom = (): never => {
  throw new Error('boom');
};

describe('a layer with buffered bytes when the wire ends', () => {
  /** Holds data until it is resumed, and then the end of Up. */
  const holding = (freed: () => void = () => {}): Plugin =>
    plugin(({ up, ...ports }) => {
      const held: Up[] = [];
      let end: (() => void) | undefined;
      return {
        up: (signal) => void held.push(signal),
        down: (signal) => {
          ports.down.next(signal);
          if (signal.kind !== 'resume') return;
          for (const signal of held.splice(0)) up.next(signal);
          end?.();
        },
        drain: (then) => {
          end = then;
          if (held.length === 0) end();
        },
        free: freed,
      };
    });
  const ends: readonly [string, (driver: PluginDriver) => void, Pick<PluginDriver, 'state' | 'error'>][] = [
    ['is done', ({ wire }) => wire.complete(), { state: 'complete', error: undefined }],
    ['has failed', ({ wire }) => wire.fail(new Error('gone')), { state: 'error', error: new Error('gone') }],
  ];

  describe.each(ends)('which %s', (_, over, outcome) => {
    const waiting = (freed?: () => void, plugin = holding(freed)): PluginDriver => {
      const driver = new PluginDriver(plugin);
      driver.wire.emit(data('held'));
      over(driver);
      expect([driver.state, driver.up, driver.wire.freed, driver.app.observed]).toEqual(['open', [], true, true]);
      return driver;
    };

    it('ends Up at once when its buffer is empty', () => {
      const driver = new PluginDriver(holding());
      over(driver);
      expect(driver).toMatchObject(outcome);
    });

    it('still receives outbound signals, and ends Up as the wire ended', () => {
      const driver = waiting();
      driver.app.next({ kind: 'pause' });
      driver.app.next(data('late'));
      expect([driver.state, driver.wire.down]).toEqual(['open', []]);
      driver.app.next({ kind: 'resume' });
      expect([inWords(driver.up), driver.app.observed]).toEqual([['data held'], false]);
      expect(driver).toMatchObject(outcome);
    });

    it('drops its buffer when the application closes, and Up ends as the wire ended', () => {
      const driver = waiting();
      driver.app.complete();
      expect(driver.up).toEqual([]);
      expect(driver).toMatchObject(outcome);
    });

    it('drops its buffer when the application resets, and Up errors with the reason', () => {
      const driver = waiting();
      driver.app.error(new Error('enough'));
      expect(driver).toMatchObject({ up: [], state: 'error', error: new Error('enough') });
    });

    it('still receives outbound signals when the wire has unsubscribed from its flow before', () => {
      const early: Plugin = (wire) => (dial) => (flow$) =>
        concat(
          flow$.pipe(
            wire(dial),
            catchError((error: unknown) => throwError(() => error)),
          ),
          EMPTY,
        );
      const driver = waiting(undefined, (wire) => holding()(early(wire)));
      driver.app.next({ kind: 'resume' });
      expect(inWords(driver.up)).toEqual(['data held']);
      expect(driver).toMatchObject(outcome);
    });

    it('drains above another layer that drains', () => {
      const both = waiting(undefined, (wire) => holding()(holding()(wire)));
      both.app.next({ kind: 'resume' });
      expect(inWords(both.up)).toEqual(['data held']);
      expect(both).toMatchObject(outcome);
    });

    it.each<[string, (driver: PluginDriver) => void]>([
      ['all has gone up', ({ app }) => app.next({ kind: 'resume' })],
      ['the application closes', ({ app }) => app.complete()],
      ['the application resets', ({ app }) => app.error(new Error('enough'))],
      ['the subscriber leaves', (driver) => driver.unsubscribe()],
    ])('is freed once when %s', (_, leaves) => {
      let freed = 0;
      const driver = waiting(() => (freed += 1));
      expect(freed).toBe(0);
      leaves(driver);
      expect([freed, driver.app.observed]).toEqual([1, false]);
    });
  });

  it('emits its whole buffer when the wire ends from inside a signal of the layer', () => {
    const driver = new PluginDriver(holding());
    driver.wire.answer = ({ kind }) => kind === 'resume' && driver.wire.complete();
    driver.wire.emit(data('held'));
    driver.app.next({ kind: 'resume' });
    expect([inWords(driver.up), driver.state]).toEqual([['data held'], 'complete']);
  });

  it('errors Up with a throw in `drain`', () => {
    const driver = new PluginDriver(plugin(() => ({ drain: boom })));
    driver.wire.complete();
    expect(driver).toMatchObject({ state: 'error', error: new Error('boom') });
  });
});
