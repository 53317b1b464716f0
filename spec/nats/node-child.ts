// A node that listens on a subject: sends back all bytes. Prints a line when it listens.
//
//   node --import tsx spec/nats/node-child.ts URL SUBJECT
import { connect } from '@nats-io/transport-node';
import { natsListen } from '../../src/nats/nats-listen.ts';

const [, , servers = '', subject = ''] = process.argv;
const connection = await connect({ servers });
natsListen({ connection, subject }, (io) => io.send(io)).subscribe(() => console.log('listening'));
