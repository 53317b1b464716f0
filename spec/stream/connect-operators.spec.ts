import { concatMap, firstValueFrom, race, repeat, retry, Subject, switchMap, takeUntil, timeout, TimeoutError, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect } from 'rxjs-io-stream';
import { spec } from '../support/spec.ts';
import { deadPort } from '../support/loopback.ts';
import { echo, host, knock, peer, text } from './connect-tools.ts';
import { turns } from './tools.ts';

describe('connect with the operators of RxJS', () => {
  spec('dials again with `retry`, and calls a function of options at each subscription', async (h) => {
    const { to } = await peer(h, echo);
    const addresses = [{ host, port: await deadPort() }, { host, port: await deadPort() }, to];
    const io$ = connect(() => ({ ...(addresses.shift() ?? to), outBuf: 'hello' })).pipe(retry({ count: 2, delay: 1 }));
    expect(addresses).toHaveLength(3);
    const seen = h.observed(io$.pipe(switchMap((io) => io.data$)));
    expect(text(await seen.value())).toBe('hello');
    expect(addresses).toHaveLength(0);
  });

  spec('continues to read with `retry` after a reset', async (h) => {
    const { to, sockets } = await peer(h, (socket) => void socket.write(`${sockets.length}`));
    const seen = h.observed(
      connect(to).pipe(
        switchMap((io) => io.data$),
        retry({ delay: 1 }),
      ),
    );
    for (let each = 1; each <= 3; each += 1) {
      await h.until(() => seen.values.length === each, 'the greeting');
      sockets.at(-1)?.resetAndDestroy();
    }
    expect(seen.values.slice(0, 3).map(text)).toEqual(['1', '2', '3']);
  });

  spec('dials again with `repeat` when the peer has ended', async (h) => {
    const { to } = await peer(h, (socket) => void socket.end('once'));
    const seen = await h.observed(
      connect(to).pipe(
        switchMap((io) => io.data$),
        repeat(3),
      ),
    ).ended;
    expect(seen.state).toBe('complete');
    expect(text(Buffer.concat(seen.values))).toBe('onceonceonce');
  });

  spec('cancels with `timeout` a connection that takes too long', async (h) => {
    const { to, ended } = await peer(h);
    const seen = await h.observed(connect({ ...to, plugin: { never: knock('?') } }).pipe(timeout({ first: 30 }))).ended;
    expect(seen.error).toBeInstanceOf(TimeoutError);
    await h.until(() => ended.size === 1, 'the peer receives the end');
  });

  spec('keeps with `race` the stream that connects first, and closes the other', async (h) => {
    const [slow, fast] = [await peer(h), await peer(h)];
    const seen = h.observed(race(connect({ ...slow.to, plugin: { slow: knock('?') } }), connect(fast.to)));
    expect((await seen.value()).remotePort).toBe(fast.port);
    await h.until(() => slow.ended.size === slow.sockets.length, 'the other connection is closed');
    expect(fast.ended.size).toBe(0);
  });

  spec('closes the stream with `takeUntil`', async (h) => {
    const stop = new Subject<void>();
    const { to, ended } = await peer(h, echo);
    const seen = h.observed(connect(to).pipe(takeUntil(stop)));
    const io = await seen.value();
    stop.next();
    expect([seen.state, io.state]).toEqual(['complete', 'open']);
    await Promise.resolve();
    expect(io.state).toBe('closing');
    await h.until(() => ended.size === 1 && io.state === 'closed', 'FIN');
  });

  spec('closes the previous stream with `switchMap`', async (h) => {
    const turns = new Subject<number>();
    const { to, ended } = await peer(h, echo);
    const seen = h.observed(turns.pipe(switchMap(() => connect(to))));
    turns.next(1);
    const first = await seen.value();
    turns.next(2);
    await Promise.resolve();
    expect(first.state).toBe('closing');
    await h.until(() => seen.values.length === 2 && ended.size === 1, 'the second, and the end of the first');
    expect(seen.values[1]?.state).toBe('open');
  });

  spec('closes the stream with `firstValueFrom`, after its queued bytes are sent', async (h) => {
    const received: Buffer[] = [];
    const { to } = await peer(h, (socket) => void socket.on('data', (bytes) => received.push(bytes)).on('end', () => socket.end()));
    const io = await firstValueFrom(connect({ ...to, outBuf: 'queued' }));
    await turns();
    expect(io.state).not.toBe('open');
    expect(io.write('more')).toBe(false);
    await firstValueFrom(io.closed$);
    expect(text(Buffer.concat(received))).toBe('queued');
  });

  spec('sends a request and reads its answer with `concatMap`', async (h) => {
    const { to } = await peer(h, echo);
    const answer$ = connect(to).pipe(
      concatMap((io) => {
        io.end('question');
        return io.data$.pipe(toArray());
      }),
    );
    const seen = await h.observed(answer$).ended;
    expect(seen.state).toBe('complete');
    expect(text(Buffer.concat(seen.values.flat()))).toBe('question');
  });
});
