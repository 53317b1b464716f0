import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as certificates from '../../support/certificates.ts';
import { startPeer, type Peer } from '../peers.ts';

/** Maximum time to start, in milliseconds. It takes 4 s on an idle machine, and 40 s on a busy one. */
export const RABBITMQ_START = 90_000;

/** Starts RabbitMQ: AMQP on `plain`, AMQP over TLS from the first byte on `tls`. The Erlang runtime listens on `epmd` and `dist`. */
export function startRabbitmq(): Promise<Peer<'plain' | 'tls' | 'epmd' | 'dist'>> {
  return startPeer(
    ['plain', 'tls', 'epmd', 'dist'],
    (ports, folder) => {
      const { cert, key } = certificates.server;
      const subfolder = (name: string): string => {
        mkdirSync(join(folder.path, name));
        return join(folder.path, name);
      };
      const conf = folder.file(
        'rabbitmq.conf',
        `listeners.tcp.1 = 127.0.0.1:${ports.plain}
listeners.ssl.1 = 127.0.0.1:${ports.tls}
ssl_options.cacertfile = ${folder.file('ca.pem', certificates.ca)}
ssl_options.certfile = ${folder.file('cert.pem', cert)}
ssl_options.keyfile = ${folder.file('key.pem', key)}
ssl_options.verify = verify_none
`,
      );
      const settings = {
        HOME: subfolder('home'),
        ERL_EPMD_ADDRESS: '127.0.0.1',
        ERL_EPMD_PORT: ports.epmd,
        RABBITMQ_CONF_ENV_FILE: folder.file('env', ''),
        RABBITMQ_CONFIG_FILE: conf,
        RABBITMQ_DIST_PORT: ports.dist,
        RABBITMQ_ENABLED_PLUGINS_FILE: folder.file('plugins', '[].'),
        RABBITMQ_LOG_BASE: subfolder('log'),
        RABBITMQ_LOGS: '-',
        RABBITMQ_MNESIA_BASE: subfolder('mnesia'),
        RABBITMQ_NODENAME: 'specs@localhost',
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} -setcookie ${folder.path.slice(-6)}`,
      };
      const environment = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      // An epmd that Erlang starts would outlive the specs.
      const run = folder.file('run', `epmd -port ${ports.epmd} & exec /usr/lib/rabbitmq/bin/rabbitmq-server`);
      return ['env', ...environment, 'sh', run];
    },
    ({ plain, tls }) => ({ ports: [plain, tls], readyOutput: /Server startup complete/, timeout: RABBITMQ_START }),
  );
}
