import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { describe, expect } from 'vitest';
import { tlsClient } from '../../../src/plugins/tls/tls-client.ts';
import { tlsServer } from '../../../src/plugins/tls/tls-server.ts';
import { fromFh } from '../../../src/wire/fh/fh.ts';
import { tcp } from '../../../src/wire/tcp.ts';
import { dialOf, WireDriver } from '../../support/wire-driver.ts';
import * as certificates from '../../support/certificates.ts';
import { pair } from '../../support/loopback.ts';
import { spec } from '../../support/spec.ts';
import { nodeTlsServer } from '../../support/node-tls-server.ts';

const { ca, server } = certificates;

describe('renegotiation', () => {
  spec('errors with ETLS if the client starts it', async (h) => {
    const { near, far } = await pair(h);
    const us = new WireDriver(h, tlsServer(server)(fromFh(near)));
    const node = connectTls({ socket: far, ca, servername: 'localhost', maxVersion: 'TLSv1.2' }).on('error', () => {});
    await Promise.all([us.waitFor('connected'), once(node, 'secureConnect')]);
    node.write('before');
    await h.until(() => us.text === 'before');
    for (let each = 0; each < 5 && !node.destroyed; each += 1) node.renegotiate({}, () => node.write('after'));
    await us.up.ended;
    h.error(us.up.error, { code: 'ETLS', phase: 'read' });
    expect((us.up.error as Error).message).toMatch(/renegotiation/);
    expect([us.summary, us.text]).toStrictEqual(['connected data error', 'before']);
  });

  spec('errors with ETLS if the server starts it', async (h) => {
    let renegotiate = (): void => {};
    const to = await nodeTlsServer(h, { maxVersion: 'TLSv1.2' }, (socket) => (renegotiate = () => socket.renegotiate({}, () => {})));
    const us = new WireDriver(h, tlsClient({ ca })(tcp()), { ...dialOf(), to });
    await us.waitFor('connected');
    renegotiate();
    await us.up.ended;
    h.error(us.up.error, { code: 'ETLS', phase: 'read' });
    expect(us.summary).toBe('resolved connected error');
  });
});
