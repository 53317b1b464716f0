import { framed, lines, ndjson, requests } from 'rxjs-io-stream';
import { Clock, COUNTS, expectCount, open, times, turns, type GrowthRow } from './growth-tools.ts';

/** Rows of messages and requests. */
export const messageRows: readonly GrowthRow[] = [
  {
    name: 'parked requests, answered newest first',
    sizes: COUNTS,
    async run(units) {
      const { io, emit } = await open();
      const { request } = requests(framed(io, ndjson<{ id: number }>({ maxLength: 100 })), { maxPending: units, match: ({ id }) => id });
      let replies = 0;
      times(units, (id) => request({ id }).subscribe(() => (replies += 1)));
      await turns();
      const text = Array.from({ length: units }, (_, at) => `{"id":${units - 1 - at}}\n`).join('');
      emit({ kind: 'data', bytes: Buffer.from(text) });
      await turns();
      expectCount(replies, units);
      io.reset();
    },
  },
  {
    name: 'parked requests that time out one by one',
    sizes: COUNTS,
    async run(units) {
      const scheduler = new Clock();
      const { io } = await open({ scheduler });
      const { request } = requests(framed(io, lines({ maxLength: 100 })), { maxPending: units, timeout: units });
      let errors = 0;
      times(units, (now) => {
        scheduler.advance(now);
        request('q').subscribe({ error: () => (errors += 1) });
      });
      times(units + 1, (now) => scheduler.advance(units + now));
      expectCount(errors, units);
      io.reset();
    },
  },
  {
    name: 'frames in a chunk',
    sizes: COUNTS,
    async run(units) {
      const { io, emit } = await open();
      let messages = 0;
      framed(io, lines({ maxLength: 100 })).messages$.subscribe({ next: () => (messages += 1), error: () => {} });
      await turns();
      emit({ kind: 'data', bytes: Buffer.from('hello\n'.repeat(units)) });
      await turns();
      expectCount(messages, units);
      io.reset();
    },
  },
];
