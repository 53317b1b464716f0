// Lines that must compile, and lines that must not: the types of a pool.
import { of, type Observable } from 'rxjs';
import { pool, tlsClient, type IOStreamOptions, type Pool } from 'rxjs-io-stream';

const plain = pool({ connect: { host: '127.0.0.1', port: 7 } });
export const none$: Observable<undefined> = plain.use((_io, session) => of(session));
export const any: Pool = plain;

const own = pool({
  connect: { host: '127.0.0.1', port: 7, Count: 0, plugin: { tls: tlsClient({ servername: 'x' }) } },
  open: (io) => of({ at: io.Count, protocol: io.details.tls.protocol }),
  validate: (io, session) => of(session.at === io.Count),
});
export const number$: Observable<number> = own.use((io, session) => of(io.Count + session.at));

const made = pool({ connect: (): IOStreamOptions => ({ host: '127.0.0.1', port: 7 }) });
export const text$: Observable<string> = made.use((io) => of(io.ip ?? ''));

const counted = pool({ connect: () => ({ host: '127.0.0.1', port: 7, Count: 0 }) });
export const count$: Observable<number> = counted.use((io) => of(io.Count));

// @ts-expect-error -- a misspelt option
pool({ connect: { host: '127.0.0.1', port: 7 }, maxSize: 4 });
// @ts-expect-error -- a misspelt option of the connection
pool({ connect: { host: '127.0.0.1', prot: 7 } });
// @ts-expect-error -- no connection
pool({ max: 4 });
// @ts-expect-error -- a validation must emit booleans
pool({ connect: { host: '127.0.0.1', port: 7 }, validate: () => of('yes') });
// @ts-expect-error -- a handler must return an ObservableInput
plain.use(() => 7);
