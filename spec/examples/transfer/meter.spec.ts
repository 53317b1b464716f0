import { ignoreElements, merge, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { passthrough, type Flow, type Up } from '../../../src/index.ts';
import { testDial } from '../../../src/testing.ts';
import { Meter } from '../../../examples/transfer/meter.ts';

const data = (size: number): Flow => ({ kind: 'data', bytes: new Uint8Array(size) });

/** A meter above a wire whose signals the spec emits. */
function metered(): { meter: Meter; notes: string[]; flow$: Subject<Flow>; up$: Subject<Up> } {
  const notes: string[] = [];
  const [flow$, up$] = [new Subject<Flow>(), new Subject<Up>()];
  const layer = { label: 'TCP', plugin: passthrough(), describe: () => ['short', 'a sentence'] as const };
  const meter = new Meter(layer, (...note) => notes.push(note.join(': ')));
  const wire = meter.plugin(() => (outbound$) => merge(outbound$.pipe(ignoreElements()), up$));
  flow$.pipe(wire(testDial())).subscribe();
  return { meter, notes, flow$, up$ };
}

describe('Meter', () => {
  it('counts the bytes of both directions', () => {
    const { meter, flow$, up$ } = metered();
    of(data(3), data(4)).subscribe(flow$);
    up$.next(data(5));
    expect([meter.out, meter.in]).toEqual([7, 5]);
  });

  it('knows the most bytes that were unsent, since the last look and in all', () => {
    const { meter, flow$, up$ } = metered();
    for (const size of [10, 20]) flow$.next(data(size));
    up$.next({ kind: 'sent', bytes: 30 });
    flow$.next(data(5));
    expect([meter.unsent.recent(), meter.unsent.recent()]).toEqual([30, 0]);
    flow$.next(data(7));
    expect([meter.unsent.recent(), meter.unsent.highest()]).toEqual([12, 30]);
  });

  it('notes when the layer is connected', () => {
    const { meter, notes, up$ } = metered();
    expect([meter.isConnected, meter.fact]).toEqual([false, '']);
    up$.next({ kind: 'connected', details: [{}] });
    expect([meter.isConnected, meter.fact]).toEqual([true, 'short']);
    expect(notes).toEqual(['TCP: a sentence']);
  });
});
