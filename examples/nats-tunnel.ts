// A tunnel through NATS to a service that no other machine can reach: clients of a local port are streams to the process beside the service.
//   npx tsx examples/nats-tunnel.ts inside --nats 127.0.0.1:4222 --target 127.0.0.1:5432
//   npx tsx examples/nats-tunnel.ts outside --nats 127.0.0.1:4222 --open 127.0.0.1:15432
// Every client that may publish on the subject reaches the service. Permissions of NATS and TLS as a plugin protect it.
import { connect as connectNats } from '@nats-io/transport-node';
import { connect, listen, relay, type Server } from 'rxjs-io-stream';
import { nats, natsListen, type NatsConnection } from 'rxjs-io-stream/nats';
import { from, map, switchMap, tap, type Observable } from 'rxjs';
import { parseCommandLine, runProgram, TEXT } from './support/command-line.ts';
import { parseTarget, type Target } from './support/target.ts';
import { untilInterrupted } from './support/until-interrupted.ts';

const subject = 'tunnel';

/** Connects each stream of the subject to the service. Several processes share the streams. */
export function inside(connection: NatsConnection, target: Target): Observable<Server> {
  return natsListen({ connection, subject, allowHalfOpen: true }, (stream) => connect(target, (service) => relay(stream, service)));
}

/** Opens a port, and connects each of its clients to the subject. */
export function outside(connection: NatsConnection, open: Target): Observable<Server> {
  return listen({ ...open, allowHalfOpen: true }, (client) =>
    connect({ wire: nats({ connection, subject }) }, (stream) => relay(client, stream)),
  );
}

function main(): void {
  const { values, positionals } = parseCommandLine({ nats: TEXT, target: TEXT, open: TEXT });
  const [end] = positionals;
  const target = parseTarget((end === 'inside' ? values.target : values.open) ?? '');
  if ((end !== 'inside' && end !== 'outside') || !target || values.nats === undefined)
    throw new TypeError("expected 'inside --nats HOST:PORT --target HOST:PORT' or 'outside --nats HOST:PORT --open HOST:PORT'");
  untilInterrupted(
    from(connectNats({ servers: values.nats })).pipe(
      switchMap((connection) => (end === 'inside' ? inside : outside)(connection, target)),
      tap(({ address }) => console.log('listening on', address)),
      switchMap(({ errors$ }) => errors$.pipe(map((error) => `a stream failed: ${String(error)}`))),
      tap((line) => console.log(line)),
    ),
  );
}

runProgram(import.meta.url, main);
