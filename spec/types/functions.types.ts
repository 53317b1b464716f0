/** Lines that must compile, and lines that must not: `tsc -p tsconfig.check.json` is the test. Nothing here runs. */
import { EMPTY, type Observable } from 'rxjs';
import { connect, converse, listen, open, type IOStream, type IOStreamOptions, type Server } from 'rxjs-io-stream';

declare function use(value: number): void;
declare function look(value: unknown): void;
const place = { host: '127.0.0.1', port: 7 };

export function ownFields(): void {
  connect({ ...place, Count: 0 }).subscribe((io) => use(io.Count));
  connect(() => ({ ...place, Count: 0 })).subscribe((io) => use(io.Count));
  void open({ ...place, Count: 0 }).then((io) => use(io.Count));
  listen({ port: 7, Count: 0 }, (io) => (use(io.Count), EMPTY)).subscribe(({ connections$ }) =>
    connections$.subscribe((io) => use(io.Count)),
  );
  // @ts-expect-error: no such option was passed
  connect({ ...place, Count: 0 }).subscribe((io) => look(io.Missing));
}

export function ownFieldsBesideCallbacks(): void {
  connect({ ...place, Count: 0, onEvent: ({ io }) => use(io.Count) }).subscribe((io) => use(io.Count));
  connect({ ...place, Count: 0, cb: (io) => use(io.Count) }).subscribe((io) => use(io.Count));
  void open({ ...place, Count: 0, onEvent: ({ io, mask }) => use(io.Count + mask) }).then((io) => use(io.Count));
  listen({ port: 7, Count: 0, onEvent: ({ io }) => use(io.Count) }, (io) => (use(io.Count), EMPTY));
}

export function aServerOfStreamsWithFieldsIsAServer(): Observable<Server> {
  return listen({ port: 7, Count: 0 }, (io) => (use(io.Count), EMPTY));
}

export function optionsMadeElsewhere(either: IOStreamOptions | (() => IOStreamOptions), options: IOStreamOptions): void {
  connect(either).subscribe((io: IOStream) => use(io.inBytes));
  connect(options);
  void open(options);
}

export function wrongOptionsDoNotCompile(): void {
  // @ts-expect-error: a number
  connect({ host: 'x', port: '7' });
  // @ts-expect-error: a handler returns an ObservableInput
  listen({ port: 7 }, () => {});
}

export function conversationsReturnTheirType(io: IOStream): void {
  const version$: Observable<number | undefined> = converse(io, function* (link) {
    link.send('hello');
    const [version] = yield* link.read(1);
    return version;
  });
  version$.subscribe();
}
