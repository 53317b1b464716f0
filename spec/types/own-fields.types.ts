/** Lines that must compile, and lines that must not: `tsc -p tsconfig.check.json` is the test. Nothing here runs. */
import { EOF, IN, IOStream, passthrough, type Callback, type EventMask, type IOStreamError, type IOStreamOptions } from 'rxjs-io-stream';

declare function use(value: unknown): void;
declare class Listener {
  static IO(): void;
  readonly count: number;
}
const place = { host: '127.0.0.1', port: 7 };

export function ownFields(): void {
  const io = new IOStream({ ...place, Count: 0, Name: 'x', Tags: ['a'] as readonly string[], Maybe: undefined as Date | undefined });
  const count: number = io.Count;
  const name: string = io.Name;
  const tags: readonly string[] = io.Tags;
  io.Count += 1;
  io.Maybe = new Date(count + name.length + tags.length);
  const foreign = new IOStream({ ...place, Élan: 1, Ωmega: 'x' });
  foreign.Élan += foreign.Ωmega.length;
  // @ts-expect-error: passed as a number
  io.Count = 'one';
  // @ts-expect-error: no such option was passed
  use(io.Missing);
  // @ts-expect-error: only names with a capital are the user's
  use(new IOStream({ ...place, count: 0 }).count);
  // @ts-expect-error: a capital of any alphabet, but a capital
  use(new IOStream({ ...place, élan: 0 }).élan);
  // @ts-expect-error: no capital either
  use(new IOStream({ ...place, _Count: 0 })._Count);
}

export function callbacks(): void {
  new IOStream({
    ...place,
    waitFor: IN | EOF,
    Count: 0,
    cb: (io, mask, error) => {
      const whole: EventMask = mask;
      const reason: IOStreamError | undefined = error;
      io.Count += io.inBuf.length + whole;
      io.write(reason?.code ?? 'fine');
      // @ts-expect-error: passed as a number
      io.Count = 'one';
      // @ts-expect-error: no such option was passed
      use(io.Missing);
    },
  });
  const plain: Callback = (io, mask) => void io.write(String(mask));
  const io = new IOStream({ ...place, Count: 0, cb: plain });
  io.cb = { IO: () => {} };
  io.cb = Listener;
  // @ts-expect-error: neither a function nor an object
  io.cb = 'main';
}

export function fields(): void {
  const io = new IOStream({ ...place, plugin: { noop: passthrough() } });
  const bytes: Buffer = io.inBuf;
  io.inBuf = 'text';
  io.inBuf = new Uint8Array(bytes.length);
  io.outBuf = Buffer.from('x');
  io.outPos = undefined;
  io.inBytes = io.outBytes = 0;
  io.timeouts = { write: 100 };
  const ip: string | undefined = io.ip;
  const sent: boolean = io.write(ip);
  io.write(new DataView(new ArrayBuffer(sent ? 1 : 2)));
  // @ts-expect-error: neither text nor bytes
  io.write(5);
  // @ts-expect-error: an array of numbers is no bytes
  io.write([1, 2, 3]);
  // @ts-expect-error: read only
  io.plugin = {};
  // @ts-expect-error: read only
  io.host = 'elsewhere';
  // @ts-expect-error: read only
  io.state = 'open';
}

export function options(): void {
  // @ts-expect-error: a port is a number
  new IOStream({ host: 'localhost', port: '80' });
  // @ts-expect-error: a mask is a number
  new IOStream({ ...place, waitFor: 'IN' });
  // @ts-expect-error: a plugin is a function of a wire
  new IOStream({ ...place, plugin: { noop: {} } });
  const either = Math.random() > 0.5 ? place : { path: '/run/x.sock' };
  new IOStream({ ...either, Count: 0 }).Count += 1;
  const prepared: IOStreamOptions = { ...place, waitFor: IN };
  new IOStream({ ...prepared, Count: 0 }).Count += 1;
  new IOStream(prepared);
  new IOStream({ ...place, plugin: [['noop', passthrough()]] });
  new IOStream({ path: '/run/x.sock', outBuf: new Float64Array(1) });
  new IOStream({ fh: process.stdin, waitFor: IN });
  new IOStream({ fh: 0 });
}
