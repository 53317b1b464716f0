import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** How long it may take to start, in milliseconds: it takes 4 s on an idle machine, 40 s on a busy one. */
export const RABBITMQ_START = 90_000;

/** RabbitMQ: AMQP on `plain`, AMQP over TLS from the first byte on `tls`. The Erlang runtime takes `epmd` and `dist`. */
export function startRabbitmq(): Promise<Peer<'plain' | 'tls' | 'epmd' | 'dist'>> {
  return startPeer(
    ['plain', 'tls', 'epmd', 'dist'],
    (ports, room) => {
      const { cert, key } = certificates.server;
      const folder = (name: string): string => {
        mkdirSync(join(room.folder, name));
        return join(room.folder, name);
      };
      const conf = room.file(
        'rabbitmq.conf',
        `listeners.tcp.1 = 127.0.0.1:${ports.plain}
listeners.ssl.1 = 127.0.0.1:${ports.tls}
ssl_options.cacertfile = ${room.file('ca.pem', certificates.ca)}
ssl_options.certfile = ${room.file('cert.pem', cert)}
ssl_options.keyfile = ${room.file('key.pem', key)}
ssl_options.verify = verify_none
`,
      );
      const settings = {
        HOME: folder('home'),
        ERL_EPMD_ADDRESS: '127.0.0.1',
        ERL_EPMD_PORT: ports.epmd,
        RABBITMQ_CONF_ENV_FILE: room.file('env', ''),
        RABBITMQ_CONFIG_FILE: conf,
        RABBITMQ_DIST_PORT: ports.dist,
        RABBITMQ_ENABLED_PLUGINS_FILE: room.file('plugins', '[].'),
        RABBITMQ_LOG_BASE: folder('log'),
        RABBITMQ_LOGS: '-',
        RABBITMQ_MNESIA_BASE: folder('mnesia'),
        RABBITMQ_NODENAME: 'specs@localhost',
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} -setcookie ${room.folder.slice(-6)}`,
      };
      const environment = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      // The epmd that Erlang starts by itself would outlive the specs.
      const run = room.file('run', `epmd -port ${ports.epmd} & exec /usr/lib/rabbitmq/bin/rabbitmq-server`);
      return ['env', ...environment, 'sh', run];
    },
    ({ plain, tls }) => ({ ports: [plain, tls], prints: /Server startup complete/, within: RABBITMQ_START }),
  );
}
