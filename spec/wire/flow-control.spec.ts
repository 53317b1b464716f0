import { noop, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import type { LayerContext } from '../../src/wire/layer.ts';
import { guardedSubscriber } from '../../src/util/guarded-subscriber.ts';
import type { Flow, Up } from '../../src/wire/signal.ts';
import { FlowControl } from '../../src/wire/flow-control.ts';

/** A buffered direction that is full at 4, and resumes below 2. */
class Direction {
  held = 0;

  isFull(isPaused: boolean): boolean {
    return this.held >= (isPaused ? 2 : 4);
  }
}

/** A flow control between two sides that log what they receive. */
function controlled(answer: (signal: string) => void = noop): { control: FlowControl; down: Direction; up: Direction; log: string[] } {
  const log: string[] = [];
  const logged =
    (side: string) =>
    ({ kind }: Flow | Up): void => {
      log.push(`${side} ${kind}`);
      answer(`${side} ${kind}`);
    };
  const below = new Subject<Flow>();
  below.subscribe(logged('wire'));
  const above = { next: logged('app'), error: noop, complete: noop };
  const context: LayerContext = { up: guardedSubscriber<Up>(above), down: below, dial: testDial(), leave: noop };
  const [down, up] = [new Direction(), new Direction()];
  return { control: new FlowControl(context, down, up), down, up, log };
}

describe('FlowControl', () => {
  it('passes each request of a side to the other side once', () => {
    const { control, log } = controlled();
    for (const paused of [true, true, false, false]) {
      control.appPaused = paused;
      control.update();
    }
    control.wirePaused = true;
    control.update();
    expect(log).toStrictEqual(['wire pause', 'wire resume', 'app pause']);
  });

  it('pauses the side that fills a full buffer, until there is room', () => {
    const { control, down, up, log } = controlled();
    for (const held of [3, 4, 3, 2, 1, 3]) {
      down.held = held;
      control.update();
    }
    expect(log).toStrictEqual(['app pause', 'app resume']);
    up.held = 4;
    control.update();
    control.appPaused = true;
    up.held = 0;
    control.update();
    expect(log.slice(2)).toStrictEqual(['wire pause']);
  });

  it('signals each side once when a side answers from inside `next`', () => {
    const { control, down, up, log } = controlled(() => control.update());
    [down.held, up.held] = [4, 4];
    control.update();
    expect(log).toStrictEqual(['app pause', 'wire pause']);
  });
});
