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
  const ends: readonly [string, (ride: PluginDriver) => void, Pick<PluginDriver, 'state' | 'error'>][] = [
    ['is done', ({ wire }) => wire.complete(), { state: 'complete', error: undefined }],
    ['has failed', ({ wire }) => wire.fail(new Error('gone')), { state: 'error', error: new Error('gone') }],
  ];

  describe.each(ends)('which %s', (_, over, outcome) => {
    const waiting = (freed?: () => void, plugin = holding(freed)): PluginDriver => {
      const ride = new PluginDriver(plugin);
      ride.wire.emit(data('held'));
      over(ride);
      expect([ride.state, ride.up, ride.wire.freed, ride.app.observed]).toEqual(['open', [], true, true]);
      return ride;
    };

    it('ends Up at once when its buffer is empty', () => {
      const ride = new PluginDriver(holding());
      over(ride);
      expect(ride).toMatchObject(outcome);
    });

    it('still receives outbound signals, and ends Up as the wire ended', () => {
      const ride = waiting();
      ride.app.next({ kind: 'pause' });
      ride.app.next(data('late'));
      expect([ride.state, ride.wire.down]).toEqual(['open', []]);
      ride.app.next({ kind: 'resume' });
      expect([inWords(ride.up), ride.app.observed]).toEqual([['data held'], false]);
      expect(ride).toMatchObject(outcome);
    });

    it('drops its buffer when the application closes, and Up ends as the wire ended', () => {
      const ride = waiting();
      ride.app.complete();
      expect(ride.up).toEqual([]);
      expect(ride).toMatchObject(outcome);
    });

    it('drops its buffer when the application resets, and Up errors with the reason', () => {
      const ride = waiting();
      ride.app.error(new Error('enough'));
      expect(ride).toMatchObject({ up: [], state: 'error', error: new Error('enough') });
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
      const ride = waiting(undefined, (wire) => holding()(early(wire)));
      ride.app.next({ kind: 'resume' });
      expect(inWords(ride.up)).toEqual(['data held']);
      expect(ride).toMatchObject(outcome);
    });

    it('drains above another layer that drains', () => {
      const both = waiting(undefined, (wire) => holding()(holding()(wire)));
      both.app.next({ kind: 'resume' });
      expect(inWords(both.up)).toEqual(['data held']);
      expect(both).toMatchObject(outcome);
    });

    it.each<[string, (ride: PluginDriver) => void]>([
      ['all has gone up', ({ app }) => app.next({ kind: 'resume' })],
      ['the application closes', ({ app }) => app.complete()],
      ['the application resets', ({ app }) => app.error(new Error('enough'))],
      ['the subscriber leaves', (ride) => ride.unsubscribe()],
    ])('is freed once when %s', (_, leaves) => {
      let freed = 0;
      const ride = waiting(() => (freed += 1));
      expect(freed).toBe(0);
      leaves(ride);
      expect([freed, ride.app.observed]).toEqual([1, false]);
    });
  });

  it('emits its whole buffer when the wire ends from inside a signal of the layer', () => {
    const ride = new PluginDriver(holding());
    ride.wire.answer = ({ kind }) => kind === 'resume' && ride.wire.complete();
    ride.wire.emit(data('held'));
    ride.app.next({ kind: 'resume' });
    expect([inWords(ride.up), ride.state]).toEqual([['data held'], 'complete']);
  });

  it('errors Up with a throw in `drain`', () => {
    const ride = new PluginDriver(plugin(() => ({ drain: boom })));
    ride.wire.complete();
    expect(ride).toMatchObject({ state: 'error', error: new Error('boom') });
  });
});
