import { Observable } from 'rxjs';
import { describeValue } from '../util/describe.ts';
import type { Connection } from './connection.ts';
import { isSource, type SendSource } from './send-source.ts';
import { closedForWriting, Sending } from './sending.ts';

/** Implements `IOStream.send`. */
export function send(connection: Connection, source: SendSource): Observable<number> {
  if (!isSource(source))
    throw new TypeError(`expected an iterable, async iterable, Readable, Web stream or Observable to send, got ${describeValue(source)}`);
  return new Observable((out) => {
    if (connection.isClosed) {
      out.error(connection.errors.takeUnhandled() ?? closedForWriting(connection.lifetime.end?.error));
      return;
    }
    new Sending(connection, out).start(source);
  });
}
