import { config, defer, map, mergeMap, of, take, type Observable } from 'rxjs';
import { describe, expect } from 'vitest';
import { connect, converse, framed, type IOStream, lines, open, relay, requests } from 'rxjs-io-stream';
import { serving } from '../support/clients.ts';
import { type Harness } from '../support/harness.ts';
import { spec } from '../support/spec.ts';
import { serve } from './tools.ts';

const host = '127.0.0.1';
const codec = lines({ maxLength: 100 });

/** RxJS marks the option as deprecated, but programs still use it. */
function useDeprecatedNextContext(h: Harness): void {
  Object.assign(config, { useDeprecatedNextContext: true });
  h.defer(() => Object.assign(config, { useDeprecatedNextContext: false }));
}

describe('the deprecated next context of RxJS', () => {
  spec.each<[string, (io: IOStream, h: Harness) => Observable<unknown>]>([
    ['data$', (io) => io.data$.pipe(map((each) => each.toString()))],
    ['consume', (io) => io.consume((each) => of(each.toString()))],
    ['messages$', (io) => framed(io, codec).messages$],
    [
      'request',
      (io) =>
        requests(framed(io, codec))
          .request('x')
          .pipe(map(() => 'line')),
    ],
    ['converse', (io) => converse(io, (link) => link.readUntil('\n', 100))],
    ['send', (io) => io.send([])],
    ['for await', (io) => defer(() => io[Symbol.asyncIterator]().next())],
  ])('changes nothing for %s', async (h, _, read) => {
    useDeprecatedNextContext(h);
    const port = await serve(h, (socket) => {
      socket.resume().on('end', () => socket.end());
      socket.write('line\n');
    });
    const seen = h.observed(connect({ host, port }, (io) => read(io, h).pipe(take(1))));
    expect([(await seen.ended).state, seen.values.length]).toStrictEqual(['complete', 1]);
  });

  spec('changes nothing for relay, listen and output', async (h) => {
    useDeprecatedNextContext(h);
    const back = await serving(h, (io) => io.send(io));
    const front = await serving(h, (io) => connect(back.at).pipe(mergeMap((other) => relay(io, other))), { allowHalfOpen: true });
    const io = await open(front.at);
    h.defer(() => io.reset());
    const seen = h.observed(io.data$);
    io.output.next('through');
    io.output.complete();
    h.sameBytes((await seen.ended).values, 'through');
  });
});
