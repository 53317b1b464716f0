import { Endpoint } from '../endpoint.ts';
import { FIVE_BYTES } from './wire-case.ts';
import type { WireRun } from './wire-run.ts';

export async function notSubscribed(test: WireRun): Promise<void> {
  const { clock, underTest } = test;
  underTest.wire(test.virtualDial());
  await test.settle();
  test.check(1, clock.scheduled === 0, 'the wire was not subscribed, and it scheduled an action');
  test.check(1, (underTest.dialled?.() ?? 0) === 0, 'the wire was not subscribed, and it dialled');
}

/** Subscribes twice to the same wire: two connections, or an error if the wire is single-use. */
export async function subscribedTwice(test: WireRun): Promise<void> {
  const { app, underTest, options } = test;
  const operator = underTest.wire(underTest.dial);
  const second = new Endpoint();
  const peer = await test.connected(app.subscribe(operator));
  second.subscribe(operator);
  try {
    if (options.singleUse) {
      await test.eventually(1, () => second.is('error'), 'the wire is single-use, and a second subscription did not error');
      return;
    }
    const secondPeer = await test.connected(second);
    const [head, tail] = [FIVE_BYTES.subarray(0, 2), FIVE_BYTES.subarray(2)];
    app.write(head);
    second.write(tail);
    await test.peerReceives(1, head, peer);
    await test.peerReceives(1, tail, secondPeer);
    app.unsubscribe();
    secondPeer.write(FIVE_BYTES);
    await test.appReceives(1, FIVE_BYTES, second);
  } finally {
    second.unsubscribe();
  }
}
