import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { testDial } from '../../src/testing/test-dial.ts';
import type { LayerContext } from '../../src/wire/layer.ts';
import { guardedSubscriber } from '../../src/util/guarded-subscriber.ts';
import type { Flow, Up } from '../../src/wire/signal.ts';
import { FlowControl } from '../../src/wire/flow-control.ts';

/** A lane of 4 that goes on at 2. */
class Lane {
  held = 0;

  isFull(waits: boolean): boolean {
    return this.held >= (waits ? 2 : 4);
  }
}

function steered(answer: (told: string) => void = () => {}): { steering: FlowControl; down: Lane; up: Lane; log: string[] } {
  const log: string[] = [];
  const tell =
    (who: string) =>
    ({ kind }: Flow | Up): void => {
      log.push(`${who} ${kind}`);
      answer(`${who} ${kind}`);
    };
  const below = new Subject<Flow>();
  below.subscribe(tell('wire'));
  const above = { next: tell('app'), error: () => {}, complete: () => {} };
  const ports: LayerContext = { up: guardedSubscriber<Up>(above), down: below, dial: testDial() };
  const [down, up] = [new Lane(), new Lane()];
  return { steering: new FlowControl(ports, down, up), down, up, log };
}

describe('FlowControl', () => {
  it('passes each request of a side to the other side once', () => {
    const { steering, log } = steered();
    for (const paused of [true, true, false, false]) {
      steering.appPaused = paused;
      steering.update();
    }
    steering.wirePaused = true;
    steering.update();
    expect(log).toStrictEqual(['wire pause', 'wire resume', 'app pause']);
  });

  it('pauses the side that fills a full buffer, until there is room', () => {
    const { steering, down, up, log } = steered();
    for (const held of [3, 4, 3, 2, 1, 3]) {
      down.held = held;
      steering.update();
    }
    expect(log).toStrictEqual(['app pause', 'app resume']);
    up.held = 4;
    steering.update();
    steering.appPaused = true;
    up.held = 0;
    steering.update();
    expect(log.slice(2)).toStrictEqual(['wire pause']);
  });

  it('signals each side once when a side answers from inside `next`', () => {
    const { steering, down, up, log } = steered(() => steering.update());
    [down.held, up.held] = [4, 4];
    steering.update();
    expect(log).toStrictEqual(['app pause', 'wire pause']);
  });
});
