/** Lines that must compile, and lines that must not: `tsc -p tsconfig.check.json` and eslint are the test. Nothing here runs. */
import { repeat, retry, type Observable } from 'rxjs';
import { backoff, framed, lines, ndjson, persistent, requests, type IOStream, type Persistent, type RetryReport } from 'rxjs-io-stream';

declare const io: IOStream;
declare const either: IOStream | Persistent;
declare function use(value: unknown): void;

interface Call {
  readonly id: number;
}

/** Functions that are taken out of their objects break no rule about unbound methods. */
export function takenApart(): void {
  const { messages$, write, consume } = framed(io, lines({ maxLength: 64 }));
  const { request, unmatched$ } = requests(framed(io, ndjson<Call>({ maxLength: 64 })), { match: ({ id }) => id });
  const { write: writeBytes, close, stream$ } = persistent({ host: '127.0.0.1', port: 7 });
  const { decode, encode } = lines({ maxLength: 64 });
  use([messages$, write, consume, unmatched$, writeBytes, close, stream$, decode, encode]);
  const reply: Observable<Call> = request({ id: 1 });
  use(reply);
  // @ts-expect-error: a request has an id
  request({});
}

/** All fields of a status may be destructured. Its state narrows their types. */
export function statusOfAPersistentStream(line: Persistent): void {
  line.status$.subscribe(({ state, error, delay, io, attempt, target }) => use([state, error, delay, io, attempt, target?.host]));
  line.status$.subscribe((status) => {
    if (status.state === 'connected') status.io.write('hello');
    if (status.io) use(status.state satisfies 'connected');
    if (status.state === 'waiting') use(status.delay.toFixed());
    // @ts-expect-error: only a connected one has a stream
    status.io.write('hello');
    // @ts-expect-error: there is no such state
    use(status.state === 'closing');
  });
  persistent([{ host: '127.0.0.1', port: 7 }, { path: '/run/x' }] as const, {
    dial: 'demand',
    retryIf: (_, { target }) => target?.port === 7,
  });
  // @ts-expect-error: a target of a list is no function
  persistent([() => ({ host: '127.0.0.1', port: 7 })]);
}

export function ioHasTheTypeThatWasPassed(): void {
  const line: Persistent = framed(persistent({ host: '127.0.0.1', port: 7 }), lines({ maxLength: 64 })).io;
  const stream: IOStream = framed(io, lines({ maxLength: 64 })).io;
  use([line, stream, framed(either, lines({ maxLength: 64 })).io]);
  requests(framed(either, lines({ maxLength: 64 })));
  // @ts-expect-error: a persistent stream has no data$
  use(framed(persistent({ host: '127.0.0.1', port: 7 }), lines({ maxLength: 64 })).io.data$);
}

export function backoffConfiguresRepeatAndRetry(source$: Observable<Buffer>): Observable<Buffer> {
  const retryIf = (error: unknown, { attempt, failures, closed }: RetryReport): boolean =>
    !(error instanceof RangeError) && attempt + failures < 10 && closed?.by !== 'us';
  return source$.pipe(repeat(backoff()), retry({ ...backoff({ retryIf }), count: 3 }));
}
